"""`osapi nats server start` alone, in a directory made by `osapi init`."""

import socket

from private_etc import NAMESPACE
from stack import Base, children, command_line, free_port, listens, program, \
    wait_until


class NatsServer(Base):
    """The server with its watch; `tmpfs_mib` puts its store on a file system
    of that size, which only its own mount namespace has."""

    def __init__(self, tmpfs_mib=None, **env):
        super().__init__()
        self.nats_port = free_port()
        self.store = self.directory / "nats"
        self.store.mkdir()
        self.env.update({"OSAPI_NATS_SERVER_HOST": "127.0.0.1",
                         "OSAPI_NATS_SERVER_PORT": str(self.nats_port),
                         "OSAPI_NATS_SERVER_STORE_DIR": str(self.store),
                         **env})
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.directory / "notify"))
        self.notify.settimeout(30)
        self.tmpfs_mib = tmpfs_mib
        self.told = []
        self.nats = None
        self.osapi("init", "--dir", self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.notify.close()

    def launch(self, **env):
        """Starts it and waits for nothing."""
        mount = [*NAMESPACE, "sh", "-c",
                 'mount -t tmpfs -o size="$0"m osapi-test "$1" && shift && '
                 'exec "$@"', str(self.tmpfs_mib), str(self.store)]
        self.nats = self.add("nats", (mount if self.tmpfs_mib else []) + [
            program("osapi"), "-f", str(self.config), "nats", "server",
            "start"], {**self.env, "NOTIFY_SOCKET":
                       str(self.directory / "notify"), **env})
        return self.nats

    def start(self, **env):
        self.launch(**env)
        self.wait_told("READY=1")
        return self

    def wait_told(self, word):
        """Until systemd would have been told this; all words until then."""
        def told():
            self.nats.check()
            self.told += self.notify.recv(4096).decode().splitlines()
            return word in self.told
        wait_until(f"{word} was notified", told)
        words, self.told = self.told, []
        return words

    def server(self):
        """The process id of nats-server itself, None between two."""
        for pid in children(self.nats.pid):
            if command_line(pid)[:1] == ["nats-server"]:
                return pid
        return None

    def inside(self, path):
        """How a path of its mount namespace is reached from here."""
        return f"/proc/{self.nats.pid}/root{path}"

    def wait_log(self, words):
        wait_until(f"the log says {words!r}",
                   lambda: words in self.nats.log.read_text())

    def wait_replaced(self, before):
        """Until there is another nats-server, and it takes connections."""
        wait_until("another nats-server", lambda: self.nats.check() and
                   self.server() not in (None, before) and
                   listens(self.nats_port))
