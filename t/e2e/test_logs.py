"""What the programs write about requests and jobs: one line a step, JSON that
parses whatever a client sends, and nothing secret, debug lines included."""

import base64
import json
import math
import re

import jwt
import pytest
import yaml

import forge
from job_client import JOBS, finished, submit
from stack import Client, wait_until

# spans are lines of their own among the others
STACK = {"env": {"OSAPI_DEBUG": "true",
                 "OSAPI_TELEMETRY_TRACING_ENABLED": "true"},
         "workers": [{"hostname": "w-0"}, {"hostname": "w-1"}]}
STEPS = ("acknowledged", "started", "completed", "answered")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LEVELS = {"error", "warning", "info", "debug"}
OURS = ("fcgi", "worker-0", "worker-1")
TRACE = "0af7651916cd43dd8448eb211c80319c"
SUBJECT = "eve \"\\}\u2028\u00e4\u202e"
HOSTILE = "\x1b[2J\"}\\\x7f\xff{\"msg\":\"job created\"} \r\n\tlevel=error"


def lines(stack, *names):
    """The events in those logs; what is no JSON object fails."""
    found = []
    for name in names or OURS:
        for line in stack.whole_lines(name):
            # no line ends inside for any reader
            assert line.splitlines() == [line], line
            event = json.loads(line)
            assert isinstance(event, dict), line
            if "resourceSpans" not in event:
                found.append(event)
    return found


def told(stack, *names, count=1, **members):
    """The events with these members, when there are so many."""
    def there():
        found = [event for event in lines(stack, *names) if all(
            event.get(key) == value for key, value in members.items())]
        return found if len(found) >= count else None
    return wait_until(f"log lines with {members}", there)


def test_one_line_tells_of_a_request(stack, reader):
    reply = reader.get(f"{JOBS}?limit=1", headers={
        "X-Request-Id": "one-line", "traceparent":
        f"00-{TRACE}-b7ad6b7169203331-00"})
    assert reply.status == 200, reply
    [line] = told(stack, request_id="one-line", msg="request")
    assert line["program"] == "osapi-fcgi" and line["level"] == "info"
    assert line["method"] == "GET" and line["route"] == JOBS
    assert line["status"] == 200 and line["subject"] == "tester"
    assert line["trace_id"] == TRACE
    assert isinstance(line["duration_ms"], float) and \
        math.isfinite(line["duration_ms"]) and line["duration_ms"] > 0
    [access] = told(stack, "osapi.access", request_id="one-line")
    assert access["status"] == 200, access


def test_a_refused_request_has_its_line_too(stack):
    anonymous = stack.client()
    anonymous.get(JOBS, headers={"X-Request-Id": "refused-1"})
    [line] = told(stack, request_id="refused-1", msg="request")
    assert line["status"] == 401 and "subject" not in line
    anonymous.get("/api/v1/no/such", headers={"X-Request-Id": "refused-2"})
    [line] = told(stack, request_id="refused-2", msg="request")
    assert line["status"] == 404 and line["path"] == "/api/v1/no/such"


@pytest.mark.parametrize("target,workers", [("w-0", 1), ("_all", 2)])
def test_each_step_of_a_job_has_its_line(stack, reader, writer, target,
                                         workers):
    name = f"steps-{workers}"
    job_id = submit(writer, target=target, headers={"X-Request-Id": name,
                    "traceparent": f"00-{TRACE}-b7ad6b7169203331-00"})
    finished(reader, job_id)
    [created] = told(stack, "fcgi", msg="job created", job_id=job_id)
    assert created["request_id"] == name and created["subject"] == "tester"
    assert created["operation"] == "system.hostname.get"
    assert created["target"] == target and created["trace_id"] == TRACE
    assert created["duration_ms"] > 0
    told(stack, "worker-0", "worker-1", msg="job answered", job_id=job_id,
         count=workers)
    for number in range(workers):
        steps = [event for event in lines(stack, f"worker-{number}")
                 if event.get("job_id") == job_id and event["level"] == "info"]
        assert [event["msg"] for event in steps] == \
            [f"job {step}" for step in STEPS]
        for event in steps:
            assert event["subject"] == "tester"
            assert event["trace_id"] == TRACE
            assert event["duration_ms"] >= 0
        parts = sum(event["duration_ms"] for event in steps)
        assert steps[-1]["total_ms"] == pytest.approx(parts, abs=0.01)


def test_a_failure_says_why(stack, reader, writer):
    job_id = submit(writer, "network.dns.get", {"interface_name": "none0"},
                    "w-1")
    finished(reader, job_id)
    [line] = told(stack, "worker-1", msg="job failed", job_id=job_id)
    assert "none0" in line["error"]
    [line] = told(stack, "worker-1", msg="job answered", job_id=job_id)
    assert line["status"] == "failed"


def test_debug_lines_name_subjects_and_keys(stack, reader, writer):
    job_id = submit(writer, target="w-0")
    finished(reader, job_id)
    published = told(stack, "fcgi", level="debug", msg="NATS publish",
                     nats_subject=f"$KV.job-queue.jobs.{job_id}")
    assert published[0]["octets"] > 0
    told(stack, "worker-0", level="debug", msg="notification", job_id=job_id,
         nats_subject="jobs.query.host.w-0", delivery=1)
    told(stack, "worker-0", level="debug", msg="NATS publish",
         nats_subject=f"$KV.job-responses.w-0.{job_id}")


