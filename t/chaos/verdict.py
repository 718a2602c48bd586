"""After a round: is anything lost, done twice, forgotten or left behind?

`settle` waits until a healed fleet is idle; `compare` holds the ledger, the
store, and the index of each responder against each other; `answers` asks all
that can be asked; Baseline compares processes with those of the start, Logs
reads what they logged.  Each yields findings, a text each.

What is compared may be true a moment later than the system is idle (the last
event is on its way to an index, a heartbeat says what ran a second ago), so a
finding is what is still wrong after PATIENCE.
"""

import collections
import json
import time

from clients import CHANGE, LIMIT
from fleet import HEARD, HOSTS
from job_client import FINAL, HOSTNAME, JOBS, everybody
from nats_client import Nats
from stack import StackError, wait_until

IDLE = 150  # seconds for the last job to end: the broker may have to lose
#             its patience with a delivery several times
PATIENCE = 30  # seconds in which a difference may vanish
SLOW = 5  # seconds: no request takes this long on an idle, healed system
SHOWN = 5  # findings of one check
GROWTH = 4  # threads or descriptors more than at the start


def settle(fleet, client):
    """Waits for an idle system; what does not happen."""
    try:
        fleet.wait_responders()
        everybody(fleet, client, len(HOSTS))
        wait_until("every job ends", lambda: not still_open(client), IDLE)
    except StackError as error:
        yield str(error)
        return
    with Nats(fleet, "monitor") as monitor:
        try:
            wait_until("every notification is settled",
                       lambda: not monitor.all_unsettled(), IDLE)
        except StackError as error:
            yield f"{error}: {monitor.all_unsettled()}"


def still_open(client):
    """How many jobs have not ended; asked several times, as each responder
    answers for itself."""
    found = 0
    for _ in range(8):
        reply = client.get(f"{JOBS}/status")
        if reply.status != 200:
            return 1
        counts = reply.json()["status_counts"]
        found += sum(count for status, count in counts.items()
                     if status not in FINAL)
    return found


# ---- the store, the indexes and the ledger ----

class Snapshot:
    """What the store holds and what each responder says that it holds."""

    def __init__(self):
        self.stored = set()  # ids of jobs
        self.responses = set()  # (job, host)
        self.events = collections.Counter()  # (event, job, host): stored
        self.dead_letters = 0
        self.views = {}  # responder: ({id: job}, statistics)
        self.workers = []

    def jobs(self):
        """{id: job} of all, as any of the responders has it."""
        return dict(collections.ChainMap(*(v[0] for v in self.views.values())))

    def hosts(self, event, job_id):
        """Who has told this of a job."""
        return {host for host in [*HOSTS, "api"]
                if self.events[event, job_id, host]}


def snapshot(fleet, client, ledger):
    """Of an idle fleet.  Each responder answers for itself, as the others
    are stopped meanwhile."""
    taken = Snapshot()
    with Nats(fleet) as nats:
        taken.stored = {job_id for job_id in nats.jobs() if not
                        (job_id in ledger.doubtful and nats.deleted(job_id))}
        taken.responses = set(nats.responses())
        for key in nats.events():
            job_id, event, host, _ = key.split(".")
            taken.events[event, job_id, host] += 1
        taken.dead_letters = nats.api("STREAM.INFO.JOBS-DLQ")["state"][
            "messages"]
    for pid in fleet.responders():
        fleet.freeze_responders(but=pid)
        try:
            items = asked(client, f"{JOBS}?limit=0")["items"]
            taken.views[pid] = ({job["id"]: job for job in items},
                                asked(client, f"{JOBS}/status"))
        finally:
            fleet.thaw_responders()
    taken.workers = asked(client, f"{JOBS}/workers")["workers"]
    return taken


def asked(client, path):
    reply = client.get(path, timeout=LIMIT)
    if reply.status != 200:
        raise StackError(f"GET {path}: {reply}")
    return reply.json()


def lost(taken, ledger):
    for job_id in ledger.jobs.keys() - taken.stored - ledger.doubtful:
        yield f"acknowledged and not stored: {job_id} {ledger.jobs[job_id]}"


def came_back(taken, ledger):
    for job_id in ledger.deleted & taken.stored:
        yield f"deleted and stored: {job_id} {ledger.jobs[job_id]}"


