"""Several workers: who hears a job, and what the answer says of each."""

import collections
import concurrent.futures

import pytest

from job_client import HOSTNAME, JOBS, everybody, finished, get, submit
from nats_client import Nats, own_consumer
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "2s"}, "workers": [
    {"hostname": "Web-1.example", "labels": {"group": "web.dev"}},
    {"hostname": "web-2.example", "labels": {"group": "web.prod",
                                             "zone": "eu"}},
    {"hostname": "db-1", "labels": {"group": "db", "zone": "eu"}}]}
ALL = ["db-1", "web-1.example", "web-2.example"]


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 3)


def listed(reader, count):
    """Waits until every responder lists so many workers: each hears of them
    for itself, a moment before or after another."""
    wait_until(f"{count} workers are listed", lambda: all(
        reader.get(f"{JOBS}/workers").json()["total"] == count
        for _ in range(16)))


def asked(reader, target):
    reply = reader.get(f"{HOSTNAME}?target_hostname={target}")
    assert reply.status == 200, reply
    rows = reply.json()["results"]
    assert not [row for row in rows if "status" in row], rows
    return [row["hostname"] for row in rows]


@pytest.mark.parametrize("target,hosts", [
    ("_all", ALL),
    ("db-1", ["db-1"]),
    ("web-1.example", ["web-1.example"]),
    ("WEB-1.Example", ["web-1.example"]),
    ("group:web", ["web-1.example", "web-2.example"]),
    ("group:web.dev", ["web-1.example"]),
    ("group:db", ["db-1"]),
    ("zone:eu", ["db-1", "web-2.example"]),
])
def test_exactly_those_answer_who_were_meant(reader, target, hosts):
    assert asked(reader, target) == hosts


def test_any_is_one_of_them(reader):
    for _ in range(10):
        [host] = asked(reader, "_any")
        assert host in ALL


@pytest.mark.parametrize("target,status", [
    ("web-3.example", 404), ("web-1", 404), ("group:we", 503),
    ("group:web.dev.x", 503), ("Group:web", 503)])
def test_nobody_is_meant(reader, problem, target, status):
    problem(reader.get(f"{HOSTNAME}?target_hostname={target}"), status)


def test_the_workers_are_listed_with_their_labels(reader):
    reply = reader.get(f"{JOBS}/workers")
    assert reply.status == 200, reply
    body = reply.json()
    assert body["total"] == 3
    labels = {row["hostname"]: row["labels"] for row in body["workers"]}
    assert labels == {
        "web-1.example": {"group": "web.dev"},
        "web-2.example": {"group": "web.prod", "zone": "eu"},
        "db-1": {"group": "db", "zone": "eu"}}


def test_a_broadcast_is_complete_when_all_have_answered(reader, writer):
    reply = writer.post(JOBS, {
        "operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "_all"})
    assert reply.status == 201, reply
    reply = reader.get(f"{JOBS}/{reply.json()['job_id']}?wait=30s")
    job = reply.json()
    assert job["status"] == "completed", job
    assert sorted(job["responses"]) == ALL
    for host, response in job["responses"].items():
        assert response["status"] == "completed"
        assert response["hostname"] == host
        assert response["data"]["hostname"] == host


def test_a_submitted_job_is_run_by_those_who_were_meant(reader, writer):
    for target, hosts in (("_all", ALL), ("zone:eu", ["db-1",
                          "web-2.example"]), ("group:web.dev",
                          ["web-1.example"]), ("db-1", ["db-1"])):
        job = finished(reader, submit(writer, target=target))
        assert job["status"] == "completed", job
        assert sorted(job["worker_states"]) == hosts, job
        assert job["target_hostname"] == target


def test_each_of_1000_jobs_runs_exactly_once(stack, writer):
    """Counted by what the workers wrote, over all of them."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: submit(writer), range(1000)))
    assert len(set(jobs)) == 1000
    with Nats(stack) as nats:
        def ended():
            return {key[:36] for key in nats.events(event="completed")}
        wait_until("all have ended", lambda: set(jobs) <= ended())
        for event in ("acknowledged", "started", "completed"):
            keys = [key.split(".") for key in nats.events(event=event)]
            runs = collections.Counter(key[0] for key in keys)
            assert {runs[job_id] for job_id in jobs} == {1}, event
            ours = set(jobs)
            hosts = collections.Counter(
                key[2] for key in keys if key[0] in ours)
        print(f"1000 jobs of _any by host: {dict(hosts)}")
        assert len(hosts) == 3, hosts


def test_a_worker_that_joins_later_gets_no_old_job(stack, reader, writer):
    old = [submit(writer, target=target) for target in
           ("late-1", "_all", "zone:eu", "zone:new", "group:web", "_any")]
    finished(reader, old[-1])
    stack.start_worker(3, {"hostname": "late-1", "labels": {
        "zone": "eu", "group": "web"}})
    everybody(stack, reader, 4)
    assert asked(reader, "zone:eu") == ["db-1", "late-1", "web-2.example"]
    with Nats(stack) as nats:
        for target in ("host.late-1", "_all", "label.zone.eu",
                       "label.group.web"):
            consumer = own_consumer("late-1", target)
            wait_until("it is settled", lambda: not nats.unsettled(consumer))
        took_part = {key[:36] for key in nats.events(host="late-1")}
    assert not took_part & set(old)
    assert get(reader, old[0])["status"] == "submitted"
    assert finished(reader, submit(writer, target="late-1"))["status"] == \
        "completed"
    assert stack.workers[3].stop() == 0
    listed(reader, 3)
    assert asked(reader, "zone:eu") == ["db-1", "web-2.example"]


def test_a_silent_host_is_named(stack, reader):
    """Last, as it takes a worker away: one does not answer, two do."""
    stack.workers[2].kill()
    reply = reader.get(f"{HOSTNAME}?target_hostname=_all&timeout=5s")
    assert reply.status == 200, reply
    rows = {row["hostname"]: row for row in reply.json()["results"]}
    assert sorted(rows) == ALL
    assert rows["db-1"]["status"] == "timeout"
    for host in ALL[1:]:
        assert "status" not in rows[host], rows
    listed(reader, 2)
    assert asked(reader, "_all") == ["web-1.example", "web-2.example"]
