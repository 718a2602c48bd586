"""The Debian package on a Debian with systemd: installed, set up, used under
the units' restrictions, restarted and upgraded under load, removed and purged.

The tests are one story, in the order of this file, in one container.
"""

import json
import re
import signal
import subprocess

import pytest

from machine import RESOLV_CONF, Impossible, Machine
from stack import BUILD, LIMIT, ROOT, environment, wait_until

SERVICES = ("osapi-nats", "osapi-fcgi", "osapi-worker")
SECRETS = ("/etc/osapi", "/var/lib/osapi-nats", "/var/lib/osapi-worker")
EXPOSURE = {"osapi-fcgi": 15, "osapi-nats": 20, "osapi-worker": 30}
# Tests that also run against the units. Left out is what needs other hosts
# than the container, as those that are broken on purpose, and the socket that
# is gone when its program stops.
INNER = ("test_pipeline.py", "test_targets.py", "test_bad_input.py",
         "test_survival.py", "test_conformance.py::test_a_host_answers",
         "test_conformance.py::test_a_change_says_whether_there_was_any")
INNER_NOT = "drains_on_sigterm"


def build():
    """The package's path, made by `make deb`: lintian has seen it."""
    env = environment()
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    done = subprocess.run(["make", "-C", str(ROOT), "deb"], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20 * LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (ROOT / "build/deb").glob("osapi_*.deb")
    return path


@pytest.fixture(scope="module", name="machine")
def fixture_machine():
    try:
        with Machine() as made:
            yield made
    except Impossible as why:
        pytest.skip(f"no container can be booted here: {why}")


@pytest.fixture(scope="module", name="package")
def fixture_package(machine):
    if BUILD != ROOT / "build":
        pytest.skip("a package is built without sanitizers")
    return build()


def shown(machine, unit, name):
    return machine.run("systemctl", "show", "-P", name, unit).stdout.strip()


def pids(machine):
    return {unit: shown(machine, f"{unit}.service", "MainPID")
            for unit in SERVICES}


def active(machine, *units):
    return machine.run("systemctl", "is-active", *units,
                       check=False).stdout.split()


def ready(machine):
    """Until every responder is ready and the worker is registered."""
    def is_ready():
        return all(machine.run("osapi", "client", "health", "ready",
                               check=False).returncode == 0
                   for _ in range(4)) and \
            "running" in ask(machine, "-j", "job", "workers", "list",
                             check=False).stdout
    wait_until("the API and the worker are ready", is_ready)


def token(machine, role="admin"):
    return machine.run("osapi", "token", "generate", "--role", role,
                       "--subject", "tester").stdout.strip()


def ask(machine, *words, role="admin", check=True):
    """osapi client WORDS through nginx."""
    flags = [word for word in words if word == "-j"]
    words = [word for word in words if word != "-j"]
    env = {"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": token(machine, role)} \
        if role else {}
    return machine.run("osapi", *flags, "client", *words, env=env,
                       check=check)


def digests(machine, *paths):
    """What is in the files below, but for the broker's, which it rewrites."""
    text = machine.run("find", *paths, "-type", "f", "-not", "-path",
                       "*/jetstream/*", "-not", "-name", "nats-server.conf",
                       "-exec", "sha256sum", "{}", "+").stdout
    return dict(reversed(line.split()) for line in text.splitlines())


class Loaded:
    """with Loaded(machine) as result: load while the block runs; then
    result holds answers, jobs and failures."""

    def __init__(self, machine, kind="waiting"):
        self.machine, self.kind, self.result = machine, kind, {}

    def __enter__(self):
        self.popen = subprocess.Popen(
            ["nsenter", "-t", str(self.machine.leader), "-a", "env",
             f"TOKEN={token(self.machine)}", "PYTHONDONTWRITEBYTECODE=1",
             "/usr/bin/python3", str(ROOT / "t/e2e/load.py"), "8080",
             self.kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self.result

    def __exit__(self, *_):
        self.result.update(json.loads(self.popen.communicate(
            timeout=LIMIT)[0]))


def check_nothing_lost(machine, result):
    print(f"{result['answers']} answers, {len(result['jobs'])} jobs")
    assert not result["failures"], result["failures"][:20]
    assert result["jobs"]
    for job in result["jobs"][:2] + result["jobs"][-2:]:
        def ended():
            got = json.loads(ask(machine, "-j", "job", "get", job).stdout)
            return got["status"] == "completed"
        wait_until("the job has run", ended)


def test_installing_starts_nothing(machine, package):
    machine.run("cp", package, "/root/osapi.deb")
    machine.run("dpkg", "--force-unsafe-io", "-i", "/root/osapi.deb")
    for user in ("osapi", "osapi-nats", "osapi-worker"):
        assert machine.run("id", "-un", user).stdout.strip() == user
    assert active(machine, *SERVICES) == ["inactive"] * 3
    assert machine.run("systemctl", "is-enabled", *SERVICES,
                       check=False).stdout.split() == ["disabled"] * 3
    # before there is a configuration a start is passed over, not a failure
    machine.run("systemctl", "start", *SERVICES)
    assert active(machine, *SERVICES) == ["inactive"] * 3
    assert machine.run("man", "-w", "osapi.yaml").stdout


def test_end_to_end_tests_pass_under_the_restrictions(machine, package):
    machine.run("mkdir", "-p", "/opt/osapi/bin")
    for path in ("bin/osapi", "sbin/osapi-fcgi", "sbin/osapi-worker"):
        machine.run("ln", "-s", f"/usr/{path}", "/opt/osapi/bin/")
    done = machine.run(
        "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-k", f"not {INNER_NOT}", *(f"{ROOT}/t/e2e/{name}" for name in INNER),
        env={"OSAPI_TEST_INSTALLED": "1", "TEST_BUILD": "/opt/osapi",
             "PYTHONDONTWRITEBYTECODE": "1"}, limit=10 * LIMIT, check=False)
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout.splitlines()[-1])
    assert int(passed[1]) > 100


def test_init_and_start(machine, package):
    assert "Next" in machine.run("osapi", "init").stdout
    assert machine.run("stat", "-c", "%a %U %G", "/etc/osapi/osapi.yaml") \
        .stdout.split() == ["640", "root", "osapi"]
    machine.run("ln", "-s", "../sites-available/osapi",
                "/etc/nginx/sites-enabled/osapi")
    machine.run("systemctl", "enable", "--now", *SERVICES)
    machine.run("systemctl", "restart", "nginx")
    assert active(machine, *SERVICES, "osapi-fcgi.socket") == ["active"] * 4
    ready(machine)


def test_a_job_through_nginx_with_the_client(machine, package):
    host = machine.run("hostname").stdout.strip()
    assert host in ask(machine, "system", "hostname", role="read").stdout
    done = ask(machine, "-j", "job", "run", "system.load.get", role="write")
    assert json.loads(done.stdout)["status"] == "completed"
    refused = ask(machine, "system", "hostname", role=None, check=False)
    assert refused.returncode == 4 and refused.stderr
    refused = ask(machine, "job", "run", "system.load.get", role="read",
                  check=False)
    assert refused.returncode == 4 and "read" in refused.stderr
    refused = ask(machine, "-T", "nobody-1", "system", "load", check=False)
    assert refused.returncode == 1 and "nobody-1" in refused.stderr


def test_ping_under_the_restrictions(machine, package):
    for address in ("127.0.0.1", "::1"):
        done = ask(machine, "-j", "network", "ping", address)
        [row] = json.loads(done.stdout)["results"]
        assert row["packets_sent"] == row["packets_received"] == 3, row


def test_dns_changes_under_the_restrictions(machine, package):
    words = ("network", "dns", "update", "--interface-name", "lo",
             "--servers", "192.0.2.53", "--yes")
    ask(machine, *words)
    changed = machine.file("/etc/resolv.conf")
    assert changed == RESOLV_CONF.replace("192.0.2.1", "192.0.2.53")
    assert machine.run("stat", "-c", "%a %U %G", "/etc/resolv.conf").stdout \
        .split() == ["644", "root", "root"]
    refused = ask(machine, "network", "dns", "update", "--interface-name",
                  "none-0", "--servers", "192.0.2.54", "--yes", check=False)
    assert refused.returncode == 1 and "none-0" in refused.stderr + \
        refused.stdout
    assert machine.file("/etc/resolv.conf") == changed


def test_services_have_no_more_rights_than_they_need(machine, package):
    for unit, most in EXPOSURE.items():
        machine.run("systemd-analyze", "security", f"--threshold={most}",
                    f"{unit}.service")
    running = {}
    for unit, pid in pids(machine).items():
        status = machine.file(f"/proc/{pid}/status")
        running[unit] = {name: re.search(rf"^{name}:\s+(.*)$", status,
                                         re.M)[1].split()
                         for name in ("Uid", "CapPrm", "CapBnd", "Seccomp",
                                      "NoNewPrivs")}
        assert running[unit]["Seccomp"] == ["2"]
        assert running[unit]["NoNewPrivs"] == ["1"]
    net_raw = f"{1 << 13:016x}"
    for unit in ("osapi-fcgi", "osapi-nats"):
        uid = machine.run("id", "-u", unit.replace("-fcgi", "")).stdout.strip()
        assert running[unit]["Uid"] == [uid] * 4
        assert running[unit]["CapBnd"] == ["0" * 16]
    assert running["osapi-worker"]["Uid"] == ["0"] * 4
    assert running["osapi-worker"]["CapPrm"] == [net_raw]
    assert running["osapi-worker"]["CapBnd"] == [net_raw]
    assert machine.run("stat", "-c", "%a %U %G", "/run/osapi/fcgi.sock") \
        .stdout.split() == ["660", "osapi", "www-data"]


def test_submitted_jobs_come_last_under_the_restrictions(machine, package):
    """Their threads are as nice as those of a worker without a unit."""
    pid = pids(machine)["osapi-worker"]
    stats = machine.run("sh", "-c", f"cat /proc/{pid}/task/*/stat").stdout
    nice = [line.rpartition(")")[2].split()[16]
            for line in stats.splitlines()]
    assert {"0", "10"} == set(nice), nice


def test_reload_and_restart_under_load_lose_no_request(machine, package):
    before = pids(machine)
    with Loaded(machine) as result:
        for _ in range(3):
            machine.run("systemctl", "reload", "osapi-fcgi")
        for _ in range(3):
            machine.run("systemctl", "restart", "osapi-fcgi")
        ready(machine)
    check_nothing_lost(machine, result)
    after = pids(machine)
    assert after["osapi-fcgi"] != before["osapi-fcgi"]
    assert after["osapi-worker"] == before["osapi-worker"]


def test_a_bad_configuration_fails_the_reload(machine, package):
    machine.run("cp", "-p", "/etc/osapi/osapi.yaml", "/root/good.yaml")
    machine.run("sh", "-c", "echo nonsense: 1 >>/etc/osapi/osapi.yaml")
    before = pids(machine)
    done = machine.run("systemctl", "reload", "osapi-fcgi", check=False)
    machine.run("cp", "-p", "/root/good.yaml", "/etc/osapi/osapi.yaml")
    assert done.returncode != 0
    assert "nonsense" in machine.journal("osapi-fcgi")
    assert pids(machine) == before
    machine.run("systemctl", "reload", "osapi-fcgi")
    ready(machine)


def test_a_service_that_hangs_is_restarted(machine, package):
    """The shipped times are for loaded machines; shorter ones for the test."""
    for unit in SERVICES:
        machine.run("sh", "-c", f"mkdir -p /run/systemd/system/{unit}.service.d"
                    f" && printf '[Service]\\nWatchdogSec=6s\\n' "
                    f">/run/systemd/system/{unit}.service.d/short.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", *SERVICES)
    ready(machine)
    before = pids(machine)
    for pid in before.values():
        machine.run("kill", f"-{int(signal.SIGSTOP)}", pid)

    def others():
        now = pids(machine)
        return all(now[unit] not in ("0", before[unit]) for unit in SERVICES)
    wait_until("all are started anew", others)
    for unit in SERVICES:
        wait_until("the journal tells why", lambda unit=unit:
                   "Watchdog timeout" in machine.journal(unit))
        machine.run("rm", f"/run/systemd/system/{unit}.service.d/short.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", *SERVICES)
    ready(machine)


def test_a_worker_without_root(machine, package):
    """It answers questions and pings; changes are refused with the reason."""
    directory = "/etc/systemd/system/osapi-worker.service.d"
    machine.run("mkdir", "-p", directory)
    machine.run("cp", "/usr/share/doc/osapi/examples/"
                "osapi-worker-unprivileged.conf", directory)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "osapi-worker")
    ready(machine)
    status = machine.file(f"/proc/{pids(machine)['osapi-worker']}/status")
    uid = machine.run("id", "-u", "osapi-worker").stdout.strip()
    assert re.search(rf"^Uid:\s+{uid}\s", status, re.M), status
    ask(machine, "system", "status")
    ask(machine, "network", "ping", "127.0.0.1")
    before = machine.file("/etc/resolv.conf")
    refused = ask(machine, "network", "dns", "update", "--interface-name",
                  "lo", "--servers", "192.0.2.99", "--yes", check=False)
    assert refused.returncode == 1, refused
    assert machine.file("/etc/resolv.conf") == before
    machine.run("rm", "-r", directory)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "osapi-worker")
    ready(machine)