def not_ended(taken, _):
    for job in taken.jobs().values():
        if job["status"] not in FINAL:
            yield f"{job['status']} for ever: {told(job)}"


def indexes_differ(taken, _):
    """From the store, and from each other."""
    of_all = taken.jobs()
    for pid, (jobs, _) in taken.views.items():
        for words, ids in (("lacks", taken.stored - jobs.keys()),
                           ("invents", jobs.keys() - taken.stored)):
            if ids:
                yield f"responder {pid} {words} {len(ids)} of " \
                    f"{len(taken.stored)} jobs: {sorted(ids)[:3]}"
        other = [job_id for job_id, job in jobs.items()
                 if job != of_all[job_id]]
        if other:
            yield f"responder {pid} tells {len(other)} jobs differently: " \
                f"{jobs[other[0]]} not {of_all[other[0]]}"


def counters_differ(taken, _):
    """From the list of the same responder, and from the dead letters."""
    for pid, (jobs, statistics) in taken.views.items():
        for name, member in (("status_counts", "status"),
                             ("operation_counts", "operation")):
            real = collections.Counter(
                job[member]["type"] if member == "operation" else job[member]
                for job in jobs.values())
            if real != collections.Counter(statistics[name]):
                yield f"responder {pid}: {name} {statistics[name]}, " \
                    f"listed are {dict(real)}"
        if statistics["total_jobs"] != len(jobs):
            yield f"responder {pid}: total_jobs {statistics['total_jobs']}," \
                f" listed are {len(jobs)}"
        if statistics["dlq_count"] != taken.dead_letters:
            yield f"responder {pid}: dlq_count {statistics['dlq_count']}, " \
                f"stored are {taken.dead_letters}"


def ended_twice(taken, _):
    """On one host."""
    for (event, job_id, host), count in taken.events.items():
        if event not in ("completed", "failed"):
            continue
        if count > 1:
            yield f"{event} {count} times on {host}: {job_id}"
        if event == "failed" and taken.events["completed", job_id, host]:
            yield f"completed and failed on {host}: {job_id}"


def changed_twice(taken, _):
    """A change is begun once by each of its hosts, and by one of all for
    _any.  (A query of _any may be run again by another.)"""
    for job_id, job in taken.jobs().items():
        if job["operation"]["type"] != CHANGE:
            continue
        begun = taken.hosts("started", job_id)
        if job["target_hostname"] == "_any" and len(begun) > 1:
            yield f"a change by {len(begun)} hosts: {told(job)}"
        for host in begun:
            if taken.events["started", job_id, host] > 1:
                yield f"a change that began twice on {host}: {told(job)}"


def wrong_hosts(taken, _):
    """Who should have done it has ended it, and nobody else.  Where the API
    has ended it (its deadline was over, or it was delivered too often), a
    host may never have seen it."""
    for job_id, job in taken.jobs().items():
        ended = taken.hosts("completed", job_id) | \
            taken.hosts("failed", job_id)
        target = job["target_hostname"]
        if not ended - {"api"} <= set(HEARD.get(target, HOSTS)):
            yield f"not for all of {sorted(ended)}: {told(job)}"
        expected = set(job.get("worker_states") or {}) - {"api"}
        if target != "_any" and "api" not in ended and not expected <= ended:
            yield f"{sorted(expected - ended)} never said: {told(job)}"
        if job["status"] == "completed" and not ended:
            yield f"completed by nobody: {told(job)}"


def left_behind(taken, _):
    """Events and responses belong to a job, and to each other."""
    orphans = {key[1:] for key in taken.events} | taken.responses
    for job_id, host in sorted(orphans):
        if job_id not in taken.stored:
            yield f"events or a response of {host}, but no job: {job_id}"
    for event, job_id, host in taken.events:
        if event == "completed" and (job_id, host) not in taken.responses:
            yield f"completed on {host} without a response: {job_id}"
    for job_id, host in taken.responses:
        if not (taken.events["completed", job_id, host] or
                taken.events["failed", job_id, host]):
            yield f"a response of {host} that was never told: {job_id}"


