"""The stack that is troubled: nats-server, three responders, nginx, and four
workers; each worker, and the API, reaches NATS through a proxy of its own."""

import os
import pathlib
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
from private_etc import possible, private_etc  # noqa: E402
from proxy import Proxy  # noqa: E402
from stack import Stack, alive, wait_until  # noqa: E402

HOSTS = {"w-0": {"group": "web.dev"}, "w-1": {"group": "web.prod"},
         "w-2": {"group": "db", "rack": "a"}, "w-3": {"rack": "a"}}
# who hears what; _any is heard by one of all
HEARD = {"_all": list(HOSTS), "group:web": ["w-0", "w-1"],
         "group:web.dev": ["w-0"], "rack:a": ["w-2", "w-3"],
         **{host: [host] for host in HOSTS}}
RESPONDERS = 3


class Fleet(Stack):
    """Started by start(), ended by close(), as every Stack."""

    def __init__(self):
        # Name servers are changed only where each worker has its own /etc.
        self.changes = possible()
        super().__init__(
            [{"hostname": host, "labels": labels,
              "wrap": private_etc if self.changes else None}
             for host, labels in HOSTS.items()], RESPONDERS,
            {"OSAPI_JOB_WORKER_HEARTBEAT": "1s",
             "OSAPI_JOB_CONSUMER_ACK_WAIT": "5s",
             "OSAPI_JOB_CONSUMER_BACK_OFF": "5s,10s"})
        # to NATS, by who goes there
        self.ways = {name: Proxy(self.nats_port) for name in [*HOSTS, "api"]}
        self.env["OSAPI_API_SERVER_NATS_PORT"] = str(self.ways["api"].port)
        for one in self.specifications:
            one["env"] = {"OSAPI_JOB_WORKER_NATS_PORT":
                          str(self.ways[one["hostname"]].port)}

    def heal(self):
        """Nothing is cut or frozen, and everything runs.  What had ended."""
        for proxy in self.ways.values():
            proxy.heal()
        ended = []
        for process in (self.nats, self.fcgi, *self.workers):
            if process.running():
                process.signal_group(signal.SIGCONT)
            else:
                ended.append(f"{process.name} had ended "
                             f"({process.popen.returncode})")
                process.kill()
                process.start()
        self.thaw_responders()
        return ended

    def signal_responder(self, pid, number):
        """Nothing when it has ended meanwhile."""
        if pid in self.responders():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze_responders(self, but):
        """Stops all but one, which then gets every request: a signal is on
        its way for a moment, in which a thread may still take one."""
        for pid in self.responders():
            if pid != but:
                self.signal_responder(pid, signal.SIGSTOP)
                wait_until(f"responder {pid} stops",
                           lambda pid=pid: stopped(pid))

    def thaw_responders(self):
        for pid in self.responders():
            self.signal_responder(pid, signal.SIGCONT)

    def wait_responders(self):
        """Those that a reload or a death replaced are gone."""
        wait_until(f"{RESPONDERS} responders",
                   lambda: len(self.responders()) == RESPONDERS)

    def programs(self):
        """{program: Figures} of all of ours that run."""
        pids = {"supervisor": self.fcgi.pid,
                **{worker.name: worker.pid for worker in self.workers},
                **{f"responder-{number}": pid
                   for number, pid in enumerate(self.responders())}}
        return {name: Figures(pid) for name, pid in pids.items() if alive(pid)}

    def close(self):
        try:
            if self.nats and self.fcgi:
                self.heal()
        finally:
            super().close()
            for proxy in self.ways.values():
                proxy.close()


def stopped(pid):
    """Whether no thread of it runs, or it has ended."""
    try:
        states = [path.read_text().rpartition(")")[2].split()[0] for path in
                  pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False
    return not set(states) - set("TZX")


class Figures:
    """What a process holds now."""

    def __init__(self, pid):
        status = dict(line.split(":", 1) for line in pathlib.Path(
            f"/proc/{pid}/status").read_text().splitlines())
        self.threads = int(status["Threads"])
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.resident = int(status["VmRSS"].split()[0]) / 1024  # MiB
