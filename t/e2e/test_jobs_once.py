"""Whatever is killed, a job that was taken ends; no change is made twice."""

import contextlib
import signal

import pytest

from job_client import (JOBS, PACKETS, SLOW, Asked, Held, events, everybody,
                        finished, get, needs_root, submit, told, workers)
from nats_client import SHARED, Nats, own_consumer
from private_etc import resolv_conf
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s",
                 "OSAPI_JOB_CONSUMER_ACK_WAIT": "1s",
                 "OSAPI_JOB_CONSUMER_BACK_OFF": "1s",
                 "OSAPI_JOB_CONSUMER_MAX_DELIVER": "20"},
         "workers": workers({"hostname": "w-0"}, {"hostname": "w-1"},
                            {"hostname": "w-2", "labels": {"rack": "a"}})}
NAMES = ["w-0", "w-1", "w-2"]


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 3)


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


def test_a_query_whose_worker_dies_is_run_by_another(stack, reader, writer):
    job_id = submit(writer, *SLOW)
    begun = told(reader, job_id, "started")
    victim = NAMES.index(events(begun, "started")[0]["hostname"])
    stack.workers[victim].kill()
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert job["hostname"] != NAMES[victim]
    assert job["result"]["packets_received"] == PACKETS, job
    stack.workers[victim].start()
    everybody(stack, reader, 3)


def test_a_query_for_one_host_is_run_again_by_it(stack, reader, writer):
    job_id = submit(writer, *SLOW, target="w-1")
    told(reader, job_id, "started", "w-1")
    stack.workers[1].kill()
    stack.workers[1].start()
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    job = told(reader, job_id, "started", "w-1", count=2)
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
def test_no_other_host_takes_over_a_change_that_was_begun(stack, reader,
                                                          writer):
    """Of _any: it was delivered to the others when its worker died."""
    with contextlib.ExitStack() as held:
        asked = held.enter_context(contextlib.closing(Asked()))
        for number in range(3):
            held.enter_context(Held(resolv_conf(stack, number), asked))
        job_id = update(writer, "_any", "192.0.2.12")
        assert asked.wait(60), "nobody begins it"
        [begun] = events(told(reader, job_id, "started"), "started")
        victim = NAMES.index(begun["hostname"])
        stack.workers[victim].kill()
        with Nats(stack) as nats:
            wait_until("another one is given it", lambda: nats.api(
                f"CONSUMER.INFO.JOBS.{SHARED}")["num_redelivered"] > 0)
    stack.workers[victim].start()
    job = finished(reader, job_id)
    assert job["status"] == "failed", job
    assert "unknown outcome" in job["error"], job
    assert job["hostname"] == NAMES[victim], job
    with Nats(stack) as nats:
        wait_until("all is settled", lambda: not nats.unsettled(SHARED))
        assert len(nats.events(job_id, "started")) == 1
    for number in range(3):
        assert "192.0.2.12" not in resolv_conf(stack, number).read_text()
    everybody(stack, reader, 3)


@needs_root
def test_a_worker_that_stops_ends_the_change_that_it_began(stack, reader,
                                                           writer):
    with Held(resolv_conf(stack, 0)) as held:
        job_id = update(writer, "w-0", "192.0.2.13")
        held.wait()
        stack.workers[0].popen.send_signal(signal.SIGTERM)
        wait_until("it stops", lambda: '"msg":"stopping"' in
                   stack.workers[0].log.read_text())
    assert stack.workers[0].popen.wait(60) == 0
    job = finished(reader, job_id)
    assert job["status"] == "completed", job
    assert "192.0.2.13" in resolv_conf(stack, 0).read_text()
    stack.workers[0].start()
    everybody(stack, reader, 3)


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
        data = job["responses"][name]["data"]
        assert data["packets_received"] == PACKETS, job
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
