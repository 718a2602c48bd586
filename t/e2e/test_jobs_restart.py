"""A worker that is killed or stopped leaves nothing lying: the next one goes
on at once, not when the broker has lost its patience."""

import signal

import pytest

from job_client import SLOW, events, everybody, finished, submit, told
from nats_client import SHARED, Nats, own_consumer
from stack import wait_until

# NATS would deliver again after this; nobody waits that long here
PATIENCE = "1h"
STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s",
                 "OSAPI_JOB_CONSUMER_ACK_WAIT": PATIENCE},
         "workers": [{"hostname": "w-0",
                      "env": {"OSAPI_JOB_WORKER_MAX_JOBS": "2"}},
                     {"hostname": "w-1",
                      "env": {"OSAPI_JOB_WORKER_DRAIN": "0s"}}]}


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 2)


def again(stack, reader, number):
    """Kills a worker and starts it again."""
    stack.workers[number].kill()
    stack.workers[number].start()
    everybody(stack, reader, 2)


def test_a_query_is_run_again_when_its_worker_is_back(stack, reader, writer):
    job_id = submit(writer, *SLOW, target="w-0")
    told(reader, job_id, "started", "w-0")
    again(stack, reader, 0)
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    told(reader, job_id, "started", "w-0", count=2)
    with Nats(stack) as nats:
        consumer = own_consumer("w-0", "host.w-0")
        wait_until("all is settled", lambda: not nats.unsettled(consumer))
        assert len(nats.events(job_id, "started")) == 2
        assert len(nats.events(job_id, "completed")) == 1


def test_a_query_for_any_is_run_by_whoever_is_there(stack, reader, writer):
    job_id = submit(writer, *SLOW)
    [begun] = events(told(reader, job_id, "started"), "started")
    again(stack, reader, ["w-0", "w-1"].index(begun["hostname"]))
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    with Nats(stack) as nats:
        wait_until("all is settled", lambda: not nats.unsettled(SHARED))
        assert len(nats.events(job_id, "completed")) == 1


def test_what_waited_in_the_worker_is_run_too(stack, reader, writer):
    """One slot is for submitted jobs, so two of the three wait."""
    jobs = [submit(writer, *SLOW, target="w-0")]
    told(reader, jobs[0], "started", "w-0")
    jobs += [submit(writer, target="w-0") for _ in range(2)]
    again(stack, reader, 0)
    for job_id in jobs:
        assert finished(reader, job_id)["status"] == "completed"
    with Nats(stack) as nats:
        consumer = own_consumer("w-0", "host.w-0")
        wait_until("all is settled", lambda: not nats.unsettled(consumer))


def stop(stack, number):
    """SIGTERM; the worker's log."""
    worker = stack.workers[number]
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(60) == 0
    log = worker.log.read_text()
    worker.start()
    return log


def test_a_drain_lets_a_running_job_end(stack, reader, writer):
    job_id = submit(writer, *SLOW, target="w-0")
    told(reader, job_id, "started", "w-0")
    assert '"at_most_ms":30000' in stop(stack, 0)
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    job = told(reader, job_id, "completed", "w-0")
    assert len(events(job, "started", "w-0")) == 1, job["timeline"]
    everybody(stack, reader, 2)


def test_without_a_drain_it_is_handed_back(stack, reader, writer):
    """A query gives up when it is told, and runs again."""
    job_id = submit(writer, *SLOW, target="w-1")
    told(reader, job_id, "started", "w-1")
    log = stop(stack, 1)
    assert '"at_most_ms":0' in log
    assert "job handed back, this worker stops" in log
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    told(reader, job_id, "started", "w-1", count=2)
