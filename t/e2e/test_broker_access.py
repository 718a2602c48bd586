"""What the broker's users may and may not do, by its plain protocol."""

import json
import os
import signal
import socket

import pytest

import forge
from job_client import finished, submit
from load import Load
from nats_client import Nats as Client
from nats_client import NatsError, credentials, own_consumer
from stack import wait_until

# Two workers, so that all consumers and buckets exist.
STACK = {"workers": [{"hostname": "w-1", "labels": {"group": "web"}},
                     {"hostname": "w-2", "labels": {"group": "db"}}]}
JOB = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


class Nats:
    """A client that says what a test tells it and reads lines."""

    def __init__(self, port, user=None, password=None):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.lines = self.socket.makefile("rb")
        self.info = json.loads(self.lines.readline().partition(b" ")[2])
        options = {"verbose": False, "pedantic": False, "headers": True}
        if user is not None:
            options.update(user=user, **{"pass": password})
        self.send(f"CONNECT {json.dumps(options)}\r\nPING\r\n")

    def send(self, text):
        self.socket.sendall(text.encode())

    def answer(self):
        """The lines up to the PONG that our PING gets, or to the end; what
        the server asks by itself is passed over."""
        got = []
        while True:
            line = self.lines.readline().decode(errors="replace").strip()
            if line in ("", "PONG"):
                return got
            if line == "PING":
                self.send("PONG\r\n")
            elif not line.startswith("INFO "):
                got.append(line)

    def try_line(self, text):
        """Whether the server takes this; False: a permissions violation."""
        self.send(f"{text}\r\nPING\r\n")
        said = self.answer()
        return not any("Permissions Violation" in line for line in said)

    def may_publish(self, subject):
        return self.try_line(f"PUB {subject} 0\r\n")

    def may_subscribe(self, subject):
        return self.try_line(f"SUB {subject} {id(subject)}")

    def close(self):
        self.lines.close()
        self.socket.close()


@pytest.fixture(name="connect", scope="module")
def fixture_connect(stack):
    """Connects as "api", "monitor", or a host's worker."""
    made = []
    def connect(user):
        nats = Nats(stack.nats_port, *credentials(stack, user))
        made.append(nats)
        assert nats.answer() == []
        return nats
    yield connect
    for nats in made:
        nats.close()


@pytest.mark.parametrize("user,password", [
    (None, None), ("", ""), ("api", ""), ("api", "api"), ("worker", "worker"),
    ("worker-w-1", ""), ("worker-w-1", "worker-w-1"), ("monitor", ""),
    ("monitor", "monitor"), ("system", ""), ("admin", "admin"), ("$SYS", "")])
def test_nobody_gets_in_without_a_password(stack, user, password):
    nats = Nats(stack.nats_port, user, password)
    try:
        assert any("Authorization Violation" in line
                   for line in nats.answer())
    finally:
        nats.close()


def test_nobody_gets_in_by_another_ones_password(stack):
    """The API's files are not on a worker's host, nor the other way round."""
    for user, whose in (("worker-w-2", "w-1"), ("api", "w-1"),
                        ("monitor", "w-1"), ("worker-w-1", "api")):
        nats = Nats(stack.nats_port, user, credentials(stack, whose)[1])
        try:
            assert any("Authorization Violation" in line
                       for line in nats.answer()), user
        finally:
            nats.close()


@pytest.mark.parametrize("subject", [
    f"$KV.job-queue.jobs.{JOB}", "jobs.query._any", "jobs.live.modify._all",
    *(f"{prefix}.{what}" for prefix in ("$JS.API", "osapi.js") for what in (
        "STREAM.DELETE.JOBS", "STREAM.PURGE.JOBS", "STREAM.INFO.KV_job-queue",
        "STREAM.DELETE.KV_job-queue", "STREAM.CREATE.MINE",
        "STREAM.UPDATE.JOBS", "STREAM.MSG.DELETE.JOBS",
        "STREAM.MSG.GET.KV_job-queue", "STREAM.MSG.GET.KV_job-responses",
        "STREAM.SNAPSHOT.KV_job-queue", "ACCOUNT.PURGE.A",
        "CONSUMER.DELETE.JOBS.jobs-worker-any", "DIRECT.GET.KV_job-queue",
        "DIRECT.GET.KV_job-responses",
        "CONSUMER.DURABLE.CREATE.KV_job-queue.mine")),
    "$SYS.REQ.SERVER.PING", "_INBOX_api.x.y", "_INBOX.x"])
