"""Several workers: who hears a job, and what the answer says of each."""

import pytest

from stack import wait_until

HOSTNAME = "/api/v1/system/hostname"
JOBS = "/api/v1/jobs"
STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "1s"}, "workers": [
    {"hostname": "Web-1.example", "labels": {"group": "web.dev"}},
    {"hostname": "web-2.example", "labels": {"group": "web.prod",
                                             "zone": "eu"}},
    {"hostname": "db-1", "labels": {"group": "db", "zone": "eu"}}]}
ALL = ["db-1", "web-1.example", "web-2.example"]


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


def test_a_silent_host_is_named(stack, reader):
    """Last, as it takes a worker away: one does not answer, two do."""
    stack.workers[2].kill()
    reply = reader.get(f"{HOSTNAME}?target_hostname=_all&timeout=2s")
    assert reply.status == 200, reply
    rows = {row["hostname"]: row for row in reply.json()["results"]}
    assert sorted(rows) == ALL
    assert rows["db-1"]["status"] == "timeout"
    assert "status" not in rows["web-1.example"] or \
        rows["web-1.example"]["status"] != "timeout"
    wait_until("it is no longer listed", lambda: reader.get(
        f"{JOBS}/workers").json()["total"] == 2)
    assert asked(reader, "_all") == ["web-1.example", "web-2.example"]
