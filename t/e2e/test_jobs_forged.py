"""With the broker's passwords one can delay or drop a job, not give one.

Whatever is stored and announced that the API has not ordered is refused by
the worker, with one line of its log and one event of the job.
"""

import json

import pytest

from job_client import everybody, finished, get, submit, told
from nats_client import Nats, Signer, own_consumer, uuid7
from stack import wait_until

STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "3s"},
         "workers": [{"hostname": "w-0"}, {"hostname": "w-1"},
                     {"hostname": "w-2"}]}
OWN = "jobs.query.host.w-0"
REFUSED = "notification refused: not a job id"


@pytest.fixture(name="nats", scope="module")
def fixture_nats(stack, reader):
    everybody(stack, reader, 3)
    with Nats(stack) as nats:
        yield nats


@pytest.fixture(name="genuine", scope="module")
def fixture_genuine(reader, writer, nats):
    """Octets and signature of a job that w-0 has run."""
    job_id = submit(writer, target="w-0")
    finished(reader, job_id)
    return nats.job(job_id)


class Forgery:
    """Starts as the genuine job under an id of its own."""

    def __init__(self, stack, genuine):
        self.data, self.signature = genuine
        self.job = {**json.loads(self.data), "id": uuid7()}
        self.id = self.job["id"]
        self.subject = OWN
        self.key = stack.directory / "keys" / "job-signing.pem"

    def write(self, **changes):
        self.job.update(changes)
        self.data = json.dumps(self.job).encode()

    def sign(self, key=None):
        """With the API's key, or a forger's own for None."""
        self.signature = Signer(key).sign(self.data)


def unsigned(forgery):
    forgery.write()
    forgery.signature = None


def unknown_key(forgery):
    forgery.write()
    forgery.sign()


def other_signature(forgery):
    forgery.write()


def flipped_bit(forgery):
    forgery.write()
    forgery.sign(forgery.key)
    at = forgery.data.index(b"hostname")
    forgery.data = forgery.data[:at] + b"i" + forgery.data[at + 1:]


def swapped_operation(forgery):
    forgery.write()
    forgery.sign(forgery.key)
    forgery.write(operation={"type": "system.memory.get", "data": {}})


def retargeted(forgery):
    forgery.write(target="w-1", expected=["w-1"])
    forgery.sign(forgery.key)
    forgery.write(target="w-0", expected=["w-0"])


def algorithm_none(forgery):
    forgery.write()
    forgery.signature = "eyJhbGciOiJub25lIn0.."


def under_another_id(forgery):
    """The genuine job as it is, stored once more under another id."""


def expired(forgery):
    forgery.write(created="2020-01-01T00:00:00.000Z",
                  expires_at="2020-01-02T00:00:00.000Z")
    forgery.sign(forgery.key)


def not_a_job(forgery):
    forgery.data = b"[1, 2, 3]"
    forgery.sign(forgery.key)


def for_another_host(forgery):
    forgery.write(target="w-1", expected=["w-1"])
    forgery.sign(forgery.key)


def other_lane(forgery):
    forgery.write(lane="live")
    forgery.sign(forgery.key)


def as_a_query(forgery):
    forgery.write(kind="modify")
    forgery.sign(forgery.key)


def settled(host, nats):
    """Waits until the host has answered all that was published for it."""
    consumer = own_consumer(host, f"host.{host}")
    wait_until("all is settled", lambda: not nats.unsettled(consumer))


def refusals(stack, host, job_id):
    """Lines of a worker's log that refuse a job."""
    return [entry for entry in map(
        json.loads, stack.whole_lines(stack.workers[host].name))
            if entry["msg"] == "job refused" and entry["job_id"] == job_id]