def test_a_deletion_is_told(stack, writer):
    job_id = submit(writer, target="nobody")
    assert writer.request("DELETE", f"{JOBS}/{job_id}").status == 204
    [line] = told(stack, "fcgi", msg="job deleted", job_id=job_id)
    assert line["subject"] == "tester"


def hostile_requests(stack):
    """Text that would break a line, in all places that a client fills."""
    client = Client(stack.port, jwt.encode(
        forge.claims(role="write", sub=SUBJECT), stack.signing_key, "HS256"))
    word = HOSTILE.replace("\r\n", " ").replace("\t", " ")
    headers = {"X-Request-Id": word, "traceparent": word, "tracestate": word,
               "User-Agent": word, "Idempotency-Key": "k" * 64,
               "Referer": word}
    body = {"operation": {"type": HOSTILE, "data": {HOSTILE: HOSTILE}},
            "target_hostname": HOSTILE}
    replies = [
        client.post(JOBS, body, headers=headers),
        client.post(JOBS, b"{\"\xff\x00", headers=headers),
        client.get("/api/v1/%22%7D%0A%1B%5B2J%FF", headers=headers),
        client.get("/api/v1/\"}\\{'msg':1}", headers=headers),
        client.get(f"{JOBS}/%0a%22", headers=headers),
        client.get(f"{JOBS}?status=%22%0a&%ff=%00", headers=headers),
        client.get("/api/v1/" + "%22" * 4000, headers=headers),
        client.request("BREW", JOBS, headers=headers),
        client.get("/api/v1/system/hostname?target_hostname=%22%0a%7d"),
        client.get(f"{JOBS}/{'a' * 200}", headers=headers),
    ]
    job = client.post(JOBS, {"operation": {
        "type": "network.dns.get", "data": {"interface_name": "x\"\\"}},
        "target_hostname": "w-0"})
    if job.status == 201:
        finished(client, job.json()["job_id"])
    return replies


def test_lines_parse_whatever_a_client_sends(stack):
    before = len(told(stack, "fcgi", msg="request"))
    replies = hostile_requests(stack)
    assert all(400 <= reply.status < 500 for reply in replies), replies
    told(stack, "fcgi", msg="request", count=before + len(replies) - 2)
    for event in lines(stack):
        assert event["level"] in LEVELS, event
        assert TIME.fullmatch(event["time"]), event
        assert event["program"] in ("osapi-fcgi", "osapi-worker"), event
        assert event["msg"], event
    assert not [event for event in lines(stack) if event["level"] == "error"]
    told(stack, "fcgi", msg="request", subject=SUBJECT)
    told(stack, "worker-0", msg="job answered", subject=SUBJECT)
    wait_until("spans with that text", lambda: any(
        "resourceSpans" in line and "eve " in line
        for line in stack.whole_lines("fcgi")))
    # nginx keeps octets that are no UTF-8
    for path in stack.logs.glob("*access*"):
        whole = path.read_text(errors="replace").rpartition("\n")[0]
        for line in whole.splitlines():
            assert isinstance(json.loads(line), dict), line


def encodings(secret):
    """How a secret could look in a log."""
    raw = secret.encode()
    return {secret, raw.hex(), base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("=")}


def known_secrets(stack):
    """All that is secret in the stack's directory."""
    config = yaml.safe_load(stack.config.read_text())
    server = config["api"]["server"]
    found = [stack.signing_key, server["nats"]["password"],
             (stack.directory / "keys/token-signing.key").read_text(),
             config["job"]["worker"]["nats"]["password"]]
    for path in stack.directory.rglob("*.pem"):
        text = path.read_text()
        if "PRIVATE KEY" in text:
            found += [line for line in text.splitlines() if line[0] != "-"]
    assert len(found) >= 5
    return found


def test_nothing_secret_is_in_any_log(stack, reader, writer):
    """After good and bad uses of tokens, with all that debug: true tells."""
    token = stack.token("write", "secret-keeper")
    other = "x" + stack.token("admin")[1:]
    header, claims, signature = token.split(".")
    client = stack.client()
    for value in (f"Bearer {token}", f"Bearer {other}", f"bearer  {token}",
                  f"Basic {token}", token, f"Bearer {token[:-3]}AAA",
                  f"Bearer {header}.{claims}.", f"Bearer {header}.{claims}"):
        client.get(JOBS, headers={"Authorization": value,
                                  "X-Request-Id": "secrets"})
    client.get(f"{JOBS}?token={'q' * 40}")
    finished(reader, submit(writer, target="_all"))
    for role in ("read", "write"):
        stack.osapi("--debug", "client", "job", "list",
                    OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN=stack.token(role))
    told(stack, request_id="secrets", msg="request", count=8)
    secrets = [*known_secrets(stack), token, other, signature,
               other.split(".")[2]]
    assert any(event["level"] == "debug" for event in lines(stack))
    wait_until("there are spans too", lambda: "resourceSpans" in
               (stack.logs / "fcgi.log").read_text())
    paths = list(stack.directory.rglob("*.log"))
    assert {path.stem for path in paths} >= {*OURS, "nats", "nginx",
                                             "osapi.access"}
    for path in paths:
        text = path.read_text(errors="replace")
        for secret in secrets:
            for form in encodings(secret):
                assert form not in text, (path.name, secret[:4])


def test_the_cli_shows_no_token(stack):
    token = stack.token("read")
    done = stack.osapi("--debug", "client", "job", "list",
                       OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN=token)
    assert "Authorization: " in done.stderr
    assert token.split(".")[2] not in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr

