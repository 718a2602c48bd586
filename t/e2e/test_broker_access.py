"""What the broker's users may and may not do, by its plain protocol."""

import json
import socket

import pytest
import yaml

import forge
from stack import wait_until

# One worker, so that all consumers and buckets exist.
STACK = {"workers": [{"hostname": "w-1", "labels": {"group": "web"}}]}
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
        """The lines up to the PONG that our PING gets, or to the end."""
        got = []
        while True:
            line = self.lines.readline().decode(errors="replace").strip()
            if line in ("", "PONG"):
                return got
            if not line.startswith("INFO "):
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
    """Connects as one of the two users of osapi.yaml."""
    config = yaml.safe_load(stack.config.read_text())
    users = {"api": config["api"]["server"]["nats"],
             "worker": config["job"]["worker"]["nats"]}
    made = []
    def connect(name):
        nats = Nats(stack.nats_port, users[name]["user"],
                    users[name]["password"])
        made.append(nats)
        assert nats.answer() == []
        return nats
    yield connect
    for nats in made:
        nats.close()


@pytest.mark.parametrize("user,password", [
    (None, None), ("", ""), ("api", ""), ("api", "api"), ("worker", "worker"),
    ("system", ""), ("admin", "admin"), ("$SYS", "")])
def test_nobody_gets_in_without_a_password(stack, user, password):
    nats = Nats(stack.nats_port, user, password)
    try:
        assert any("Authorization Violation" in line
                   for line in nats.answer())
    finally:
        nats.close()


@pytest.mark.parametrize("subject", [
    f"$KV.job-queue.jobs.{JOB}", "jobs.query._any", "jobs.live.modify._all",
    "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.JOBS",
    "$JS.API.STREAM.DELETE.KV_job-queue", "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.UPDATE.JOBS", "$JS.API.STREAM.MSG.DELETE.JOBS",
    "$JS.API.STREAM.SNAPSHOT.KV_job-queue", "$JS.API.ACCOUNT.PURGE.A",
    "$SYS.REQ.SERVER.PING", "_INBOX_api.x.y", "_INBOX.x"])
def test_a_worker_may_not_command_or_destroy(connect, subject):
    assert not connect("worker").may_publish(subject)


@pytest.mark.parametrize("subject", [
    ">", "_INBOX.>", "_INBOX_api.>", "jobs.>", "$KV.>", "$SYS.>",
    "osapi.changes.>"])
def test_a_worker_may_not_listen_to_others(connect, subject):
    assert not connect("worker").may_subscribe(subject)


@pytest.mark.parametrize("subject", [
    "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.DELETE.KV_job-queue",
    "$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.SNAPSHOT.JOBS",
    "$JS.API.ACCOUNT.PURGE.A", "$SYS.REQ.SERVER.PING"])
def test_the_api_may_do_only_what_it_needs(connect, subject):
    assert not connect("api").may_publish(subject)


@pytest.mark.parametrize("subject", [">", "_INBOX.>", "_INBOX_worker.>",
                                     "$SYS.>"])
def test_the_api_may_not_listen_to_others(connect, subject):
    assert not connect("api").may_subscribe(subject)


def test_what_they_need_they_may(connect):
    """So that the refusals above are known to be about the subject."""
    worker = connect("worker")
    assert worker.may_publish("$KV.worker-registry.test")
    assert worker.may_subscribe("_INBOX_worker.test.>")
    api = connect("api")
    assert api.may_publish("$JS.API.STREAM.INFO.JOBS")
    assert api.may_subscribe("_INBOX_api.test.>")


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


def put(nats, job_id, document, signature):
    """Stores a job and tells the workers, as whoever holds the broker can."""
    headers = "NATS/1.0\r\n" + (
        f"Osapi-Signature: {signature}\r\n" if signature else "") + "\r\n"
    nats.send(f"HPUB $KV.job-queue.jobs.{job_id} {len(headers)} "
              f"{len(headers) + len(document)}\r\n{headers}{document}\r\n")
    nats.send(f"PUB jobs.query._any {len(job_id)}\r\n{job_id}\r\nPING\r\n")
    assert nats.answer() == []


def protected(**changes):
    """The first part of a signature, with a key that nobody has."""
    header = {"alg": "EdDSA", "b64": False, "crit": ["b64"],
              "kid": forge.encode(bytes(32)), "typ": "osapi-job", **changes}
    return forge.encode(json.dumps(header).encode())


@pytest.mark.parametrize("number,signature", enumerate([
    "", "..", "nonsense", f"{protected()}..{forge.encode(bytes(64))}",
    f"{protected(alg='none')}..", f"{protected(alg='HS256')}..AAAA"]))
def test_a_forged_job_is_not_run(reader, connect, number, signature):
    job_id = f"017f22e2-79b0-7cc3-98c4-00000000000{number}"
    put(connect("api"), job_id, forged(job_id), signature)
    def ended():
        reply = reader.get(f"/api/v1/jobs/{job_id}?wait=10s")
        return reply.status == 200 and \
            reply.json()["status"] != "submitted" and reply.json()
    job = wait_until("the worker says what it makes of it", ended)
    assert job["status"] == "failed", job
    assert "refused" in job["error"] and "sign" in job["error"], job
    assert "result" not in job, job


def test_a_true_job_with_other_contents_is_not_run(stack, reader, connect):
    """The signature of one job under another's document."""
    made = stack.client("write").post("/api/v1/jobs", {
        "operation": {"type": "system.hostname.get", "data": {}}}).json()
    nats = connect("api")
    nats.send("SUB _INBOX_api.t 1\r\nPUB $JS.API.DIRECT.GET.KV_job-queue."
              f"$KV.job-queue.jobs.{made['job_id']} _INBOX_api.t 0\r\n\r\n")
    assert nats.lines.readline().startswith(b"HMSG _INBOX_api.t")
    signature = ""
    while not signature:
        line = nats.lines.readline().decode()
        if line.lower().startswith("osapi-signature:"):
            signature = line.partition(":")[2].strip()
    job_id = "017f22e2-79b0-7cc3-98c4-0000000000ff"
    put(connect("api"), job_id, forged(job_id), signature)
    job = wait_until("the worker refuses it", lambda: reader.get(
        f"/api/v1/jobs/{job_id}").json().get("error"))
    assert "does not match" in job
    reply = reader.get(f"/api/v1/jobs/{made['job_id']}?wait=30s")
    assert reply.json()["status"] == "completed", reply
