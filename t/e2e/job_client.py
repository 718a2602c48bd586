"""What the tests of jobs ask of the API, and workers with a resolv.conf of
their own."""

import fcntl
import os
import select
import signal
import time

import pytest

from nats_client import Nats
from private_etc import private_etc
from stack import wait_until

HOSTNAME = "/api/v1/system/hostname"
JOBS = "/api/v1/jobs"
FINAL = ("completed", "failed", "partial_failure")
# packets are 200 ms apart: it runs for about 4 s, long enough to be met at work
PACKETS = 20
SLOW = ("network.ping.do", {"address": "127.0.0.1", "count": PACKETS})


def submit(writer, operation="system.hostname.get", data=None, target="_any",
           **more):
    """POST /jobs; the new job's id."""
    reply = writer.post(JOBS, {
        "operation": {"type": operation, "data": data or {}},
        "target_hostname": target}, **more)
    assert reply.status == 201, reply
    return reply.json()["job_id"]


def get(reader, job_id):
    reply = reader.get(f"{JOBS}/{job_id}")
    assert reply.status == 200, reply
    return reply.json()


def finished(reader, job_id):
    """The job when it has ended; a wait that the API had to break off, as
    when NATS went away, is begun again."""
    def ended():
        reply = reader.get(f"{JOBS}/{job_id}?wait=20s")
        if reply.status in (502, 503, 504):
            return None
        assert reply.status == 200, reply
        return reply.json() if reply.json()["status"] in FINAL else None
    return wait_until(f"job {job_id} ends", ended)


def gone(reader, job_id):
    """Waits until every responder has heard that it was deleted."""
    wait_until(f"job {job_id} is gone", lambda: all(
        reader.get(f"{JOBS}/{job_id}").status == 404 for _ in range(8)))


def events(job, kind, host=None):
    """Those entries of a job's timeline."""
    return [entry for entry in job["timeline"] if entry["event"] == kind and
            host in (None, entry["hostname"])]


def told(reader, job_id, kind, host=None, count=1):
    """The job when its timeline has so many of these events."""
    def there():
        job = get(reader, job_id)
        return job if len(events(job, kind, host)) >= count else None
    return wait_until(f"{count} {kind} of {job_id}", there)


def everybody(stack, reader, count):
    """Waits until a broadcast is answered by so many."""
    stack.wait_ready()
    def all_answer():
        reply = reader.get(f"{HOSTNAME}?target_hostname=_all&timeout=5s")
        if reply.status != 200:
            return False
        rows = reply.json()["results"]
        return len(rows) == count and not any("status" in r for r in rows)
    wait_until(f"{count} workers answer", all_answer)


def kill_idle(stack, number, *consumers):
    """kill -9 of a worker that alone waits for jobs of these consumers.

    Until NATS has noticed, it would still send a job to the dead one, and
    again only after ack_wait: so this waits."""
    with Nats(stack) as nats:
        def waiting():
            return [nats.waiting(consumer) for consumer in consumers]
        wait_until(f"pulls of all {consumers}", lambda: all(waiting()))
        stack.workers[number].kill()
        wait_until(f"no pulls of {consumers}", lambda: not any(waiting()))


# ---- resolv.conf ----

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root gives a worker its own resolv.conf")


def workers(*specifications):
    """Specifications for a Stack, as root with private resolv.conf each."""
    if os.geteuid() != 0:
        return list(specifications)
    return [{"wrap": private_etc, **one} for one in specifications]


class Asked:
    """Waits for SIGIO by a pipe: a signal that comes just before the wait
    begins, or on another thread, would not end it."""

    def __init__(self):
        self.reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.writer = writer
        self.handler = signal.signal(signal.SIGIO, lambda *_: None)
        self.before = signal.set_wakeup_fd(writer)

    def wait(self, seconds):
        """Whether it came in time."""
        until = time.monotonic() + seconds
        while select.select([self.reader], [], [],
                            max(0, until - time.monotonic()))[0]:
            if signal.SIGIO in os.read(self.reader, 64):
                return True
        return False

    def close(self):
        signal.set_wakeup_fd(self.before)
        signal.signal(signal.SIGIO, self.handler)
        os.close(self.reader)
        os.close(self.writer)


class Held:
    """Holds a file by a lease (fcntl(2)): who opens it to write waits until it
    is released.  `wait` waits until somebody does; several that are held at
    the same time share one `asked`, which is the caller's."""

    def __init__(self, path, asked=None):
        self.path = path
        self.fd = -1
        self.own = asked is None
        self.asked = asked

    def __enter__(self):
        self.asked = self.asked or Asked()
        self.fd = os.open(self.path, os.O_RDONLY)
        fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        return self

    def wait(self):
        assert self.asked.wait(60), f"nobody opened {self.path}"

    def __exit__(self, *_):
        os.close(self.fd)
        if self.own:
            self.asked.close()
