"""The DNS provider against a real systemd-resolved.

The packages are downloaded and unpacked, not installed: installing
systemd-resolved would replace this machine's /etc/resolv.conf.  The daemon runs
in network and mount namespaces of its own, with a private dbus-daemon as its
system bus and a veth pair as its links.  What the provider must do there is in
t/unit/dns_resolved.c, which is run inside.
"""

import os
import pathlib
import re
import subprocess

import pytest

from stack import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("TEST_BUILD", "build") / "t/unit/dns_resolved"
PACKAGES = ["systemd-resolved", "libsystemd-shared", "libkmod2", "libip4tc2"]
GUARD_S = 60

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/>
    <allow send_type="signal"/><allow receive_type="signal"/>
    <allow send_type="method_call"/><allow receive_type="method_call"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
</busconfig>
"""

# Runs inside the namespaces; $1 is the test's directory.  The user that
# systemd-resolved turns into exists only in there.
SETUP = """\
set -eu
cp /etc/passwd "$1/passwd"
cp /etc/group "$1/group"
if ! grep -q ^systemd-resolve: /etc/passwd; then
    echo 'systemd-resolve:x:989:989::/:/usr/sbin/nologin' >>"$1/passwd"
    echo 'systemd-resolve:x:989:' >>"$1/group"
fi
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mkdir -p /run/systemd
mount -t tmpfs private /run/systemd
mkdir /run/systemd/resolve
chown systemd-resolve:systemd-resolve /run/systemd/resolve
ip link set lo up
ip link add veth0 type veth peer name eth0.100
ip link set veth0 up
ip link set eth0.100 up
"""


class Host:
    """Namespaces with a bus and, while it is started, systemd-resolved."""

    def __init__(self, directory):
        self.directory = directory
        self.tree = directory / "tree"
        self.children = []
        self.holder = self.spawn_plain(
            ["unshare", "--mount", "--net", "--propagation", "private",
             "sh", "-c", "echo ready; exec sleep 3600"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        socket = "/run/systemd/bus"  # where any user may go
        libraries = sorted({str(path.parent)
                            for path in self.tree.rglob("lib*.so*")})
        self.environment = dict(
            os.environ,
            DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={socket}",
            LD_LIBRARY_PATH=":".join(libraries),
            PATH=f"{self.tree}/usr/bin:{os.environ['PATH']}")
        (directory / "bus.conf").write_text(BUS_CONFIG.format(socket=socket))
        self.run(["sh", "-c", SETUP, "setup", str(directory)], check=True)
        self.spawn(["dbus-daemon", "--nofork", "--nopidfile",
                    f"--config-file={directory}/bus.conf"])
        wait_until("the bus",
                   lambda: self.run(["test", "-S", socket]).returncode == 0)
        self.resolved = None

    def inside(self, argv):
        # the root too, as the tests may run in a chroot
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--net",
                "--root", "--", *argv]

    def spawn_plain(self, argv, **options):
        child = subprocess.Popen(argv, **options)
        self.children.append(child)
        return child

    def spawn(self, argv):
        log = open(self.directory / f"{pathlib.Path(argv[0]).name}.log", "ab")
        with log:
            return self.spawn_plain(self.inside(argv), env=self.environment,
                                    stdout=log, stderr=log)

    def run(self, argv, check=False, **environment):
        return subprocess.run(self.inside(argv), check=check, text=True,
                              env=dict(self.environment, **environment),
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=GUARD_S * 2)

    def start_resolved(self):
        self.resolved = self.spawn(
            [str(self.tree / "lib/systemd/systemd-resolved")])
        wait_until("systemd-resolved",
                   lambda: self.resolved.poll() is not None
                   or self.run(["resolvectl", "dns", "veth0"]).returncode == 0)
        log = (self.directory / "systemd-resolved.log").read_text()
        assert self.resolved.poll() is None, log

    def stop_resolved(self):
        self.resolved.terminate()
        self.resolved.wait(GUARD_S)

    def close(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait(GUARD_S)


def unpack(directory):
    """The packages' files below directory/tree."""
    download = directory / "packages"
    download.mkdir()
    fetched = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", *PACKAGES],
        cwd=download, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    if fetched.returncode != 0:
        pytest.skip(f"apt-get download: {fetched.stdout[-300:]}")
    for package in download.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, directory / "tree"],
                       check=True)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    assert PROGRAM.exists(), f"{PROGRAM}: build it with make tests"
    directory = tmp_path_factory.mktemp("resolved")
    unpack(directory)
    host = Host(directory)
    yield host
    host.close()


def run_cases(host, state):
    result = host.run([str(PROGRAM)], OSAPI_TEST_RESOLVED=state)
    passed = re.search(r"^unit dns_resolved: (\d+) passed, 0 failed$",
                       result.stdout, re.MULTILINE)
    assert result.returncode == 0 and passed, result.stdout
    skipped = result.stdout.count("skipped: ")
    return int(passed[1]) - skipped, result.stdout


def test_provider_and_resolvectl_agree(host):
    host.start_resolved()
    ran, output = run_cases(host, "running")
    host.stop_resolved()
    assert ran == 9, output
    log = (host.directory / "systemd-resolved.log").read_text()
    # what was put back, and what was not written a second time
    assert log.count("set DNS server list to: 192.0.2.8") == 1, log
    assert log.count("set search domain list to: c.example") == 1, log


def test_stopped_daemon_is_told_apart(host):
    ran, output = run_cases(host, "stopped")
    assert ran == 3, output
