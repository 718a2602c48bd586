"""What systemd is for osapi-fcgi: who keeps its socket open while it is
restarted, reads what it says about itself, and gives it a watchdog."""

import os
import signal
import socket
import subprocess
import threading

from stack import LIMIT, Process, Stack, program, wait_until

START = 'fd=$1; shift; export LISTEN_PID=$$ LISTEN_FDS=1; ' \
    'eval "exec 3<&$fd"; exec "$@"'


class Told:
    """The datagrams of sd_notify(3), in the order in which they came."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.messages = []
        self.came = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            text = self.socket.recv(4096).decode()
            with self.came:
                self.messages.append(dict(
                    line.split("=", 1) for line in text.splitlines()))
                self.came.notify_all()

    def mark(self):
        """Where what comes from now on begins."""
        with self.came:
            return len(self.messages)

    def wait(self, name, since=0, limit=LIMIT):
        """The first message with that variable, and where the next begins."""
        def find():
            for at, message in enumerate(self.messages[since:], since):
                if name in message:
                    return message, at + 1
            return None
        with self.came:
            found = self.came.wait_for(find, limit)
            assert found, f"no {name} within {limit} s: " \
                f"{self.messages[since:]}"
            return found


class Service(Process):
    """A program that is passed a listening socket and a notify socket."""

    def __init__(self, name, argv, env, log, listening):
        super().__init__(name, argv, env, log)
        self.listening = listening

    def start(self):
        fd = self.listening.fileno()
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                ["bash", "-c", START, "start", str(fd), *self.argv],
                env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True, pass_fds=[fd],
                cwd=self.log.parent)


class ServiceStack(Stack):
    """A stack whose responders are such a service."""

    def __init__(self, watchdog_s, **more):
        super().__init__(**more)
        self.told = Told(self.directory / "notify")
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(str(self.socket))
        self.socket.chmod(0o666)
        self.listening.listen(4096)
        self.notifying = {"NOTIFY_SOCKET": str(self.directory / "notify"),
                          "WATCHDOG_USEC": str(watchdog_s * 1000000)}

    def add(self, name, argv, env=None):
        if name != "fcgi":
            return super().add(name, argv, env)
        log = self.logs / f"{name}.log"
        process = Service(name, argv, {**self.env, **self.notifying}, log,
                          self.listening)
        self.processes.append(process)
        process.start()
        self.told.wait("READY")
        return process

    def reload(self):
        """SIGHUP, until it has said that it is over; what it said then."""
        since = self.told.mark()
        os.kill(self.fcgi.pid, signal.SIGHUP)
        begun, since = self.told.wait("RELOADING", since)
        assert begun["RELOADING"] == "1" and int(begun["MONOTONIC_USEC"]) > 0
        return self.told.wait("READY", since)[0]

    def restart(self):
        """What `systemctl restart` does; the socket stays."""
        since = self.told.mark()
        assert self.fcgi.stop() == 0
        assert self.told.wait("STOPPING", since)[0]["STOPPING"] == "1"
        since = self.told.mark()
        self.fcgi.start()
        self.told.wait("READY", since)

    def test_configuration(self, **more):
        """osapi-fcgi -t, as the unit's ExecReload= runs it."""
        return subprocess.run(
            [program("osapi-fcgi"), "-t", "-f", str(self.config)],
            env={**self.env, **more}, capture_output=True, text=True,
            timeout=LIMIT, check=False)

    def wait_replaced(self, pids):
        """Until none of these responders is left and all are there again."""
        wait_until("the responders are others", lambda: not
                   set(pids) & set(self.responders()) and
                   len(self.responders()) == len(pids))
