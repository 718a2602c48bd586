"""Whatever is killed, a job that was taken ends, and no change is made twice."""

import json
import os
import signal
import time

import pytest

from job_client import (JOBS, SLOW, Held, events, everybody,
                        finished, get, needs_root, resolv_conf, submit, told,
                        workers)
from nats_client import SHARED, Nats, Signer, own_consumer, uuid7
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "1s",
                 "OSAPI_JOB_CONSUMER_ACK_WAIT": "1s",
                 "OSAPI_JOB_CONSUMER_BACK_OFF": "1s",
                 "OSAPI_JOB_CONSUMER_MAX_DELIVER": "4"},
         "workers": workers({"hostname": "w-0"}, {"hostname": "w-1"},
                            {"hostname": "w-2", "labels": {"rack": "a"}})}
NAMES = ["w-0", "w-1", "w-2"]


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 3)


@pytest.fixture(name="nats")
def fixture_nats(stack):
    with Nats(stack) as nats:
        yield nats


def update(writer, host, server):
    """A change of that host's name servers."""
    return submit(writer, "network.dns.update",
                  {"interface_name": "lo", "servers": [server]}, host)


def restart_nats(stack, reader, how):
    """Ends nats-server by this signal and starts it again."""
    stack.nats.signal_group(how)
    stack.nats.popen.wait(60)
    stack.nats.start()
    stack.wait_nats()
    everybody(stack, reader, 3)


def log_lines(stack, number, text):
    """Lines of a worker's log that have it."""
    return [line for line in stack.workers[number].log.read_text().splitlines()
            if text in line]


def test_a_query_whose_worker_dies_is_run_by_another(stack, reader, writer):
    job_id = submit(writer, *SLOW)
    begun = told(reader, job_id, "started")
    victim = NAMES.index(events(begun, "started")[0]["hostname"])
    stack.workers[victim].kill()
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert job["hostname"] != NAMES[victim]
    assert job["result"]["packets_received"] == 10
    stack.workers[victim].start()
    everybody(stack, reader, 3)


def test_a_query_for_one_host_is_run_again_by_it(stack, reader, writer):
    job_id = submit(writer, *SLOW, target="w-1")
    told(reader, job_id, "started", "w-1")
    stack.workers[1].kill()
    stack.workers[1].start()
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert len(events(job, "started", "w-1")) == 2, job["timeline"]
    everybody(stack, reader, 3)


@needs_root
def test_a_change_whose_worker_dies_has_an_unknown_outcome(stack, reader,
                                                           writer):
    with Held(resolv_conf(stack, 0)) as held:
        job_id = update(writer, "w-0", "192.0.2.10")
        held.wait()
        stack.workers[0].kill()
    before = resolv_conf(stack, 0).read_text()
    stack.workers[0].start()
    job = finished(reader, job_id)
    assert job["status"] == "failed", job
    assert "unknown outcome" in job["error"], job
    # later jobs of the same host run, so all before them are settled
    assert finished(reader, update(writer, "w-0", "192.0.2.11"))["status"] == \
        "completed"
    job = told(reader, job_id, "failed", "w-0")
    assert len(events(job, "started")) == 1, job["timeline"]
    assert "192.0.2.10" not in before
    assert "192.0.2.11" in resolv_conf(stack, 0).read_text()


@needs_root
@pytest.mark.parametrize("target,consumer", [
    ("_any", SHARED), ("w-2", own_consumer("w-2", "host.w-2"))])
def test_no_change_runs_twice_when_nats_forgets(stack, reader, writer, target,
                                                consumer):
    """What was acknowledged just before kill -9 is delivered again."""
    jobs = [update(writer, target, f"192.0.2.{number}")
            for number in range(20, 60)]
    for job_id in jobs:
        assert finished(reader, job_id)["status"] == "completed"
    restart_nats(stack, reader, signal.SIGKILL)
    with Nats(stack) as nats:
        wait_until("all is settled", lambda: not nats.unsettled(consumer))
        started = nats.events(event="started")
        completed = nats.events(event="completed")
        for job_id in jobs:
            assert [key[:36] for key in started].count(job_id) == 1
            assert [key[:36] for key in completed].count(job_id) == 1
            assert get(reader, job_id)["status"] == "completed"


@needs_root
@pytest.mark.parametrize("how,server", [(signal.SIGTERM, "192.0.2.70"),
                                        (signal.SIGKILL, "192.0.2.71")])
