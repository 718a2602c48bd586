"""An /etc of its own for a worker that changes resolv.conf.

A bind mount of the one file alone would not do: it vanishes, in every mount
namespace, as soon as anybody replaces the real file by a rename (as editors,
DHCP clients and osapi itself do), and the worker would change this machine.
So the directory is private, and the file is a mount within it."""
import os
import pathlib
import shutil
import subprocess

NEEDED = ("hosts", "passwd", "group", "nsswitch.conf", "os-release",
          "ld.so.cache", "localtime", "ssl/openssl.cnf")
TEXT = "# kept\nnameserver 192.0.2.1\noptions ndots:2\n"
NAMESPACE = ["unshare", "--mount"] + \
    ([] if os.geteuid() == 0 else ["--map-root-user"])


def possible():
    """Whether a mount namespace may be made here."""
    return subprocess.run([*NAMESPACE, "true"], capture_output=True,
                          check=False).returncode == 0


def resolv_conf(stack, number):
    """The resolv.conf of a worker, as it is seen from outside."""
    if "OSAPI_TEST_INSTALLED" in os.environ:
        return pathlib.Path("/etc/resolv.conf")
    return stack.directory / f"resolv-{number}.conf"


def private_etc(stack, number):
    """Prefix of a worker's command, a "wrap" of a Stack."""
    file = resolv_conf(stack, number)
    file.write_text(TEXT)
    file.chmod(0o644)
    etc = stack.directory / f"etc-{number}"
    (etc / "ssl").mkdir(parents=True, exist_ok=True)
    (etc / "resolv.conf").touch()
    for name in NEEDED:
        if os.access(f"/etc/{name}", os.R_OK):
            shutil.copyfile(f"/etc/{name}", etc / name)
    return [*NAMESPACE, "sh", "-c",
            'mount --bind "$0" /etc && mount --bind "$1" /etc/resolv.conf && '
            'shift && exec "$@"', str(etc), str(file)]
