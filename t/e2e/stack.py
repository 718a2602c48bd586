"""The shipped programs as one stack in a directory of its own.

Stack starts nats-server, the responders, workers and nginx one by one, so that
a test can have several workers and kill what it wants; Up runs `osapi up`,
which starts them all.  Both use free ports, keep every program's output in
DIR/log, and end exactly the process groups that they started.

The programs are those below $TEST_BUILD (default: build).
"""

import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("TEST_BUILD", "build")).resolve()
LIMIT = 60  # seconds; a guard against waiting for ever, not a measurement


class StackError(Exception):
    """Something did not start, stop or become ready."""


def wait_until(what, condition, limit=LIMIT):
    """The condition's first true value; StackError names what did not come:
    a text, or what a function then says."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise StackError(f"{what}: not within {limit} s")
        time.sleep(0.05)


HELD = []  # sockets that keep a port from others until these tests end


def free_port():
    """A port of 127.0.0.1 for a server, which sets SO_REUSEADDR as servers do:
    nobody else is given it, neither by this function nor to connect from."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    HELD.append(s)
    return s.getsockname()[1]


def listens(port):
    """Whether something takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def program(name):
    """The path of one of our programs."""
    return str(BUILD / "bin" / name)


def environment(**more):
    """This process's environment without OSAPI_ variables, and with more."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OSAPI_")}
    env.update({k: str(v) for k, v in more.items()})
    return env


def children(pid):
    """Process ids of the direct children."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def descendants(pid):
    """Process ids of all that come from this one."""
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def command_line(pid):
    """The words of a process, [] when it is gone or a zombie."""
    try:
        data = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return data.decode(errors="replace").rstrip("\0").split("\0") \
        if data else []


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def stands_still(pid):
    """Whether all threads of a process are stopped, or it is gone."""
    try:
        states = [path.read_text().rpartition(")")[2].split()[0] for path in
                  pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return not alive(pid)
    return set(states) <= {"T", "t"}


def tail(path, lines=15):
    """The last lines of a log."""
    try:
        text = pathlib.Path(path).read_text(errors="replace")
    except OSError as error:
        return str(error)
    return "\n".join(text.splitlines()[-lines:])


def gist(path):
    """A log's last warnings and errors, and its last lines."""
    text = pathlib.Path(path).read_text(errors="replace")
    bad = [line for line in text.splitlines()
           if '"level":"warning"' in line or '"level":"error"' in line]
    return "\n".join([*bad[-15:], "...", tail(path)])


class Process:
    """One program in a process group of its own; can be started again."""

    def __init__(self, name, argv, env, log):
        self.name, self.argv, self.env = name, argv, env
        self.log = pathlib.Path(log)
        self.popen = None

    @property
    def pid(self):
        return self.popen.pid

    def start(self):
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv, env=self.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
                cwd=self.log.parent)

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal_group(self, number):
        """Signals every process of the group; none may be left."""
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass

    def freeze(self):
        """SIGSTOP for all of it.  Such a signal is obeyed a moment later, in
        which a process can still answer: until then this waits."""
        self.signal_group(signal.SIGSTOP)
        wait_until(f"{self.name} stands still", lambda: all(map(
            stands_still, [self.pid, *descendants(self.pid)])))

    def kill(self):
        """kill -9 of all of it, at once."""
        if self.popen is None:
            return
        self.signal_group(signal.SIGKILL)
        self.popen.wait(LIMIT)

    def stop(self, number=signal.SIGTERM):
        """Asks the first process to end; what is left in the group is killed.

        The exit status."""
        if self.popen is None:
            return None
        if self.running():
            self.popen.send_signal(number)
        try:
            status = self.popen.wait(LIMIT)
        finally:
            self.signal_group(signal.SIGKILL)
        return status

    def check(self):
        """StackError when it has ended."""
        if not self.running():
            raise StackError(f"{self.name} ended with "
                             f"{self.popen.returncode}:\n{tail(self.log)}")
        return True


class Reply:
    """An HTTP answer, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


class Client:
    """Requests as one curl each: a connection per request."""

    def __init__(self, port, token=None):
        self.port, self.token = port, token

    def request(self, method, path, body=None, headers=None, timeout=LIMIT):
        """A dict or list as body is sent as JSON, bytes as they are.

        A value of None in headers leaves that header out."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        sent.update(headers or {})
        sent = {k: v for k, v in sent.items() if v is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=timeout)
        try:
            connection.request(method, path, body, sent)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)


