"""Clients that go on whatever happens, and a ledger of what they were told.

Any of them may be refused (503), meet a responder that dies (502) or wait in
vain (504).  But what was taken is taken: no second job for one key, no 404 for
a job that nobody deleted, no answer that is not one, and none that never
comes.
"""

import collections
import contextlib
import functools
import http.client
import random
import threading
import time
import uuid

from fleet import HEARD
from job_client import JOBS
from stack import StackError, wait_until

CLIENTS = 6
PAUSE = 0.2  # seconds between two requests of a client, at most
LIMIT = 90  # seconds for an answer, a guard
AWAY = {502, 503, 504}  # the way to an answer is troubled

QUERIES = (("system.hostname.get", {}), ("system.uptime.get", {}),
           ("system.load.get", {}), ("system.status.get", {}),
           ("network.ping.do", {"address": "127.0.0.1", "count": 1}),
           ("network.ping.do", {"address": "127.0.0.1", "count": 3}))
CHANGE = "network.dns.update"
TYPED = ("hostname", "uptime", "load", "status")

Job = collections.namedtuple("Job", "target operation how")


class Ledger:
    """All clients write it, under its lock; the verdict reads it when they
    have ended."""

    def __init__(self):
        self.lock = threading.Lock()
        self.jobs = {}  # id: Job, of every one that was acknowledged
        self.keys = {}  # Idempotency-Key: id
        self.doubtful = set()  # ids that somebody asked to delete
        self.deleted = set()  # those of them that are gone for sure
        self.answers = collections.Counter()  # method and status
        self.findings = []

    def finding(self, *words):
        with self.lock:
            self.findings.append(" ".join(map(str, words)))

    def acknowledged(self, job_id, job, key=None):
        with self.lock:
            self.jobs.setdefault(job_id, job)
            first = self.keys.setdefault(key, job_id) if key else job_id
        if first != job_id:
            self.finding("one key gave two jobs:", first, job_id)

    def written(self):
        """As it is kept with the logs."""
        return {"jobs": {k: v._asdict() for k, v in self.jobs.items()},
                "keys": self.keys, "deleted": sorted(self.deleted),
                "doubtful": sorted(self.doubtful)}


