"""A job that lost its notification, its time or its host still ends."""

import json
import os
import signal
import time

import pytest

from job_client import everybody, events, finished, submit, told
from nats_client import Signer, uuid7
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s",
                 "OSAPI_JOB_CONSUMER_ACK_WAIT": "1s",
                 "OSAPI_JOB_CONSUMER_BACK_OFF": "1s",
                 "OSAPI_JOB_CONSUMER_MAX_DELIVER": "4"},
         "workers": [{"hostname": "w-0"}, {"hostname": "w-1"},
                     {"hostname": "w-2"}]}


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 3)


@pytest.fixture(name="stored")
def fixture_stored(stack, reader, writer, nats):
    """Stores a genuine job for a host, without its notification; its id."""
    data, _ = nats.job(submit(writer, target="w-0"))
    signer = Signer(stack.directory / "keys" / "job-signing.pem")
    def store(host, seconds, **more):
        now = time.time()
        job = {**json.loads(data), **more, "id": uuid7(), "target": host,
               "expected": [host], "created": stamp(now),
               "expires_at": stamp(now + seconds)}
        text = json.dumps(job).encode()
        nats.put_job(job["id"], text, signer.sign(text))
        return job["id"]
    return store


def stamp(seconds):
    """RFC 3339 with milliseconds."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{int(seconds * 1000) % 1000:03d}Z"


def test_a_lost_notification_is_published_once(stack, reader, nats, stored):
    """A job that was stored when its maker died before its notification."""
    before = nats.notifications().get("jobs.query.host.w-0", 0)
    job = finished(reader, stored("w-0", 600))
    assert job["status"] == "completed", job
    told(reader, job["id"], "completed", "w-0")
    assert len(nats.events(job["id"], "started")) == 1
    assert nats.notifications()["jobs.query.host.w-0"] == before + 1
    # it is told of when it was published
    told_of = wait_until("the log tells of it", lambda: [
        line for line in stack.whole_lines("fcgi")
        if "notification was missing" in line and job["id"] in line])
    assert len(told_of) == 1, told_of


def test_a_job_past_its_deadline_ends_and_is_not_begun(stack, reader, nats,
                                                       stored):
    """Its host is away when it comes, and back too late."""
    stack.workers[1].kill()
    job_id = stored("w-1", 1)
    nats.store("jobs.query.host.w-1", job_id)
    job = finished(reader, job_id)
    assert job["status"] == "failed", job
    assert "no worker began it before its deadline" in job["error"], job
    stack.workers[1].start()
    everybody(stack, reader, 3)
    job = told(reader, job_id, "failed", "w-1")
    assert "expired" in events(job, "failed", "w-1")[0]["error"]
    assert nats.events(job_id, "started") == []
    assert job["status"] == "failed"


def test_a_job_that_was_begun_is_not_said_to_be_not(stack, reader, nats,
                                                    stored):
    """Its worker dies at work, and is back when it is too late."""
    job_id = stored("w-1", 8, operation={
        "type": "network.ping.do",
        "data": {"address": "127.0.0.1", "count": 20}})
    nats.store("jobs.query.host.w-1", job_id)
    told(reader, job_id, "started", "w-1")
    stack.workers[1].kill()
    assert finished(reader, job_id)["status"] == "failed"
    stack.workers[1].start()
    job = told(reader, job_id, "failed", "w-1")
    error = events(job, "failed", "w-1")[0]["error"]
    assert "expired: not done before its deadline" in error
    assert "delivered before" in error
    assert len(nats.events(job_id, "started")) == 1
    everybody(stack, reader, 3)


def test_a_job_delivered_too_often_fails(stack, reader, writer):
    """Its host takes it and is never heard of again."""
    job_id = submit(writer, "network.ping.do",
                    {"address": "127.0.0.1", "count": 20}, "w-1")
    told(reader, job_id, "started")
    stack.workers[1].freeze()
    try:
        job = finished(reader, job_id)
        assert job["status"] == "failed", job
        assert "given up" in job["error"], job
        assert "4 times" in job["error"], job
    finally:
        os.kill(stack.workers[1].pid, signal.SIGCONT)
    everybody(stack, reader, 3)