class Base:
    """A directory made by `osapi init`, and tokens for it."""

    def __init__(self):
        # Short, as a unix socket's path has room for 107 characters; open to
        # nginx's workers, which are somebody else when the tests run as root.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="osapi-e2e-"))
        self.directory.chmod(0o755)
        self.logs = self.directory / "log"
        self.logs.mkdir()
        self.port = free_port()
        self.signing_key = secrets.token_hex(32)
        self.env = environment(
            OSAPI_API_SERVER_SECURITY_SIGNING_KEY=self.signing_key)
        self.processes = []

    @property
    def config(self):
        return self.directory / "osapi.yaml"

    def osapi(self, *words, check=True, limit=LIMIT, **more):
        """Runs one command of osapi to its end."""
        done = subprocess.run(
            [program("osapi"), "-f", str(self.config), *map(str, words)],
            env={**self.env, **more}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=limit, cwd=self.directory)
        if check and done.returncode != 0:
            raise StackError(f"osapi {' '.join(map(str, words))}: exit "
                             f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def token(self, role, subject="tester"):
        """A token as an operator gets one."""
        return self.osapi("token", "generate", "--role", role, "--subject",
                          subject).stdout.strip()

    def client(self, role=None, subject="tester"):
        """A client with a token of that role, without one for None."""
        return Client(self.port, role and self.token(role, subject))

    def ready(self):
        """Whether /health/ready says so, several times: each responder
        process answers for itself."""
        try:
            return all(Client(self.port).get("/health/ready").status == 200
                       for _ in range(8))
        except (OSError, http.client.HTTPException):
            return False

    def add(self, name, argv, env=None):
        """Starts a program of the stack."""
        log = self.logs / f"{name}.log"
        log.unlink(missing_ok=True)
        process = Process(name, argv, env or self.env, log)
        self.processes.append(process)
        process.start()
        return process

    def whole_lines(self, name):
        """The lines of a log; the last may be half written as it is read."""
        text = (self.logs / f"{name}.log").read_bytes()
        text = text[:text.rfind(b"\n") + 1].decode(errors="replace")
        return text.split("\n")[:-1]

    def tails(self):
        """The ends of all logs, for a test that failed."""
        paths = sorted(path for path in self.logs.rglob("*.log")
                       if "access" not in path.name)
        return "\n".join(f"--- {path.relative_to(self.logs)}\n{gist(path)}"
                         for path in paths)

    def close(self):
        """Ends what was started, in reverse, and removes the directory."""
        try:
            for process in reversed(self.processes):
                process.stop()
        finally:
            for process in self.processes:
                process.kill()
            complaints = self.complaints()
            shutil.rmtree(self.directory, ignore_errors=True)
        if complaints:
            raise StackError(complaints)

    def complaints(self):
        """What a sanitizer wrote, where the programs were built with one."""
        for path in sorted(self.directory.rglob("*.log")):
            text = path.read_text(errors="replace")
            for sign in ("Sanitizer: ", "runtime error: "):
                at = text.find(sign)
                if at >= 0:
                    return f"{path.name}: {text[max(0, at - 200):at + 6000]}"
        return ""


class Stack(Base):
    """nats-server, responders, workers and nginx, started one by one.

    `workers` is a list of dicts: hostname and labels ({} : this machine's
    name), further environment variables of that worker below "env", and
    below "wrap" a function of stack and number: words before its command."""

    def __init__(self, workers=({},), processes=2, env=None):
        super().__init__()
        self.nats_port = free_port()
        self.socket = self.directory / "fcgi.sock"
        self.env.update({
            "OSAPI_NATS_SERVER_HOST": "127.0.0.1",
            "OSAPI_NATS_SERVER_PORT": str(self.nats_port),
            "OSAPI_NATS_SERVER_STORE_DIR": str(self.directory / "nats"),
            "OSAPI_API_SERVER_PORT": str(self.port),
            "OSAPI_API_SERVER_FCGI_SOCKET": str(self.socket),
            "OSAPI_API_SERVER_FCGI_PROCESSES": str(processes),
            "OSAPI_API_SERVER_NATS_HOST": "127.0.0.1",
            "OSAPI_API_SERVER_NATS_PORT": str(self.nats_port),
            "OSAPI_JOB_WORKER_NATS_HOST": "127.0.0.1",
            "OSAPI_JOB_WORKER_NATS_PORT": str(self.nats_port),
            "OSAPI_API_CLIENT_URL": f"http://127.0.0.1:{self.port}",
            **(env or {})})
        self.specifications = list(workers)
        self.nats = self.fcgi = self.nginx = None
        self.workers = []

    def start(self):
        try:
            self.start_all()
        except Exception as error:
            text = self.tails()
            self.close()
            raise StackError(f"{error}\n{text}") from error
        return self

    def start_all(self):
        self.osapi("init", "--dir", self.directory)
        for specification in self.specifications:
            self.admit(specification)
        self.nats = self.add("nats", [program("osapi"), "-f",
                                      str(self.config), "nats", "server",
                                      "start"])
        self.wait_nats()
        self.fcgi = self.add("fcgi", [program("osapi-fcgi"), "-f",
                                      str(self.config)])
        for number, specification in enumerate(self.specifications):
            self.start_worker(number, specification)
        self.nginx = self.add("nginx", ["nginx", "-c", self.write_site(), "-p",
                                        str(self.directory), "-e", "stderr"])
        self.wait_ready()

    def write_site(self):
        """nginx.conf with the site in it, as an nginx of a distribution has;
        all that it writes is in the stack's directory."""
        site = self.osapi("nginx", "config").stdout.replace(
            "/var/log/nginx/", f"{self.logs}/")
        temporary = "\n".join(
            f"{kind}_temp_path {self.directory}/{kind};" for kind in
            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.geteuid() == 0 else ""
        path = self.directory / "nginx.conf"
        path.write_text(
            f"{user}\ndaemon off;\nworker_processes 2;\n"
            f"pid {self.directory}/nginx.pid;\nerror_log stderr warn;\n"
            "events { worker_connections 1024; }\n"
            f"http {{\n{temporary}\n{site}\n}}\n")
        return str(path)

    def admit(self, specification):
        """Lets a worker in; its part of the environment."""
        if "hostname" not in specification:
            return {}
        host = specification["hostname"]
        files = self.directory / "hosts" / host.lower()
        if not files.exists():
            self.osapi("nats", "worker", "add", host, *(
                word for k, v in specification.get("labels", {}).items()
                for word in ("--label", f"{k}:{v}")))
            if self.nats:
                os.kill(self.nats.pid, signal.SIGHUP)
        worker = yaml.safe_load((files / "osapi.yaml").read_text())["job"][
            "worker"]
        return {"OSAPI_JOB_WORKER_HOSTNAME": host,
                "OSAPI_JOB_WORKER_NATS_USER": worker["nats"]["user"],
                "OSAPI_JOB_WORKER_NATS_PASSWORD": worker["nats"]["password"]}

    def start_worker(self, number, specification):
        journal = self.directory / f"journal-{number}"
        journal.mkdir()
        env = {**self.env, "OSAPI_JOB_WORKER_JOURNAL_DIR": str(journal)}
        env.update(self.admit(specification))
        if "labels" in specification:
            env["OSAPI_JOB_WORKER_LABELS"] = ",".join(
                f"{k}={v}" for k, v in specification["labels"].items())
        env.update(specification.get("env", {}))
        wrap = specification.get("wrap")
        self.workers.append(
            self.add(f"worker-{number}",
                     (wrap(self, number) if wrap else []) +
                     [program("osapi-worker"), "-f", str(self.config)], env))

    def wait_nats(self):
        wait_until("nats-server listens", lambda: self.nats.check() and
                   listens(self.nats_port))

    def wait_ready(self):
        """Until the API is ready and every worker that runs is registered."""
        client = None
        def registered():
            nonlocal client
            for process in self.processes:
                if process not in self.workers:
                    process.check()
            if not self.ready():
                return False
            client = client or self.client("read")
            running = sum(worker.running() for worker in self.workers)
            replies = [client.get("/api/v1/jobs/workers") for _ in range(8)]
            return all(reply.status == 200 and
                       len(reply.json()["workers"]) >= running
                       for reply in replies)
        wait_until("the stack is ready", registered)

    def responders(self):
        """Process ids of the responder processes."""
        return children(self.fcgi.pid)


class Up(Base):
    """`osapi up --dir DIR --port N`."""

    def __init__(self, **env):
        super().__init__()
        self.home = self.directory / "run"
        self.env = environment(**env)
        self.up = None

    @property
    def config(self):
        return self.home / "osapi.yaml"

    def argv(self, *words):
        return [program("osapi"), "up", "--dir", str(self.home), "--port",
                str(self.port), *words]

    def launch(self):
        """Starts it and waits for nothing."""
        self.up = self.add("up", self.argv())
        return self.up

    def start(self):
        """Starts it and waits until it says that it is up."""
        self.launch()
        try:
            wait_until("osapi up is ready",
                       lambda: self.up.check() and "Ctrl-C stops everything"
                       in self.up.log.read_text())
        except Exception as error:
            text = self.tails()
            self.close()
            raise StackError(f"{error}\n{text}") from error
        return self

    def pid_of(self, name):
        """Process ids below `up` whose program has that name."""
        return [pid for pid in descendants(self.up.pid)
                if (command_line(pid) or [""])[0].rpartition("/")[2]
                .split(":")[0] == name]
