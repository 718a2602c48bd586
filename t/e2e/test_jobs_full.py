"""A store that is full refuses new jobs in time: those that it took end, with
all that is to be said of them."""

import pytest

from job_client import (HOSTNAME, JOBS, everybody, finished, kill_idle,
                        submit)
from nats_client import SHARED, own_consumer
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_KV_MAX_BYTES": "1MiB",
                 "OSAPI_JOB_WORKER_HEARTBEAT": "3s"},
         "workers": [{"hostname": "w-0"}]}
STORY = {"acknowledged", "started", "completed"}


@pytest.fixture(name="taken", scope="module")
def fixture_taken(stack, reader, writer):
    """Submits while the host is away until the store takes no more: the ids
    and the answer to the one too many."""
    everybody(stack, reader, 1)
    kill_idle(stack, 0, SHARED, own_consumer("w-0", "host.w-0"))
    ids = [submit(writer, "system.load.get", headers={
        "Idempotency-Key": "early"})]
    while len(ids) < 5000:
        reply = writer.post(JOBS, {
            "operation": {"type": "system.status.get", "data": {}},
            "target_hostname": ["w-0", "_any"][len(ids) % 2]})
        if reply.status != 201:
            return ids, reply
        ids.append(reply.json()["job_id"])
    raise AssertionError("the store takes more than fits in")


def test_the_one_too_many_is_refused(taken, problem):
    ids, reply = taken
    assert len(ids) > 100
    problem(reply, 503, "full", "job.kv.max_bytes", "job-queue")
    assert int(reply.headers["Retry-After"]) > 0


def test_a_key_still_answers_its_job(taken, writer, problem):
    """The client that missed the answer asks once more."""
    body = {"operation": {"type": "system.load.get", "data": {}},
            "target_hostname": "_any"}
    key = {"Idempotency-Key": "early"}
    reply = writer.post(JOBS, body, headers=key)
    assert reply.status == 200, reply
    assert reply.json()["job_id"] == taken[0][0]
    problem(writer.post(JOBS, {**body, "target_hostname": "w-0"}, headers=key),
            409)


def test_other_ways_to_make_one_are_refused_too(taken, writer, problem, nats):
    ids, _ = taken
    before = nats.jobs()
    body = {"operation": {"type": "system.load.get", "data": {}},
            "target_hostname": "_any"}
    problem(writer.post(JOBS, body, headers={"Idempotency-Key": "full"}), 503,
            "full")
    problem(writer.post(f"{JOBS}/{ids[0]}/retry", {}), 409)
    problem(writer.get(HOSTNAME), 503)
    assert nats.jobs() == before


def test_what_was_taken_ends_with_its_whole_story(stack, taken, reader):
    ids, _ = taken
    stack.workers[0].start()
    for job_id in ids:
        job = finished(reader, job_id)
        assert job["status"] == "completed", job
        assert job["result"]["hostname"] == "w-0", job
    def told(job_id):
        job = reader.get(f"{JOBS}/{job_id}").json()
        return STORY <= {entry["event"] for entry in job["timeline"]}
    for job_id in ids:
        wait_until(f"all events of {job_id}",
                   lambda job_id=job_id: told(job_id))


def test_what_is_deleted_makes_room(taken, writer):
    ids, _ = taken
    for job_id in ids[:100]:
        assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    wait_until("a job is taken again",
               lambda: writer.get(HOSTNAME).status == 200)
