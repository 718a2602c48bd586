"""The limits of osapi.yaml are those of the objects in NATS, also when they
change; and what requests ask of NATS."""

import time

import pytest

from job_client import HOSTNAME, JOBS, everybody, finished, submit
from nats_client import Nats, own_consumer
from stack import wait_until

MONITOR = ("monitor", "a password of this test alone, and long")
STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s",
                 "OSAPI_NATS_SERVER_MONITOR_PASSWORD": MONITOR[1]},
         "workers": [{"hostname": "w-0"}]}
HOUR = 3600 * 10 ** 9
BUCKETS = ("KV_job-queue", "KV_job-responses")
JOB_STREAM, DLQ = ("JOBS",), ("JOBS-DLQ",)
# key, another value, whose setting it is, its name there, and how it is said
STREAMS = (
    ("JOB_STREAM_MAX_AGE", "1h", JOB_STREAM, "max_age", HOUR),
    ("JOB_STREAM_MAX_MSGS", "5000", JOB_STREAM, "max_msgs", 5000),
    ("JOB_STREAM_DISCARD", "old", JOB_STREAM, "discard", "old"),
    ("JOB_KV_TTL", "2h", BUCKETS, "max_age", 2 * HOUR),
    ("JOB_KV_MAX_BYTES", "64MiB", BUCKETS, "max_bytes", 64 << 20),
    ("JOB_DLQ_MAX_AGE", "3h", DLQ, "max_age", 3 * HOUR),
    ("JOB_DLQ_MAX_MSGS", "7", DLQ, "max_msgs", 7),
)
CONSUMERS = (
    ("JOB_CONSUMER_MAX_DELIVER", "9", "max_deliver", 9),
    ("JOB_CONSUMER_ACK_WAIT", "1h", "ack_wait", HOUR),
    ("JOB_CONSUMER_MAX_ACK_PENDING", "77", "max_ack_pending", 77),
)
# no job may wait for longer than it is kept
OTHER = {"OSAPI_JOB_DEADLINE": "1h",
         **{f"OSAPI_{key}": value for key, value, *_ in (*STREAMS, *CONSUMERS)}}


@pytest.fixture(name="restart")
def fixture_restart(stack, reader):
    """Starts a program again with other keys, and in the end as it was."""
    everybody(stack, reader, 1)
    before = {}
    def restart(process, env):
        before.setdefault(process, process.env)
        process.stop()
        process.env = {**before[process], **env}
        process.start()
    yield restart
    for process in before:
        restart(process, {})
    everybody(stack, reader, 1)


def settings(nats):
    """All that the tables name, as it is in NATS now."""
    found = {(stream, member): nats.api(f"STREAM.INFO.{stream}")["config"].get(
        member) for _, _, streams, member, _ in STREAMS for stream in streams}
    for consumer in ("jobs-worker-any", "jobs-worker-any-live",
                     own_consumer("w-0", "host.w-0"),
                     own_consumer("w-0", "_all")):
        config = nats.api(f"CONSUMER.INFO.JOBS.{consumer}")["config"]
        found.update({(consumer, member): config.get(member)
                      for _, _, member, _ in CONSUMERS})
    return found


def test_a_changed_limit_is_a_limit_in_nats(stack, reader, writer, nats,
                                            restart):
    before = settings(nats)
    job_id = submit(writer, target="w-0")
    finished(reader, job_id)
    restart(stack.fcgi, OTHER)
    restart(stack.workers[0], OTHER)
    everybody(stack, reader, 1)
    after = settings(nats)
    wanted = {(stream, member): value for _, _, streams, member, value in
              STREAMS for stream in streams}
    wanted.update({(name, member): value for name, member in after
                   for _, _, of, value in CONSUMERS if of == member})
    assert after == wanted
    assert not set(before.items()) & set(after.items()), "nothing was changed"
    assert finished(reader, job_id)["status"] == "completed", "jobs stay"


@pytest.mark.parametrize("key,value,words", [
    ("JOB_KV_STORAGE", "memory", "can not change storage type"),
    ("JOB_STREAM_REPLICAS", "3", "replicas > 1 need a cluster"),
    ("JOB_CONSUMER_REPLAY_POLICY", "original", "replay policy"),
])
def test_a_change_that_nats_refuses_is_said_at_start(stack, reader, problem,
                                                     restart, key, value,
                                                     words):
    at = len(stack.fcgi.log.read_text())
    restart(stack.fcgi, {f"OSAPI_{key}": value})
    def said():
        lines = stack.fcgi.log.read_text()[at:].splitlines()
        return [line for line in lines if "NATS refuses what the configuration"
                in line and words in line and '"level":"error"' in line]
    wait_until("it is in the log", said)
    def refused():
        reply = reader.get("/health/ready")
        return reply.status == 503 and words in reply.json()["error"]
    wait_until("readiness says so too", refused)
    problem(reader.get(f"{HOSTNAME}?target_hostname=w-0"), 503, words)


def test_reads_ask_nats_for_nothing(stack, reader, writer):
    """No consumer, no watcher, no listing: what JetStream was asked for
    meanwhile are the looks that each process takes once a second."""
    everybody(stack, reader, 1)
    job_id = submit(writer, target="w-0")
    finished(reader, job_id)
    with Nats(stack, "monitor", MONITOR) as monitor:
        def asked():
            return monitor.api("INFO")["api"]["total"]
        begin, before = time.monotonic(), asked()
        for _ in range(400):
            for path in ("", "?limit=10", "/workers", f"/{job_id}",
                         f"/{job_id}?wait=1s"):
                assert reader.get(JOBS + path).status == 200
        # three buckets and what is due now and then, of two processes
        looks = 12 * (time.monotonic() - begin)
        grown = asked() - before
        print(f"{grown} questions in {looks / 12:.1f} s")
        assert grown < 300 + looks
