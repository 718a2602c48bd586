"""A Debian of its own: this machine's system, booted with systemd in a
container over a writable layer in memory.  Nothing of this machine changes,
and the network within is the container's own loopback."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from cgroup import Cgroup
from stack import LIMIT, ROOT, StackError, children, command_line, tail, \
    wait_until

# Nothing of what this machine runs is started, only what a test needs.
TARGET = """[Unit]
Requires=basic.target
Wants=dbus.service
After=basic.target dbus.service
AllowIsolate=yes
"""
RESOLV_CONF = "# kept\nnameserver 192.0.2.1\noptions ndots:2\n"


class Impossible(Exception):
    """A container cannot be booted here; says why."""


class Machine:
    """with Machine() as machine: machine.run("systemctl", "status")"""

    def __init__(self):
        if os.geteuid() != 0:
            raise Impossible("booting a container needs root")
        for name in ("systemd-nspawn", "nsenter"):
            if not shutil.which(name):
                raise Impossible(f"{name} is not installed")
        if not os.path.exists("/lib/systemd/systemd"):
            raise Impossible("systemd is not installed")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="osapi-vm-"))
        self.root = self.directory / "m"
        self.log = self.directory / "console.log"
        self.cgroup = None
        self.nspawn = None
        self.leader = 0
        try:
            self.mount()
            self.prepare()
            self.boot()
        except BaseException:
            self.close()
            raise

    def mount(self):
        for words in (
                ["-t", "tmpfs", "-o", "mode=755,size=2g", "osapi-test",
                 str(self.directory)],
                ["-t", "overlay", "osapi-test", "-o",
                 f"lowerdir=/,upperdir={self.directory}/u,"
                 f"workdir={self.directory}/w", str(self.root)]):
            done = subprocess.run(["mount", *words], capture_output=True,
                                  text=True, check=False)
            if done.returncode != 0:
                raise Impossible(done.stderr.strip())
            for name in ("u", "w", "m"):
                (self.directory / name).mkdir(exist_ok=True)

    def prepare(self):
        etc = self.root / "etc"
        (etc / "systemd/system/osapi-test.target").write_text(TARGET)
        for name in ("resolv.conf", "hostname"):
            (etc / name).unlink(missing_ok=True)
        (etc / "resolv.conf").write_text(RESOLV_CONF)
        # an index of all manual pages takes long, and is not ours to test
        (self.root / "var/lib/man-db/auto-update").unlink(missing_ok=True)
        # where it exists it forbids maintainer scripts to start services
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        for path in ("etc/osapi", "var/lib/osapi-nats",
                     "var/lib/osapi-worker"):
            shutil.rmtree(self.root / path, ignore_errors=True)

    def boot(self):
        try:
            self.cgroup = Cgroup(self.directory.name)
        except OSError as error:
            raise Impossible(f"no control group: {error}") from error
        with open(self.log, "wb") as out:
            self.nspawn = subprocess.Popen(
                self.cgroup.enter([
                    "systemd-nspawn", "--quiet", "-D", str(self.root),
                    "--boot", "--register=no", "--keep-unit",
                    "--private-network", "--resolv-conf=off",
                    "--link-journal=no", "--timezone=off",
                    f"--bind-ro={ROOT}", f"--machine={self.directory.name}",
                    "--console=pipe", "systemd.unit=osapi-test.target"]),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)

        def found():
            if self.nspawn.poll() is not None:
                raise Impossible(f"systemd-nspawn: {tail(self.log, 5)}")
            for pid in children(self.nspawn.pid):
                if command_line(pid)[:1] == ["/usr/lib/systemd/systemd"]:
                    return pid
            return 0
        self.leader = wait_until("the container runs systemd", found)
        wait_until("the container has booted", lambda: self.run(
            "systemctl", "is-system-running", check=False).stdout.strip() in
            ("running", "degraded"))

    def run(self, *words, check=True, limit=5 * LIMIT, env=None):
        """Runs a command in the container to its end, as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
             "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
             *(f"{name}={value}" for name, value in (env or {}).items()),
             *map(str, words)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=limit, check=False)
        if check and done.returncode != 0:
            raise StackError(f"{' '.join(map(str, words))}: exit "
                             f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def file(self, path):
        """The text of a file in the container."""
        return self.run("cat", path).stdout

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit,
                        check=False).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the container, and takes every mount away."""
        if self.nspawn and self.nspawn.poll() is None:
            if self.leader:
                # halt, at once
                os.kill(self.leader, signal.SIGRTMIN + 13)
            try:
                self.nspawn.wait(LIMIT if self.leader else 1)
            except subprocess.TimeoutExpired:
                os.killpg(self.nspawn.pid, signal.SIGKILL)
                self.nspawn.wait(LIMIT)
        if self.cgroup:
            self.cgroup.remove()
        for path in (self.root, self.directory):
            if os.path.ismount(path):
                subprocess.run(["umount", "-l", str(path)], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