def next_version(machine):
    """The same package with a higher version."""
    machine.run("dpkg-deb", "-R", "/root/osapi.deb", "/root/next")
    machine.run("sed", "-i", r"s/^Version: .*/&+next/",
                "/root/next/DEBIAN/control")
    machine.run("dpkg-deb", "-b", "/root/next", "/root/next.deb")
    return "/root/next.deb"


def test_an_upgrade_keeps_all_and_loses_no_request(machine, package):
    job = json.loads(ask(machine, "-j", "job", "run",
                         "system.hostname.get").stdout)["id"]
    secrets = digests(machine, *SECRETS)
    path = next_version(machine)
    before = pids(machine)
    assert len(secrets) >= 3
    # the only worker is restarted too, so nothing that waits for its answer
    with Loaded(machine, "quick") as result:
        machine.run("dpkg", "--force-unsafe-io", "-i", path)
        ready(machine)
    check_nothing_lost(machine, result)
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "osapi") \
        .stdout.endswith("+next")
    after = pids(machine)
    assert after["osapi-nats"] == before["osapi-nats"]
    assert after["osapi-fcgi"] != before["osapi-fcgi"]
    assert after["osapi-worker"] != before["osapi-worker"]
    kept = digests(machine, "/etc/osapi")
    assert kept == {name: digest for name, digest in secrets.items()
                    if name.startswith("/etc/osapi/")}
    got = json.loads(ask(machine, "-j", "job", "get", job).stdout)
    assert got["status"] == "completed"


