"""Lists, counters, retries, deletes and keys: what the API tells of jobs."""

import concurrent.futures
import json
import uuid

import pytest

from job_client import (FINAL, JOBS, SLOW, Held, events, everybody, finished,
                        get, gone, kill_idle, needs_root, submit, told,
                        workers)
from nats_client import Nats, own_consumer
from private_etc import resolv_conf
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s"},
         "workers": workers({"hostname": "w-0"}, {"hostname": "w-1"},
                            {"hostname": "w-2"})}
NAMES = ["w-0", "w-1", "w-2"]
GOOD = {"operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "w-0"}


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 3)


def listed(reader, **query):
    words = "&".join(f"{k}={v}" for k, v in query.items())
    reply = reader.get(f"{JOBS}?{words}")
    assert reply.status == 200, reply
    return reply.json()


def counters(reader):
    """The queue's statistics when every process agrees on them."""
    def same():
        seen = [reader.get(f"{JOBS}/status").json() for _ in range(16)]
        return seen[0] if all(one == seen[0] for one in seen) else None
    return wait_until("all processes say the same", same)


def test_lists_and_counters_are_what_was_made(reader, writer):
    """Completed, failed and waiting ones, each read on every page."""
    before = counters(reader)
    good = [submit(writer, target="w-0") for _ in range(12)]
    bad = [submit(writer, "network.dns.get", {"interface_name": "none0"},
                  "w-1") for _ in range(5)]
    waiting = [submit(writer, target="nobody-here") for _ in range(3)]
    for job_id in good + bad:
        finished(reader, job_id)
    made = (good + bad + waiting)[::-1]
    def grown():
        now = counters(reader)
        more = {key: now["status_counts"].get(key, 0) -
                before["status_counts"].get(key, 0) for key in
                ("completed", "failed", "submitted", "processing")}
        return now if more == {"completed": 12, "failed": 5, "submitted": 3,
                               "processing": 0} else None
    now = wait_until("the counters have them all", grown)
    assert now["total_jobs"] == before["total_jobs"] + 20
    kinds = "operation_counts"
    assert now[kinds]["network.dns.get"] == \
        before[kinds].get("network.dns.get", 0) + 5
    assert now[kinds]["system.hostname.get"] == \
        before[kinds].get("system.hostname.get", 0) + 15
    whole = listed(reader, limit=0)
    assert whole["total_items"] == now["total_jobs"]
    assert [job["id"] for job in whole["items"]][:20] == made
    assert len(whole["items"]) == whole["total_items"]
    assert [job["id"] for job in listed(reader)["items"]] == made[:10]
    paged = [job["id"] for offset in range(0, 20, 7) for job in
             listed(reader, limit=7, offset=offset)["items"]]
    assert paged[:20] == made
    for status, ids in (("completed", good), ("failed", bad),
                        ("submitted", waiting)):
        page = listed(reader, status=status, limit=0)
        assert page["total_items"] == now["status_counts"][status]
        assert [job["id"] for job in page["items"]][:len(ids)] == ids[::-1]
        assert {job["status"] for job in page["items"]} == {status}
        assert listed(reader, status=status, limit=1, offset=page[
            "total_items"])["items"] == []
    for job_id in waiting:
        assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    wait_until("they are gone from the counters", lambda: counters(reader)[
        "total_jobs"] == before["total_jobs"] + 17)
    assert listed(reader, status="submitted")["total_items"] == 0


def test_a_failed_job_is_retried_as_a_new_one(reader, writer, problem):
    job_id = submit(writer, "network.dns.get", {"interface_name": "none0"},
                    "w-1")
    assert finished(reader, job_id)["status"] == "failed"
    reply = writer.post(f"{JOBS}/{job_id}/retry", {})
    assert reply.status == 201, reply
    again = reply.json()["job_id"]
    assert again != job_id
    job = finished(reader, again)
    assert job["operation"] == get(reader, job_id)["operation"]
    assert job["target_hostname"] == "w-1"
    assert job["status"] == "failed"
    original = told(reader, job_id, "retried")
    assert again in events(original, "retried")[0]["message"]
    assert original["status"] == "failed"
    reply = writer.post(f"{JOBS}/{job_id}/retry",
                        {"target_hostname": "w-2"})
    job = finished(reader, reply.json()["job_id"])
    assert job["target_hostname"] == "w-2"
    told(reader, job_id, "retried", count=2)
    problem(writer.post(f"{JOBS}/{uuid.uuid4()}/retry", {}), 404)


def test_a_job_that_runs_cannot_be_retried(reader, writer, problem):
    job_id = submit(writer, *SLOW, target="w-0")
    problem(writer.post(f"{JOBS}/{job_id}/retry", {}), 409)
    told(reader, job_id, "started")
    problem(writer.post(f"{JOBS}/{job_id}/retry", {}), 409, "processing")
    job = finished(reader, job_id)
    assert events(job, "retried") == []


def test_a_job_deleted_while_it_waits_is_not_run(stack, reader, writer, nats):
    consumer = own_consumer("w-2", "host.w-2")
    kill_idle(stack, 2, consumer)
    job_id = submit(writer, target="w-2")
    kept = submit(writer, target="w-2")
    assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    gone(reader, job_id)
    assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 404
    stack.workers[2].start()
    assert finished(reader, kept)["status"] == "completed"
    wait_until("all is settled", lambda: not nats.unsettled(consumer))
    assert nats.events(job_id) == []
    gone(reader, job_id)
    everybody(stack, reader, 3)


