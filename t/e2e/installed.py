"""The installed package as a stack: its programs run as its units, with all
their restrictions, behind the nginx of the distribution.

Only for a machine that may be changed: the booted container of
test_package.py, which runs other tests with OSAPI_TEST_INSTALLED set.
"""

import pathlib
import shutil
import signal
import subprocess

from stack import LIMIT, Process, Stack, StackError, alive, listens, \
    wait_until

UNITS = pathlib.Path("/run/systemd/system")
LOGS = pathlib.Path("/run/osapi-test-log")
SITE = pathlib.Path("/etc/nginx/sites-enabled/osapi")
STATE = ("/etc/osapi", "/var/lib/osapi-nats", "/var/lib/osapi-worker")


def systemctl(*words, check=True):
    """Runs systemctl; what it said."""
    done = subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=2 * LIMIT,
                          check=False)
    if check and done.returncode != 0:
        state = systemctl("status", "--no-pager", "-n", "20", words[-1],
                          check=False)
        raise StackError(f"systemctl {' '.join(words)}: {done.stderr}{state}")
    return done.stdout.strip()


class Unit(Process):
    """A service of systemd in a Process's clothes."""

    def __init__(self, name, unit, env=None):
        super().__init__(name, [unit], env or {}, LOGS / f"{name}.log")
        self.unit = unit
        self.directory = UNITS / f"{unit}.d"
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = ["[Service]", "Restart=no",
                 f"StandardOutput=append:{self.log}"]
        lines += [f'Environment="{name}={value}"'
                  for name, value in self.env.items()]
        (self.directory / "test.conf").write_text("\n".join(lines) + "\n")

    @property
    def pid(self):
        return int(systemctl("show", "-P", "MainPID", self.unit))

    def start(self):
        systemctl("daemon-reload")
        try:
            systemctl("restart", self.unit)
        except StackError as error:
            said = systemctl("status", "--no-pager", "-l", self.unit,
                             check=False)
            raise StackError(f"{error}\n{said}") from error

    def running(self):
        return systemctl("is-active", self.unit, check=False) in (
            "active", "reloading")

    def signal_group(self, number):
        systemctl("kill", "-s", str(int(number)), self.unit, check=False)

    def kill(self):
        if self.running():
            pid = self.pid
            self.signal_group(signal.SIGKILL)
            wait_until(f"{self.unit} is dead", lambda: not alive(pid) and
                       not self.running())

    def stop(self, number=signal.SIGTERM):
        systemctl("stop", self.unit)
        return int(systemctl("show", "-P", "ExecMainStatus", self.unit))

    def check(self):
        if not self.running():
            raise StackError(f"{self.unit} does not run:\n" + systemctl(
                "status", "--no-pager", self.unit, check=False))
        return True


class Installed(Stack):
    """A fresh configuration, and one worker's unit a specification."""

    def __init__(self, workers=({},), processes=2, env=None):
        super().__init__(workers, processes, env)
        shutil.rmtree(self.directory)
        for path in STATE:
            shutil.rmtree(path, ignore_errors=True)
        LOGS.mkdir(exist_ok=True)
        self.directory, self.logs = pathlib.Path(STATE[0]), LOGS
        self.directory.mkdir()
        self.socket = pathlib.Path("/run/osapi/fcgi.sock")
        self.port, self.nats_port = 8080, 4222
        for name in ("NATS_SERVER_HOST", "NATS_SERVER_PORT",
                     "NATS_SERVER_STORE_DIR", "API_SERVER_PORT",
                     "API_SERVER_FCGI_SOCKET", "API_SERVER_NATS_HOST",
                     "API_SERVER_NATS_PORT", "JOB_WORKER_NATS_HOST",
                     "JOB_WORKER_NATS_PORT", "API_CLIENT_URL"):
            del self.env[f"OSAPI_{name}"]

    def settings(self):
        """What differs from the configuration's defaults."""
        return {name: value for name, value in self.env.items()
                if name.startswith("OSAPI_")}

    def unit(self, name, unit, env):
        process = Unit(name, unit, env)
        self.processes.append(process)
        process.log.unlink(missing_ok=True)
        process.start()
        return process

    def start_all(self):
        self.osapi("init")
        for specification in self.specifications:
            self.admit(specification)
        self.nats = self.unit("nats", "osapi-nats.service", self.settings())
        self.wait_nats()
        self.fcgi = self.unit("fcgi", "osapi-fcgi.service", self.settings())
        for number, specification in enumerate(self.specifications):
            self.start_worker(number, specification)
        SITE.write_text(self.osapi("nginx", "config").stdout)
        self.nginx = self.unit("nginx", "nginx.service", {})
        self.wait_ready()

    def start_worker(self, number, specification):
        name = "osapi-worker" + (f"-{number}" if number else "")
        if number:
            text = pathlib.Path(
                "/lib/systemd/system/osapi-worker.service").read_text()
            (UNITS / f"{name}.service").write_text(text.replace(
                "StateDirectory=osapi-worker", f"StateDirectory={name}"))
        env = {**self.settings(),
               "OSAPI_JOB_WORKER_JOURNAL_DIR": f"/var/lib/{name}"}
        env.update(self.admit(specification))
        if "labels" in specification:
            env["OSAPI_JOB_WORKER_LABELS"] = ",".join(
                f"{k}={v}" for k, v in specification["labels"].items())
        env.update(specification.get("env", {}))
        self.workers.append(self.unit(f"worker-{number}", f"{name}.service",
                                      env))

    def wait_nats(self):
        wait_until("nats-server listens", lambda: self.nats.check() and
                   listens(self.nats_port))

    def close(self):
        systemctl("stop", "osapi-fcgi.socket", check=False)
        try:
            for process in reversed(self.processes):
                process.kill()
                if isinstance(process, Unit):
                    systemctl("reset-failed", process.unit, check=False)
                    shutil.rmtree(process.directory)
            for path in UNITS.glob("osapi-worker-*.service"):
                path.unlink()
            systemctl("daemon-reload")
        finally:
            SITE.unlink(missing_ok=True)
            for path in (*STATE, *pathlib.Path("/var/lib").glob(
                    "osapi-worker-*")):
                shutil.rmtree(path, ignore_errors=True)