@pytest.mark.parametrize("forge,event,reason", [
    (unsigned, "failed", "not signed"),
    (unknown_key, "failed", "unknown key"),
    (other_signature, "failed", "signature"),
    (flipped_bit, "failed", "signature"),
    (swapped_operation, "failed", "signature"),
    (retargeted, "failed", "signature"),
    (algorithm_none, "failed", "signature"),
    (under_another_id, "failed", "another one"),
    (expired, "failed", "expired"),
    (not_a_job, "failed", "wanted an object"),
    (for_another_host, "acknowledged", "not its target"),
    (other_lane, "acknowledged", "subject"),
    (as_a_query, "acknowledged", "subject"),
])
def test_a_forgery_is_refused_and_told(stack, nats, genuine, forge, event,
                                       reason):
    forgery = Forgery(stack, genuine)
    forge(forgery)
    nats.put_job(forgery.id, forgery.data, forgery.signature)
    nats.store(forgery.subject, forgery.id)
    [key] = wait_until("the refusal is an event", lambda: nats.events(
        forgery.id, "*", "w-0"))
    document = nats.event(key)
    assert document["event"] == event, document
    assert reason in json.dumps(document["data"]), document
    settled("w-0", nats)
    lines = refusals(stack, 0, forgery.id)
    assert len(lines) == 1 and reason in lines[0]["reason"], lines
    assert nats.events(forgery.id, "*", "w-0") == [key]


@pytest.mark.parametrize("host,reason", [
    (0, "replayed"), (1, "not its target"), (2, "not its target")])
def test_a_genuine_job_is_replayed_in_vain(stack, reader, writer, nats, host,
                                           reason):
    """To its own host, and to others; its story stays as it was."""
    job_id = submit(writer, target="w-0")
    finished(reader, job_id)
    told(reader, job_id, "completed", "w-0")
    settled("w-0", nats)
    nats.store(f"jobs.query.host.w-{host}", job_id)
    def refused():
        return [key for key in nats.events(job_id, "acknowledged", f"w-{host}")
                if "refused" in nats.event(key)["data"].get("message", "")]
    [key] = wait_until("the refusal is an event", refused)
    assert reason in nats.event(key)["data"]["message"]
    assert len(refusals(stack, host, job_id)) == 1
    assert len(nats.events(job_id, "started")) == 1
    job = get(reader, job_id)
    assert job["status"] == "completed", job
    assert job["result"]["hostname"] == "w-0", job


def test_what_is_no_job_id_is_dropped_with_a_word(stack, reader, nats):
    """And a genuine notification behind them is heard."""
    for text in ("jobs.>", "x" * 100_000, "\0" * 36, uuid7().upper()):
        nats.store(OWN, text)
    settled("w-0", nats)
    words = stack.workers[0].log.read_text()
    assert words.count(REFUSED) == 4, words
    reply = reader.get("/api/v1/system/hostname?target_hostname=w-0")
    assert reply.status == 200, reply


def test_an_empty_notification_does_not_cut_the_worker_off(
        stack, writer, reader, nats):
    """To nats-server it is the last response to the worker's request, and it
    would drop what it delivers for that until it delivers it again (2 min)."""
    log = stack.workers[0].log
    refused = log.read_text().count(REFUSED)
    nats.store(OWN, "")
    wait_until("the worker asks anew",
               lambda: "asking anew" in log.read_text())
    wait_until("it is refused",
               lambda: log.read_text().count(REFUSED) == refused + 1)
    finished(reader, submit(writer, target="w-0"))


def test_a_result_of_a_host_that_was_not_asked_changes_nothing(
        reader, writer, nats):
    """Nor does one that is none."""
    job_id = submit(writer, target="w-0")
    before = finished(reader, job_id)
    nats.store(f"$KV.job-responses.w-1.{job_id}", json.dumps(
        {"job_id": job_id, "status": "failed", "error": "forged",
         "hostname": "w-1", "timestamp": before["updated_at"]}))
    nats.store(f"$KV.job-responses.w-2.{job_id}", b"\xff{")
    finished(reader, submit(writer, target="w-0"))
    job = get(reader, job_id)
    assert job["status"] == "completed", job
    assert job.get("result") == before["result"] or \
        job["responses"]["w-0"]["data"] == before["result"], job


def test_a_host_speaks_for_itself_only(stack, reader, nats):
    """Under its own key in the registry it can name no other."""
    own = "$KV.worker-registry.w-2"
    beat = json.loads(nats.message(own, "KV_worker-registry")[0])
    nats.store(own, json.dumps({**beat, "hostname": "w-1",
                                "listening": False}))
    wait_until("the API says so", lambda: any(
        "the heartbeat is of w-1" in line
        for line in stack.whole_lines("fcgi")))
    names = [worker["hostname"] for worker in
             reader.get("/api/v1/jobs/workers").json()["workers"]]
    assert "w-1" in names, names
    everybody(stack, reader, 3)