def test_a_job_deleted_while_it_runs_leaves_nothing(reader, writer, nats):
    job_id = submit(writer, *SLOW, target="w-1")
    told(reader, job_id, "started")
    assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    consumer = own_consumer("w-1", "host.w-1")
    wait_until("its worker is done", lambda: not nats.unsettled(consumer))
    gone(reader, job_id)
    assert nats.events(job_id) == []
    left = nats.api("STREAM.INFO.KV_job-responses",
                    subjects_filter=f"$KV.job-responses.*.{job_id}")
    assert not left["state"].get("subjects"), left
    assert not [job for job in listed(reader, limit=0)["items"]
                if job["id"] == job_id]


@needs_root
def test_a_change_of_a_deleted_job_runs_to_its_end(stack, reader, writer):
    """It is too late to stop it, and nothing of it is left in the store."""
    with Held(resolv_conf(stack, 1)) as held:
        job_id = submit(writer, "network.dns.update",
                        {"interface_name": "lo", "servers": ["192.0.2.9"]},
                        "w-1")
        held.wait()
        assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    with Nats(stack) as nats:
        consumer = own_consumer("w-1", "host.w-1")
        wait_until("it is done", lambda: not nats.unsettled(consumer))
        assert nats.events(job_id) == []
    assert "192.0.2.9" in resolv_conf(stack, 1).read_text()
    gone(reader, job_id)


@needs_root
def test_what_a_change_replaces_is_in_the_log(stack, reader, writer):
    path = resolv_conf(stack, 2)
    path.write_text("nameserver 192.0.2.31\nsearch old.example\n")
    job_id = submit(writer, "network.dns.update",
                    {"interface_name": "lo", "servers": ["192.0.2.32"]}, "w-2")
    assert finished(reader, job_id)["status"] == "completed"
    assert "192.0.2.32" in path.read_text()
    log = stack.whole_lines(stack.workers[2].name)
    [line] = [event for event in map(json.loads, log) if
              event["msg"] == "DNS changes" and event["job_id"] == job_id]
    assert line["interface"] == "lo"
    assert json.loads(line["former_servers"]) == ["192.0.2.31"]
    assert json.loads(line["former_search_domains"]) == ["old.example"]


@needs_root
def test_one_host_of_three_fails(stack, reader, writer):
    """Its resolv.conf belongs to another program."""
    path = resolv_conf(stack, 1)
    text = path.read_text()
    path.write_text("# Generated by NetworkManager\nnameserver 192.0.2.1\n")
    body = {"interface_name": "lo", "servers": ["192.0.2.77"]}
    job_id = submit(writer, "network.dns.update", body, "_all")
    job = finished(reader, job_id)
    assert job["status"] == "partial_failure", job
    states = {host: one["status"] for host, one in job["responses"].items()}
    assert states == {"w-0": "completed", "w-1": "failed", "w-2": "completed"}
    assert "NetworkManager" in job["responses"]["w-1"]["error"]
    reply = writer.request("PUT", "/api/v1/network/dns?target_hostname=_all",
                           {**body, "servers": ["192.0.2.78"]})
    assert reply.status == 202, reply
    rows = {row["hostname"]: row for row in reply.json()["results"]}
    assert sorted(rows) == NAMES
    assert rows["w-1"]["status"] == "failed"
    assert "NetworkManager" in rows["w-1"]["error"]
    assert "192.0.2.78" in resolv_conf(stack, 0).read_text()
    assert "NetworkManager" in path.read_text()
    path.write_text(text)


def with_key(client, key, body):
    return client.post(JOBS, body, headers={"Idempotency-Key": key})


def test_one_key_makes_one_job(stack, reader, writer, problem):
    reply = with_key(writer, "one", GOOD)
    assert reply.status == 201, reply
    job_id = reply.json()["job_id"]
    for _ in range(3):
        reply = with_key(writer, "one", GOOD)
        assert reply.status == 200, reply
        assert reply.json()["job_id"] == job_id
    other = {**GOOD, "target_hostname": "w-1"}
    problem(with_key(writer, "one", other), 409)
    finished(reader, job_id)
    assert with_key(writer, "one", GOOD).json()["job_id"] == job_id
    assert len(events(get(reader, job_id), "submitted")) == 1
    # a key is its user's own
    reply = with_key(stack.client("write", "somebody"), "one", other)
    assert reply.status == 201, reply
    assert reply.json()["job_id"] != job_id


def test_one_key_at_the_same_time_makes_one_job(reader, writer):
    before = counters(reader)["total_jobs"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: with_key(writer, "many", GOOD),
                                range(48)))
    assert sorted({reply.status for reply in replies}) == [200, 201], replies
    assert [reply.status for reply in replies].count(201) == 1
    [job_id] = {reply.json()["job_id"] for reply in replies}
    assert finished(reader, job_id)["status"] == "completed"
    assert counters(reader)["total_jobs"] == before + 1


def test_final_states_are_never_left(reader, writer):
    """Whatever is asked of a job that has ended, it stays as it was."""
    job_id = submit(writer, target="_all")
    job = finished(reader, job_id)
    assert job["status"] in FINAL
    writer.post(f"{JOBS}/{job_id}/retry", {})
    told(reader, job_id, "retried")
    for _ in range(8):
        again = get(reader, job_id)
        assert again["status"] == job["status"]
        assert again["responses"] == job["responses"]