@pytest.mark.parametrize("how", ["-r", "-P"])
def test_remove_and_purge_keep_data_and_secrets(machine, package, how):
    job = json.loads(ask(machine, "-j", "job", "run",
                         "system.hostname.get").stdout)["id"]
    before = digests(machine, "/etc/osapi")
    said = machine.run("dpkg", how, "osapi")
    assert active(machine, *SERVICES, "osapi-fcgi.socket") == \
        ["inactive"] * 4
    assert machine.run("test", "-e", "/usr/bin/osapi",
                       check=False).returncode != 0
    assert digests(machine, "/etc/osapi") == before
    for path in SECRETS:
        assert machine.run("ls", "-A", path).stdout, path
        assert how == "-r" or f"{path} is kept" in said.stdout
    site = machine.run("test", "-e", "/etc/nginx/sites-available/osapi",
                       check=False).returncode == 0
    assert site == (how == "-r")
    # back again, with what was kept
    machine.run("dpkg", "--force-unsafe-io", "-i", "/root/osapi.deb")
    machine.run("systemctl", "enable", "--now", *SERVICES)
    machine.run("systemctl", "restart", "nginx")
    ready(machine)
    got = json.loads(ask(machine, "-j", "job", "get", job).stdout)
    assert got["status"] == "completed"


def test_the_journal_holds_no_secret(machine, package):
    """What all of the above has logged."""
    text = machine.run("find", "/etc/osapi", "-type", "f", "-exec", "cat",
                       "{}", "+").stdout
    secrets = set(re.findall(r"\b[0-9a-f]{64}\b", text))
    assert len(secrets) >= 3
    journal = machine.run("journalctl", "--no-pager", "-o", "cat").stdout
    assert "serving" in journal
    assert not [secret for secret in secrets if secret in journal]