def test_a_worker_may_not_command_or_destroy(connect, subject):
    assert not connect("w-1").may_publish(subject)


OTHER = own_consumer("w-2", "host.w-2")
OWN = own_consumer("w-1", "host.w-1")


@pytest.mark.parametrize("subject", [
    f"$KV.job-responses.w-2.{JOB}", "$KV.worker-registry.w-2",
    f"$KV.job-queue.status.{JOB}.completed.w-2.1",
    f"$KV.job-queue.status.{JOB}.failed._any.0",
    "osapi.js.DIRECT.GET.KV_worker-registry.$KV.worker-registry.w-2",
    *(f"osapi.js.DIRECT.GET.KV_job-responses.$KV.job-responses.{key}"
      for key in (f"w-2.{JOB}", "w-2.>", ">", f"*.{JOB}", f">.{JOB}")),
    f"osapi.js.CONSUMER.MSG.NEXT.JOBS.{OTHER}",
    f"osapi.js.CONSUMER.INFO.JOBS.{OTHER}", f"$JS.ACK.JOBS.{OTHER}.1.1.1.1.0",
    f"osapi.js.CONSUMER.CREATE.JOBS.{OTHER}.jobs.*.host.w-2",
    f"osapi.js.CONSUMER.CREATE.JOBS.{OWN}.jobs.*.host.w-2",
    f"osapi.js.CONSUMER.CREATE.JOBS.{OWN}.jobs.>",
    f"osapi.js.CONSUMER.CREATE.JOBS.{OWN}",
    # labels are granted, not chosen
    "osapi.js.CONSUMER.CREATE.JOBS."
    f"{own_consumer('w-1', 'label.group.db')}.jobs.*.label.group.db"])
def test_a_worker_may_not_read_or_write_another_hosts(connect, subject):
    assert not connect("w-1").may_publish(subject)


@pytest.mark.parametrize("subject", [
    ">", "_INBOX.>", "_INBOX_api.>", "_INBOX_worker-w-2.>", "jobs.>",
    "$KV.>", "$SYS.>", "osapi.changes.>"])
def test_a_worker_may_not_listen_to_others(connect, subject):
    assert not connect("w-1").may_subscribe(subject)


def test_a_worker_cannot_make_the_broker_do_it(stack, reader):
    """The broker answers to the subject that a request names, whether or not
    the asker may write there; what it says can be the asker's own words."""
    reply = reader.get("/api/v1/system/hostname?target_hostname=w-2")
    job_id = reply.json()["job_id"]
    with Client(stack, "w-1") as nats, Client(stack) as api:
        mine = f"$KV.job-responses.w-1.{JOB}"
        others = f"$KV.job-responses.w-2.{JOB}"
        nats.store(mine, json.dumps({"name": "EVIL", "subjects": ["evil"]}))
        before = api.job(job_id)
        for subject in ("$JS.API.STREAM.CREATE.EVIL", others,
                        f"$KV.job-queue.jobs.{JOB}",
                        "$JS.API.STREAM.PURGE.KV_job-queue",
                        f"$JS.API.CONSUMER.CREATE.JOBS.{OTHER}"):
            nats.publish("osapi.js.DIRECT.GET.KV_job-responses." + mine,
                         reply=subject)
            nats.publish(f"$KV.job-queue.status.{JOB}.started.w-1.1", b"{}",
                         reply=subject)
            nats.publish(f"osapi.js.CONSUMER.INFO.JOBS.{OWN}", reply=subject)
        # behind them: the server has seen them all
        nats.store(f"$KV.job-responses.w-1.{job_id}", b"{}")
        with Client(stack, "monitor") as monitor:
            assert "EVIL" not in monitor.api("STREAM.NAMES")["streams"]
        assert api.job(job_id) == before
        for subject, stream in ((others, "KV_job-responses"), (
                f"$KV.job-queue.jobs.{JOB}", "KV_job-queue")):
            with pytest.raises(NatsError, match="no message found"):
                api.message(subject, stream)