def idle_workers(taken, _):
    names = [row["hostname"] for row in taken.workers]
    if names != list(HOSTS):
        yield f"workers: {names}"
    for row in taken.workers:
        if row["running"]:
            yield f"{row['hostname']} runs {row['running']} on an idle system"


CHECKS = (lost, came_back, not_ended, indexes_differ, counters_differ,
          ended_twice, changed_twice, wrong_hosts, left_behind, idle_workers)


def told(job):
    """A job in short."""
    return f"{job['id']} {job['operation']['type']} {job['target_hostname']}" \
        f" {job['status']} " + ", ".join(
            f"{line['timestamp'][11:23]} {line['event']} {line['hostname']}"
            for line in job.get("timeline", []))


def differences(taken, ledger):
    """The findings of one snapshot; of each check the first ones."""
    found = []
    for check in CHECKS:
        of_one = list(check(taken, ledger))
        found += of_one[:SHOWN]
        if len(of_one) > SHOWN:
            found.append(f"{check.__name__}: {len(of_one) - SHOWN} more")
    return found


def compare(fleet, client, ledger):
    """What is wrong and stays so."""
    end = time.monotonic() + PATIENCE
    while True:
        found = differences(snapshot(fleet, client, ledger), ledger)
        if not found or time.monotonic() > end:
            return found
        time.sleep(.5)


# ---- what an idle fleet answers ----

def answers(client):
    """Everybody answers, soon."""
    for target in ["_any", *HEARD] * 4:
        begun = time.monotonic()
        reply = client.get(f"{HOSTNAME}?target_hostname={target}&timeout=20s",
                           timeout=LIMIT)
        yield from slow_answer(f"typed {target}", begun)
        rows = reply.json().get("results", [])
        hosts = [row["hostname"] for row in rows]
        if reply.status != 200 or any("status" in row for row in rows) or \
                hosts != HEARD.get(target, hosts):
            yield f"typed {target}: {reply}"
    for target in ["_any", *HEARD]:
        begun = time.monotonic()
        reply = client.post(JOBS, {
            "operation": {"type": "system.hostname.get", "data": {}},
            "target_hostname": target})
        if reply.status == 201:
            job_id = reply.json()["job_id"]
            reply = client.get(f"{JOBS}/{job_id}?wait=20s", timeout=LIMIT)
        yield from slow_answer(f"job for {target}", begun)
        if reply.json()["status"] != "completed":
            yield f"job for {target}: {reply}"


def slow_answer(what, begun):
    took = time.monotonic() - begun
    if took > SLOW:
        yield f"{what} took {took:.1f} s"


# ---- processes and logs ----

class Baseline:
    """What the programs held when they had just been started."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.most = {}  # (kind of program, "threads"): the most of its kind
        for name, figures in fleet.programs().items():
            for what in ("threads", "descriptors"):
                key = name.partition("-")[0], what
                self.most[key] = max(self.most.get(key, 0),
                                     getattr(figures, what))

    def growth(self):
        """What holds more than then."""
        return [f"{name} has {getattr(figures, what)} {what}, "
                f"{self.most[name.partition('-')[0], what]} at the start"
                for name, figures in self.fleet.programs().items()
                for what in ("threads", "descriptors")
                if getattr(figures, what) > GROWTH +
                self.most[name.partition("-")[0], what]]

    def compare(self):
        """What stays so."""
        end = time.monotonic() + PATIENCE
        found = self.growth()
        while found and time.monotonic() < end:
            time.sleep(.5)
            found = self.growth()
        return found


class Logs:
    """The lines of level error that no trouble explains."""

    EXPECTED = {
        "responder died",  # killed
        "result not delivered",  # NATS was away; it says what comes next
    }

    def __init__(self, fleet):
        self.fleet = fleet
        self.read = collections.Counter()  # lines of each log

    def findings(self):
        for process in (self.fleet.fcgi, *self.fleet.workers):
            lines = self.fleet.whole_lines(process.name)
            for line in lines[self.read[process.name]:]:
                if self.unexpected(line):
                    yield f"{process.name}: {line}"
            self.read[process.name] = len(lines)

    def unexpected(self, line):
        try:
            entry = json.loads(line)
        except ValueError:
            return True
        return entry["level"] == "error" and entry["msg"] not in self.EXPECTED
