"""What kill -9 takes away comes back without a hand, and nothing is lost."""

import http.client
import os
import signal
import time

import pytest

from stack import alive, listens, wait_until

# A job whose worker died is given to a worker again after this time.
STACK = {"env": {"OSAPI_JOB_CONSUMER_ACK_WAIT": "2s",
                 "OSAPI_JOB_CONSUMER_BACK_OFF": "1s,2s",
                 "OSAPI_JOB_CONSUMER_MAX_DELIVER": "20"}}
HOSTNAME = "/api/v1/system/hostname"
JOBS = "/api/v1/jobs"
GOOD = {"operation": {"type": "system.hostname.get", "data": {}}}


def answers(client, path=HOSTNAME):
    """Whether a request is answered with 200 now."""
    try:
        return client.get(path).status == 200
    except (OSError, http.client.HTTPException):
        return False


def submitted(writer, count):
    jobs = []
    for _ in range(count):
        reply = writer.post(JOBS, GOOD)
        assert reply.status == 201, reply
        jobs.append(reply.json()["job_id"])
    return jobs


def all_complete(reader, jobs):
    for job in jobs:
        reply = reader.get(f"{JOBS}/{job}?wait=60s", timeout=90)
        assert reply.status == 200, reply
        assert reply.json()["status"] == "completed", reply


def test_a_responder_process_is_replaced(stack, reader, writer):
    jobs = submitted(writer, 3)
    before = stack.responders()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    wait_until("the responder is gone", lambda: not alive(before[0]))
    for _ in range(20):
        assert reader.get("/health").status == 200
    wait_until("two responders again",
               lambda: len(stack.responders()) == 2 and
               before[0] not in stack.responders())
    stack.wait_ready()
    all_complete(reader, jobs)
    assert answers(reader)


def test_all_responder_processes_are_replaced(stack, reader):
    before = stack.responders()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until("new responders answer",
               lambda: len(stack.responders()) == 2 and
               not set(before) & set(stack.responders()) and answers(reader))
    stack.wait_ready()


def test_jobs_wait_for_a_worker_that_was_killed(stack, reader, writer):
    worker = stack.workers[0]
    worker.kill()
    jobs = submitted(writer, 10)
    for job in jobs:
        status = reader.get(f"{JOBS}/{job}").json()["status"]
        assert status == "submitted"
    worker.start()
    all_complete(reader, jobs)


def test_a_worker_killed_at_work_loses_no_job(stack, reader, writer):
    worker = stack.workers[0]
    jobs = submitted(writer, 100)
    worker.kill()
    worker.start()
    all_complete(reader, jobs)


def test_a_worker_that_stops_finishes_its_jobs(stack, reader, writer):
    worker = stack.workers[0]
    jobs = submitted(writer, 20)
    assert worker.stop() == 0
    worker.start()
    all_complete(reader, jobs)


def test_without_nats_every_request_is_refused_soon(stack, reader, writer,
                                                    problem):
    stack.nats.kill()
    wait_until("nothing listens for NATS",
               lambda: not listens(stack.nats_port))
    for client, method, path, body in (
            (reader, "GET", HOSTNAME, None), (writer, "POST", JOBS, GOOD),
            (writer, "POST", "/api/v1/network/ping",
             {"address": "127.0.0.1"})):
        begin = time.monotonic()
        reply = client.request(method, path, body, timeout=30)
        print(f"{method} {path} without NATS: {reply.status} after "
              f"{time.monotonic() - begin:.3f} s")
        problem(reply, 503)
        assert int(reply.headers["Retry-After"]) > 0
    assert reader.get("/health").status == 200
    reply = reader.get("/health/ready")
    assert reply.status == 503, reply
    assert reply.json()["status"] == "not_ready"
    assert reply.json()["error"]
    stack.nats.start()
    stack.wait_nats()
    stack.wait_ready()
    for _ in range(20):  # ready is who answers next, too
        reply = reader.get(f"{JOBS}?limit=1")
        assert reply.status == 200, reply
    wait_until("a request is answered again", lambda: answers(reader))


def test_jobs_outlive_the_broker(stack, reader, writer):
    stack.workers[0].kill()
    jobs = submitted(writer, 10)
    stack.nats.kill()
    stack.nats.start()
    stack.wait_nats()
    wait_until("the API is ready", stack.ready)
    stack.workers[0].start()
    all_complete(reader, jobs)


def test_jobs_outlive_every_process(stack, reader, writer):
    stack.workers[0].kill()
    jobs = submitted(writer, 10)
    stack.fcgi.kill()
    stack.nats.kill()
    stack.nats.start()
    stack.wait_nats()
    stack.fcgi.start()
    stack.workers[0].start()
    wait_until("the API is ready", stack.ready)
    all_complete(reader, jobs)


def test_a_frozen_broker_is_noticed(stack, reader, writer, problem):
    stack.nats.freeze()
    try:
        reply = writer.post("/api/v1/jobs", {"operation": {
            "type": "system.hostname.get", "data": {}}},
            headers={"Idempotency-Key": "frozen"}, timeout=60)
        detail = problem(reply, 503)["detail"]
        assert detail.count("$KV.job-queue.idem") < 2, detail
        def refused():
            reply = reader.get("/health/ready", timeout=30)
            return reply.status == 503
        wait_until("not ready", refused)
        assert reader.get("/health").status == 200
        problem(reader.get(HOSTNAME, timeout=60), 503)
    finally:
        stack.nats.signal_group(signal.SIGCONT)
    stack.wait_ready()
    wait_until("a request is answered again", lambda: answers(reader))


def test_the_supervisor_drains_on_sigterm(stack, reader):
    assert stack.fcgi.stop() == 0
    reply = reader.get("/health")
    assert reply.status == 502, reply
    assert reply.headers["Content-Type"].startswith(
        "application/problem+json")
    stack.fcgi.start()
    stack.wait_ready()
    assert answers(reader)


@pytest.mark.parametrize("number", [signal.SIGHUP])
def test_a_reload_replaces_the_responders(stack, reader, number):
    before = set(stack.responders())
    os.kill(stack.fcgi.pid, number)
    def replaced():
        assert answers(reader, "/health")
        now = set(stack.responders())
        return len(now) == 2 and not now & before
    wait_until("new responders", replaced)
    stack.wait_ready()