def test_a_change_runs_once_while_nats_restarts(stack, reader, writer, how,
                                                server):
    """NATS goes while it runs: the result is kept until it can be told."""
    with Held(resolv_conf(stack, 1)) as held:
        job_id = update(writer, "w-1", server)
        held.wait()
        restart_nats(stack, reader, how)
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert server in resolv_conf(stack, 1).read_text()
    with Nats(stack) as nats:
        consumer = own_consumer("w-1", "host.w-1")
        wait_until("all is settled", lambda: not nats.unsettled(consumer))
        assert len(nats.events(job_id, "started")) == 1


def test_nats_restarts_in_the_middle_of_a_broadcast(stack, reader, writer):
    job_id = submit(writer, *SLOW, target="_all")
    told(reader, job_id, "started", count=3)
    restart_nats(stack, reader, signal.SIGTERM)
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert sorted(job["responses"]) == NAMES
    for name in NAMES:
        assert job["responses"][name]["data"]["packets_received"] == 10
        told(reader, job_id, "completed", name)
        assert len(events(get(reader, job_id), "completed", name)) == 1


def test_jobs_come_in_while_nats_is_killed(stack, reader, writer):
    """Whatever was answered with 201 ends; a retry with the same key makes
    no second one."""
    made = []
    stack.nats.signal_group(signal.SIGKILL)
    stack.nats.popen.wait(60)
    stack.nats.start()
    body = {"operation": {"type": "system.hostname.get", "data": {}},
            "target_hostname": "_all"}
    def created(key):
        reply = writer.post(JOBS, body, headers={"Idempotency-Key": key})
        assert reply.status in (200, 201, 502, 503), reply
        return reply.json()["job_id"] if reply.status < 300 else None
    for number in range(20):
        made.append(wait_until("it is taken",
                               lambda: created(f"restart-{number}")))
    assert len(set(made)) == 20
    assert [created(f"restart-{number}") for number in range(20)] == made
    everybody(stack, reader, 3)
    for job_id in made:
        finished(reader, job_id)


@needs_root
def test_a_notification_that_comes_twice_runs_once(stack, reader, writer,
                                                   nats):
    """While it runs, and after it has ended."""
    with Held(resolv_conf(stack, 2)) as held:
        job_id = update(writer, "w-2", "192.0.2.80")
        held.wait()
        nats.store("jobs.modify.host.w-2", job_id)
    assert finished(reader, job_id)["status"] == "completed"
    nats.store("jobs.modify.host.w-2", job_id)
    consumer = own_consumer("w-2", "host.w-2")
    wait_until("all is settled", lambda: not nats.unsettled(consumer))
    assert len(nats.events(job_id, "started")) == 1
    assert len(nats.events(job_id, "completed")) == 1
    assert get(reader, job_id)["status"] == "completed"


@pytest.mark.parametrize("target,hosts", [("_any", 1), ("_all", 3)])
def test_a_query_announced_twice_is_answered_once(reader, writer, nats,
                                                  target, hosts):
    job_id = submit(writer, target=target)
    nats.store(f"jobs.query.{target}", job_id)
    assert finished(reader, job_id)["status"] == "completed"
    nats.store(f"jobs.query.{target}", job_id)
    for name in [SHARED] if hosts == 1 else \
            [own_consumer(name, "_all") for name in NAMES]:
        wait_until("all is settled", lambda: not nats.unsettled(name))
    assert len(nats.events(job_id, "completed")) == hosts


@pytest.fixture(name="stored")
def fixture_stored(stack, reader, writer, nats):
    """Stores a genuine job for a host, without its notification; its id."""
    data, _ = nats.job(submit(writer, target="w-0"))
    signer = Signer(stack.directory / "keys" / "job-signing.pem")
    def store(host, seconds):
        now = time.time()
        job = {**json.loads(data), "id": uuid7(), "target": host,
               "expected": [host], "created": stamp(now),
               "expires_at": stamp(now + seconds)}
        text = json.dumps(job).encode()
        nats.put_job(job["id"], text, signer.sign(text))
        assert get(reader, job["id"])["status"] == "submitted"
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
    assert len(events(job, "started")) == 1
    assert nats.notifications()["jobs.query.host.w-0"] == before + 1
    told_of = [line for line in stack.fcgi.log.read_text().splitlines()
               if "notification was missing" in line and job["id"] in line]
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


def test_a_job_delivered_too_often_fails(stack, reader, writer):
    """Its host takes it and is never heard of again."""
    job_id = submit(writer, "network.ping.do",
                    {"address": "127.0.0.1", "count": 20}, "w-1")
    told(reader, job_id, "started")
    os.kill(stack.workers[1].pid, signal.SIGSTOP)
    try:
        job = finished(reader, job_id)
        assert job["status"] == "failed", job
        assert "given up" in job["error"], job
        assert "4 times" in job["error"], job
    finally:
        os.kill(stack.workers[1].pid, signal.SIGCONT)
    everybody(stack, reader, 3)