def test_a_worker_cannot_empty_a_bucket(stack, writer):
    """By the header that rolls a stream up to its newest message."""
    job_id = writer.post("/api/v1/jobs", {"operation": {
        "type": "system.hostname.get", "data": {}}}).json()["job_id"]
    with Client(stack, "w-1") as nats, Client(stack) as api:
        for subject in (f"$KV.job-queue.status.{JOB}.started.w-1.2",
                        f"$KV.job-responses.w-1.{job_id}",
                        "$KV.worker-registry.w-1"):
            with pytest.raises(NatsError, match="rollup not permitted"):
                nats.store(subject, b"{}", {"Nats-Rollup": "all"})
        assert api.job(job_id)


def test_a_worker_reads_jobs_by_their_id(stack, writer):
    """Also those of other hosts: ids are not to be guessed, but they are no
    secret.  Nor are jobs; results are."""
    job_id = writer.post("/api/v1/jobs", {
        "operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "w-2"}).json()["job_id"]
    with Client(stack, "w-1") as nats:
        data = nats.request("osapi.js.DIRECT.GET.KV_job-queue."
                            f"$KV.job-queue.jobs.{job_id}")
    assert json.loads(data)["target"] == "w-2"


def test_a_forged_result_of_another_host_is_not_taken(stack, reader):
    """A document says whose it is, and its key does so, too."""
    reply = reader.get("/api/v1/system/hostname?target_hostname=w-2")
    job_id = reply.json()["job_id"]
    before = reader.get(f"/api/v1/jobs/{job_id}").json()
    with Client(stack, "w-1") as nats:
        nats.store(f"$KV.job-responses.w-1.{job_id}", json.dumps(
            {"job_id": job_id, "status": "failed", "error": "forged",
             "hostname": "w-2", "timestamp": before["updated_at"]}))
        nats.store(f"$KV.job-queue.status.{job_id}.failed.w-1.9", json.dumps(
            {"job_id": job_id, "event": "failed", "hostname": "w-2",
             "timestamp": before["updated_at"], "unix_nano": 9,
             "data": {"error": "forged"}}))
    def refused():
        log = stack.fcgi.log.read_text()
        return all(log.count(words) == len(stack.responders()) for words in
                   ("the response is of w-2", "the event is of w-2"))
    wait_until("each responder refuses both", refused)
    job = reader.get(f"/api/v1/jobs/{job_id}?wait=30s").json()
    assert job["status"] == "completed", job
    assert "forged" not in json.dumps(job), job


@pytest.mark.parametrize("subject", [
    "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.DELETE.KV_job-queue",
    "$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.SNAPSHOT.JOBS",
    "$JS.API.ACCOUNT.PURGE.A", "$SYS.REQ.SERVER.PING"])
def test_the_api_may_do_only_what_it_needs(connect, subject):
    assert not connect("api").may_publish(subject)


@pytest.mark.parametrize("subject", [">", "_INBOX.>", "_INBOX_worker-w-1.>",
                                     "$SYS.>"])
def test_the_api_may_not_listen_to_others(connect, subject):
    assert not connect("api").may_subscribe(subject)


@pytest.mark.parametrize("subject", [
    f"$KV.job-queue.jobs.{JOB}", "jobs.query._any", "$KV.worker-registry.x",
    "$JS.API.STREAM.MSG.GET.KV_job-queue", "$JS.API.STREAM.PURGE.JOBS",
    f"$JS.API.DIRECT.GET.KV_job-queue.$KV.job-queue.jobs.{JOB}",
    "$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.UPDATE.JOBS",
    "$JS.API.CONSUMER.MSG.NEXT.JOBS.jobs-worker-any",
    "$JS.API.CONSUMER.CREATE.JOBS", "$JS.ACK.JOBS.jobs-worker-any.1.1.1.1.0",
    "$SYS.REQ.SERVER.PING"])
def test_the_monitor_may_not_read_data_or_change_anything(connect, subject):
    assert not connect("monitor").may_publish(subject)


def test_what_they_need_they_may(stack, connect):
    """So that the refusals above are known to be about the subject."""
    worker = connect("w-1")
    assert worker.may_publish("$KV.worker-registry.w-1")
    assert worker.may_subscribe("_INBOX_worker-w-1.test.>")
    assert worker.may_publish(
        f"osapi.js.CONSUMER.CREATE.JOBS.{OWN}.jobs.*.host.w-1")
    api = connect("api")
    assert api.may_publish("$JS.API.STREAM.INFO.JOBS")
    assert api.may_subscribe("_INBOX_api.test.>")
    with Client(stack, "monitor") as monitor:
        names = {"JOBS", "JOBS-DLQ", "KV_job-queue", "KV_job-responses",
                 "KV_worker-registry"}
        assert set(monitor.api("STREAM.NAMES")["streams"]) == names
        assert monitor.api("STREAM.INFO.JOBS")["state"]
        assert {row["name"] for row in monitor.api("CONSUMER.LIST.JOBS")[
            "consumers"]} >= {"jobs-worker-any", OWN, OTHER}


def forged(job_id):
    """A job as the API writes it, by somebody without its key."""
    return json.dumps({
        "id": job_id, "target": "_any",
        "operation": {"type": "system.hostname.get", "data": {}},
        "kind": "query", "lane": "batch",
        "created": "2026-01-01T00:00:00.000Z",
        "expires_at": "2099-01-01T00:00:00.000Z",
        "submitted_by": "mallory", "expected": []},
        separators=(",", ":"))


def put(stack, job_id, document, signature):
    """Stores a job and then tells the workers, as whoever holds the broker
    can."""
    with Client(stack) as api:
        api.put_job(job_id, document.encode(), signature)
        api.store("jobs.query._any", job_id)


def protected(**changes):
    """The first part of a signature, with a key that nobody has."""
    header = {"alg": "EdDSA", "b64": False, "crit": ["b64"],
              "kid": forge.encode(bytes(32)), "typ": "osapi-job", **changes}
    return forge.encode(json.dumps(header).encode())


@pytest.mark.parametrize("number,signature", enumerate([
    "", "..", "nonsense", f"{protected()}..{forge.encode(bytes(64))}",
    f"{protected(alg='none')}..", f"{protected(alg='HS256')}..AAAA"]))
def test_a_forged_job_is_not_run(stack, reader, number, signature):
    job_id = f"017f22e2-79b0-7cc3-98c4-00000000000{number}"
    put(stack, job_id, forged(job_id), signature)
    job = finished(reader, job_id)
    assert job["status"] == "failed", job
    assert "refused" in job["error"] and "sign" in job["error"], job
    assert "result" not in job, job


def test_a_true_job_with_other_contents_is_not_run(stack, reader, writer):
    """The signature of one job under another's document."""
    made = submit(writer)
    with Client(stack) as api:
        _, signature = api.job(made)
    job_id = "017f22e2-79b0-7cc3-98c4-0000000000ff"
    put(stack, job_id, forged(job_id), signature)
    job = finished(reader, job_id)
    assert job["status"] == "failed", job
    assert "does not match" in job["error"], job
    job = finished(reader, made)
    assert job["status"] == "completed", job


def test_reloads_under_load_cut_no_host_off(stack):
    """One in some tens leaves no worker a way to JetStream: `osapi nats
    server start` notices, and reloads once more."""
    def done():
        return stack.nats.log.read_text(errors="replace").count(
            "nats-server has its new configuration")
    with Load(stack.port, stack.token("write")) as load:
        for _ in range(8):
            load.wait_answers(wait_until, 10)
            before = done()
            os.kill(stack.nats.pid, signal.SIGHUP)
            wait_until("nats-server is reloaded", lambda: done() > before)
            for host in ("w-1", "w-2"):
                with Client(stack, host) as worker:
                    answer = worker.request(
                        "osapi.js.CONSUMER.INFO.JOBS.jobs-worker-any")
                    assert b"jobs-worker-any" in answer, (host, answer)