class Client(threading.Thread):
    """One request after another, drawn from `rng`, until `ending` is set.

    What may safely be repeated, a job with a key and a deletion, is repeated
    until it is answered, also after that."""

    def __init__(self, http_client, ledger, rng, changes):
        super().__init__(daemon=True)
        self.http, self.ledger, self.rng = http_client, ledger, rng
        self.changes = changes
        self.ending = threading.Event()
        self.mine = []  # ids
        # what has no answer yet: functions that tell whether it has one now
        self.pending = collections.deque()
        self.steps, self.weights = zip(
            (self.submit, 6), (self.go_on, 4), (self.ask, 5), (self.read, 2),
            (self.delete, 1), (self.repeat, 1))

    def run(self):
        while not self.ending.wait(self.rng.random() * PAUSE):
            self.rng.choices(self.steps, self.weights)[0]()

        def all_answered():
            self.go_on()
            return not self.pending
        try:
            wait_until("what is repeated is answered", all_answered, LIMIT)
        except StackError as error:
            self.ledger.finding(error)

    def go_on(self):
        """The oldest of what has no answer, once."""
        if self.pending:
            again = self.pending.popleft()
            if not again():
                self.pending.append(again)

    # ---- requests ----

    def request(self, method, path, expected, body=None, headers=None):
        """The reply, None where the way to it was troubled.  A status that
        is neither `expected` nor AWAY is a finding, as is no answer."""
        try:
            reply = self.http.request(method, path, body, headers, LIMIT)
        except (OSError, http.client.HTTPException) as error:
            self.ledger.finding(f"{method} {path} has no answer: {error!r}")
            return None
        with self.ledger.lock:
            self.ledger.answers[f"{method} {reply.status}"] += 1
        if reply.status not in expected | AWAY:
            self.ledger.finding(f"{method} {path}: {reply}")
        return reply if reply.status in expected else None

    def target(self):
        return "_any" if self.rng.random() < .45 else \
            self.rng.choice(list(HEARD))

    def operation(self):
        """A tenth are changes, where those are possible."""
        change, number = self.rng.random() < .1, self.rng.randrange(1, 250)
        query = self.rng.choice(QUERIES)
        return (CHANGE, {"interface_name": "lo",
                         "servers": [f"192.0.2.{number}"]}) \
            if change and self.changes else query

    def submit(self):
        key = uuid.UUID(int=self.rng.getrandbits(128)).hex
        keyed = self.rng.random() < .6
        again = functools.partial(self.taken, key if keyed else None,
                                  self.target(), self.operation())
        if not again() and keyed:
            self.pending.append(again)

    def taken(self, key, target, operation):
        """Whether a job was; 404: no worker of that name now."""
        reply = self.request(
            "POST", JOBS, {200, 201, 404},
            {"operation": {"type": operation[0], "data": operation[1]},
             "target_hostname": target}, {"Idempotency-Key": key})
        if reply is None or reply.status == 404:
            return False
        job_id = reply.json()["job_id"]
        self.ledger.acknowledged(job_id, Job(target, operation[0], "submit"),
                                 key)
        self.mine.append(job_id)
        return True

    def ask(self):
        """A typed endpoint; each row of an answer is of a host that hears the
        target, and none is there twice."""
        target, timeout = self.target(), self.rng.choice((2, 5, 10))
        what = self.rng.choice(TYPED)
        reply = self.request(
            "GET", f"/api/v1/system/{what}?target_hostname={target}"
            f"&timeout={timeout}s", {200, 404, 500})
        if reply is None or reply.status == 404:
            return
        hosts = [row["hostname"] for row in reply.json().get("results", [])]
        if not hosts or hosts != sorted(set(hosts)) or \
                not set(hosts) <= set(HEARD.get(target, hosts)):
            self.ledger.finding(f"{what} of {target}: {reply}")

    def read(self):
        """Whatever happens to responders, a job that was acknowledged is
        found by the next one."""
        if not self.mine:
            return
        job_id = self.rng.choice(self.mine)
        reply = self.request("GET", f"{JOBS}/{job_id}?wait=2s", {200, 404})
        if reply and reply.status == 404:
            with self.ledger.lock:
                known = job_id not in self.ledger.doubtful
            if known:
                self.ledger.finding("404 for the acknowledged job", job_id)

    def delete(self):
        if not self.mine:
            return
        job_id = self.rng.choice(self.mine)
        with self.ledger.lock:
            first = job_id not in self.ledger.doubtful
            self.ledger.doubtful.add(job_id)
        if not self.gone(job_id, first):
            self.pending.append(functools.partial(self.gone, job_id, False))

    def gone(self, job_id, first):
        """Whether a job is; 404: it was before, unless nobody had asked."""
        reply = self.request("DELETE", f"{JOBS}/{job_id}", {204, 404})
        if reply is None:
            return False
        if first and reply.status == 404:
            self.ledger.finding("404 for the acknowledged job", job_id)
        with self.ledger.lock:
            self.ledger.deleted.add(job_id)
        return True

    def repeat(self):
        """404: deleted, or no worker of that name now; 409: it runs."""
        if not self.mine:
            return
        job_id = self.rng.choice(self.mine)
        reply = self.request("POST", f"{JOBS}/{job_id}/retry",
                             {201, 404, 409}, {})
        if reply and reply.status == 201:
            again = reply.json()["job_id"]
            with self.ledger.lock:
                job = self.ledger.jobs[job_id]
            self.ledger.acknowledged(again, job._replace(how="retry"))
            self.mine.append(again)


@contextlib.contextmanager
def clients(fleet, ledger, seed):
    """They run within; afterwards all have ended."""
    http_client = fleet.client("write")
    running = [Client(http_client, ledger, random.Random(f"{seed} {number}"),
                      fleet.changes) for number in range(CLIENTS)]
    for client in running:
        client.start()
    try:
        yield
    finally:
        for client in running:
            client.ending.set()
        end = time.monotonic() + 2 * LIMIT
        for client in running:
            client.join(max(0, end - time.monotonic()))
            if client.is_alive():
                ledger.finding("a client hangs")
