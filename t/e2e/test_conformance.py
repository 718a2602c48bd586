"""Every endpoint and every answer that the description names, for real."""

import json
import re
import signal
import uuid

import pytest

from described import Description
from front import Site
from private_etc import NAMESPACE, possible, private_etc
from stack import Client, wait_until

JOBS = "/api/v1/jobs"
NO_JOB = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
GOOD = {"operation": {"type": "system.hostname.get", "data": {}}}


def without_proc(stack, number):
    """A worker that finds nothing where it reads about the host."""
    files = "/proc/meminfo /proc/uptime /proc/loadavg /etc/os-release"
    return [*NAMESPACE, "sh", "-c", f"for f in {files}; do mount --bind "
            '/dev/null $(readlink -f $f) || exit 1; done; exec "$@"', "broken"]


# a host that is silent is known for three heartbeats
STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "20s"}, "workers": [
    {"hostname": "good", "labels": {"group": "web.dev"},
     "wrap": private_etc},
    {"hostname": "broken", "wrap": without_proc},
    {"hostname": "frozen", "wrap": private_etc}]}

pytestmark = pytest.mark.skipif(
    not possible(),
    reason="no mount namespace may be made here")

TYPED = [
    ("GET", "/api/v1/system/hostname", None),
    ("GET", "/api/v1/system/status", None),
    ("GET", "/api/v1/system/uptime", None),
    ("GET", "/api/v1/system/os", None),
    ("GET", "/api/v1/system/disk", None),
    ("GET", "/api/v1/system/memory", None),
    ("GET", "/api/v1/system/load", None),
    ("GET", "/api/v1/network/dns/lo", None),
    ("PUT", "/api/v1/network/dns", {"interface_name": "lo",
                                    "servers": ["192.0.2.53"]}),
    ("POST", "/api/v1/network/ping", {"address": "127.0.0.1", "count": 1}),
]
OPEN = ["/health", "/health/ready", "/api/v1/version", "/api/v1/openapi.json"]
READ = ["/health/status", "/metrics", JOBS, f"{JOBS}/status", f"{JOBS}/workers",
        f"{JOBS}/{NO_JOB}", *[path for method, path, _ in TYPED
                              if method == "GET"]]
WRITE = [("POST", JOBS, GOOD), ("DELETE", f"{JOBS}/{NO_JOB}", None),
         ("POST", f"{JOBS}/{NO_JOB}/retry", {}),
         *[row for row in TYPED if row[0] != "GET"]]
ALL = [("GET", path, None) for path in OPEN + READ] + WRITE
SCOPED = [("GET", path, None) for path in READ] + WRITE
BODIES = [row for row in WRITE if row[0] != "DELETE"]

# What cannot be provoked, and why.
LOWEST = "every token that is valid may read"
FAULT = "only a fault of the API itself brings it"
STILL = "the call that it makes on a host cannot fail there"
UNSEEN = {
    **{("GET", path, "403"): LOWEST for path in READ
       if path not in (f"{JOBS}/{NO_JOB}", "/api/v1/network/dns/lo")},
    **{("GET", path, "500"): FAULT for path in (
        JOBS, f"{JOBS}/status", f"{JOBS}/workers")},
    ("GET", f"{JOBS}/{{id}}", "403"): LOWEST,
    ("GET", f"{JOBS}/{{id}}", "500"): FAULT,
    ("GET", "/api/v1/network/dns/{interface_name}", "403"): LOWEST,
    ("POST", JOBS, "500"): FAULT,
    ("DELETE", f"{JOBS}/{{id}}", "500"): FAULT,
    ("POST", f"{JOBS}/{{id}}/retry", "500"): FAULT,
    ("GET", "/api/v1/system/hostname", "500"): STILL,
    ("GET", "/api/v1/system/disk", "500"): STILL,
    ("GET", "/api/v1/system/os", "500"): STILL,
}


@pytest.fixture(scope="module", name="description")
def fixture_description(stack):
    return Description(stack.client().get("/api/v1/openapi.json").json())


@pytest.fixture(scope="module", name="call")
def fixture_call(stack, description):
    """Sends a request with a token of that role and judges the answer."""
    clients = {}

    def call(method, path, body=None, role="write", status=None, port=None,
             **more):
        if role not in clients:
            clients[role] = stack.client(role)
        client = Client(port or stack.port, clients[role].token)
        reply = client.request(method, path, body, **more)
        if status is not None:
            assert reply.status == status, f"{method} {path}: {reply}"
        return description.judge(method, path, reply)
    return call


def aimed(path, target, timeout="20s"):
    return f"{path}?target_hostname={target}&timeout={timeout}"


def titled(rows):
    return pytest.mark.parametrize("method,path,body", rows, ids=[
        f"{method} {path}" for method, path, _ in rows])


# ---- it was done ----

@pytest.mark.parametrize("path", OPEN)
def test_open_to_all(call, path):
    call("GET", path, role=None, status=200)
    call("GET", path, role="read", status=200)


@titled(TYPED)
@pytest.mark.parametrize("target", ["good", "group:web", "group:web.dev"])
def test_a_host_answers(call, method, path, body, target):
    reply = call(method, aimed(path, target), body,
                 status=202 if method == "PUT" else 200)
    [row] = reply.json()["results"]
    assert row["hostname"] == "good"
    call("GET", f"{JOBS}/{reply.json()['job_id']}", status=200)


def test_a_change_says_whether_there_was_any(call):
    for servers, changed in ((["192.0.2.54"], True), (["192.0.2.54"], False),
                             (["2001:db8::1", "192.0.2.54"], True)):
        reply = call("PUT", aimed("/api/v1/network/dns", "good"), {
            "interface_name": "lo", "servers": servers}, status=202)
        assert reply.json()["results"] == [
            {"hostname": "good", "status": "ok", "changed": changed}]
        reply = call("GET", aimed("/api/v1/network/dns/lo", "good"),
                     status=200)
        assert reply.json()["results"][0]["servers"] == servers


def test_packets_are_counted(call):
    reply = call("POST", aimed("/api/v1/network/ping", "good"),
                 {"address": "127.0.0.1", "count": 2}, status=200)
    [row] = reply.json()["results"]
    assert (row["packets_sent"], row["packets_received"],
            row["packet_loss"]) == (2, 2, 0)
    assert re.fullmatch(r"\d+\.\d\dms", row["avg_rtt"])


def test_some_hosts_fail(call):
    reply = call("GET", aimed("/api/v1/system/memory", "_all"), status=200)
    rows = {row["hostname"]: row for row in reply.json()["results"]}
    assert list(rows) == ["broken", "frozen", "good"], "ordered by hostname"
    assert rows["broken"]["status"] == "failed" and rows["broken"]["error"]
    assert rows["good"]["memory"]["total"] > 0
    job = call("GET", f"{JOBS}/{reply.json()['job_id']}?wait=30s",
               status=200).json()
    assert job["status"] == "partial_failure", job
    assert sorted(job["responses"]) == ["broken", "frozen", "good"]


def test_the_life_of_a_job(call):
    reply = call("POST", JOBS, GOOD, status=201)
    job = reply.json()["job_id"]
    assert reply.headers["Location"] == f"{JOBS}/{job}"
    assert uuid.UUID(job).version == 7
    done = call("GET", f"{JOBS}/{job}?wait=30s", status=200).json()
    assert done["status"] == "completed"
    assert done["submitted_by"] == "tester"
    assert [e["event"] for e in done["timeline"]][0] == "submitted"
    reply = call("POST", f"{JOBS}/{job}/retry", None, status=201)
    again = reply.json()["job_id"]
    assert reply.headers["Location"] == f"{JOBS}/{again}"
    assert call("GET", f"{JOBS}/{again}?wait=30s",
                status=200).json()["retry_of"] == job
    wait_until("it is told in the timeline", lambda: "retried" in [
        e["event"] for e in call("GET", f"{JOBS}/{job}", status=200).json()[
            "timeline"]])
    call("DELETE", f"{JOBS}/{job}", status=204)
    wait_until("it is gone", lambda: call(
        "GET", f"{JOBS}/{job}").status == 404)
    call("DELETE", f"{JOBS}/{job}", status=404)


def test_the_same_key_twice(call):
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}
    first = call("POST", JOBS, GOOD, status=201, headers=key).json()
    again = call("POST", JOBS, GOOD, status=200, headers=key).json()
    assert again["job_id"] == first["job_id"]
    call("POST", JOBS, {**GOOD, "target_hostname": "_all"}, status=409,
         headers=key)


def test_a_job_that_runs_is_not_retried(call):
    job = call("POST", JOBS, {**GOOD, "target_hostname": "nobody"},
               status=201).json()["job_id"]
    call("POST", f"{JOBS}/{job}/retry", {}, status=409)
    call("DELETE", f"{JOBS}/{job}", status=204)


@pytest.mark.parametrize("query", [
    "", "?limit=0", "?limit=1000", "?limit=1&offset=1", "?status=completed",
    "?status=failed&limit=0", "?offset=2147483647"])
def test_lists(call, query):
    body = call("GET", f"{JOBS}{query}", status=200).json()
    ids = [job["id"] for job in body["items"]]
    assert ids == sorted(ids, reverse=True), "newest first"
    assert len(ids) <= (10 if "limit" not in query else 1000)


@pytest.mark.parametrize("path", ["/health/status", f"{JOBS}/status",
                                  f"{JOBS}/workers"])
def test_states(call, path):
    body = call("GET", path, status=200, role="read").json()
    if path == "/health/status":
        assert body["status"] == "ok"
        assert {"nats", "streams", "kv_buckets", "jobs"} <= set(body)
        assert len(body["kv_buckets"]) == 3


def test_metrics(call):
    for accept, end in ((None, ""),
                        ("application/openmetrics-text", "# EOF\n")):
        text = call("GET", "/metrics", status=200, role="read",
                    headers={"Accept": accept}).body.decode()
        assert text.startswith("# HELP http_server_")
        assert text.endswith(end)


# ---- it was refused: in this order ----

@titled([("GET", "/nonesuch", None), ("POST", "/api/v1/nonesuch", {}),
         ("GET", f"{JOBS}/", None), ("PUT", "/health/nonesuch", {})])
def test_404_first(call, method, path, body):
    call(method, path, body, role=None, status=404)


def allowed(reply):
    return {word.strip() for word in reply.headers["Allow"].split(",")}


def test_405_before_all_but_404(call, description):
    """Every method that a path does not have, without a token, with a body
    that is none and of a type that is wrong."""
    for path in {path for _, path, _ in ALL}:
        have = description.methods(path)
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - have:
            reply = call(method, path, b"{", role=None, status=405,
                         headers={"Content-Type": "text/plain"})
            assert allowed(reply) == have, (method, path)


@titled(SCOPED)
def test_401_before_the_rest(call, method, path, body):
    reply = call(method, path, body, role=None, status=401)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    more = {"Content-Type": "text/plain", "Authorization": "Bearer a.b.c"}
    large = b"{" * (1024 * 1024 + 1) if (method, path, body) in BODIES \
        else None
    reply = call(method, f"{path}?nonesuch=1", large, role=None, status=401,
                 headers=more)
    assert "invalid_token" in reply.headers["WWW-Authenticate"]


@titled(WRITE)
def test_403_before_size_type_and_content(call, method, path, body):
    large = b"{" * (1024 * 1024 + 1) if body is not None else None
    reply = call(method, f"{path}?nonesuch=1", large, role="read", status=403,
                 headers={"Content-Type": "text/plain"})
    assert "write" in reply.json()["detail"]


@titled(BODIES)
def test_413_and_415_before_400(call, method, path, body):
    large = b"{" * (1024 * 1024 + 1)
    call(method, f"{path}?nonesuch=1", large, status=413)
    call(method, f"{path}?nonesuch=1", b"{", status=415,
         headers={"Content-Type": "text/plain"})
    call(method, f"{path}?nonesuch=1", b"{", status=415,
         headers={"Content-Type": None})
    call(method, f"{path}?nonesuch=1", b" " * (2 * 1024 * 1024 + 1),
         status=413)


@titled([row for row in SCOPED if row[1] not in (
    "/health/status", "/metrics", f"{JOBS}/status", f"{JOBS}/workers")])
def test_400_before_the_work(call, method, path, body):
    reply = call(method, f"{path}?nonesuch=1", body, status=400)
    [error] = reply.json()["errors"]
    assert (error["in"], error["field"]) == ("query", "nonesuch")
    if body is None:
        return
    for bad in (b"{", b"\xff", b"[]", b'{"nonesuch": 1}', b'{"a":1,"a":1}'):
        errors = call(method, f"{path}?nonesuch=1", bad,
                      status=400).json()["errors"]
        assert {"body", "query"} <= {error["in"] for error in errors}


@titled(TYPED)
def test_nobody_is_meant(call, method, path, body):
    call(method, aimed(path, "nobody"), body, status=404)
    call(method, aimed(path, "no:body"), body, status=503)


@titled([row for row in TYPED if row[1] not in (
    "/api/v1/system/hostname", "/api/v1/system/disk", "/api/v1/system/os")])
def test_every_host_fails(call, method, path, body):
    if "dns" in path:
        path = path.replace("/lo", "/nonesuch0")
        body = body and {**body, "interface_name": "nonesuch0"}
    if "ping" in path:
        body = {"address": "fe80::1", "count": 1}
    problem = call(method, aimed(path, "broken"), body, status=500).json()
    [row] = problem["results"]
    assert row["status"] == "failed" and row["error"] in problem["detail"]
    job = call("GET", f"{JOBS}/{problem['job_id']}?wait=30s",
               status=200).json()
    assert job["status"] == "failed" and job["error"] == row["error"], job


@titled([("GET", f"{JOBS}/{NO_JOB}", None), ("DELETE", f"{JOBS}/{NO_JOB}",
                                             None),
         ("POST", f"{JOBS}/{NO_JOB}/retry", {})])
def test_no_such_job(call, method, path, body):
    call(method, path, body, status=404)
    call(method, path.replace(NO_JOB, "nonsense"), body, status=400)


def test_too_many_requests(stack, call):
    """Where one a minute is too many, so nginx refuses each endpoint."""
    site = Site(stack, "rate", changes=[
        ("rate=200r/s", "rate=1r/m"), (" burst=400 nodelay", "")]).start()
    outside = {"X-Forwarded-For": "192.0.2.7"}
    assert Client(site.port).get("/health", headers=outside).status == 200
    for method, path, body in ALL:
        call(method, path, body, port=site.port, headers=outside, status=429)


# ---- HEAD, OPTIONS, headers ----

@pytest.mark.parametrize("path", OPEN + READ)
def test_head_is_get_without_a_body(reader, path):
    if "/system/" in path or "/network/" in path:
        path = aimed(path, "good")
    got = reader.request("GET", path)
    head = reader.request("HEAD", path)
    assert head.status == got.status
    assert head.body == b""
    for name in ("Content-Type", "Cache-Control", "Vary"):
        assert head.headers[name] == got.headers[name], name
    assert int(head.headers["Content-Length"]) > 0
    if path in OPEN:
        assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_head_is_refused_as_get_is(stack):
    client = stack.client()
    for path, status in ((JOBS, 401), ("/api/v1/nonesuch", 404),
                         (f"{JOBS}/{NO_JOB}/retry", 405)):
        reply = client.request("HEAD", path)
        assert (reply.status, reply.body) == (status, b""), path
        assert ("WWW-Authenticate" in reply.headers) == (status == 401)
        assert ("Allow" in reply.headers) == (status == 405)


def test_options_of_every_path(stack, description):
    for path in {path for _, path, _ in ALL}:
        reply = stack.client().request("OPTIONS", path)
        assert (reply.status, reply.body) == (204, b""), (path, reply)
        assert allowed(reply) == description.methods(path), path
        assert reply.headers["X-Request-Id"]


@titled(ALL)
def test_the_request_id_is_echoed_or_made(call, method, path, body):
    one = call(method, path, body, role=None)
    two = call(method, path, body, role=None)
    assert one.headers["X-Request-Id"] != two.headers["X-Request-Id"]
    reply = call(method, path, body, role=None,
                 headers={"X-Request-Id": "Abc-1.2_3"})
    assert reply.headers["X-Request-Id"] == "Abc-1.2_3"


def test_everything_is_utf_8(call):
    reply = call("POST", JOBS, {**GOOD, "target_hostname": "ü"}, status=400)
    assert reply.body.decode("utf-8")
    name = b'{"operation":{"type":"\xc3\xbc"}}'
    assert "ü" in call("POST", JOBS, name, status=400).json()["detail"]
    call("POST", JOBS, name.replace(b"\xbc", b""), status=400)


# ---- what takes something away: last ----

def test_a_host_that_is_silent(stack, call):
    frozen = stack.workers[2]
    frozen.freeze()
    try:
        for method, path, body in TYPED:
            reply = call(method, aimed(path, "frozen", "200ms"), body,
                         status=504)
            assert reply.json()["job_id"]
            assert reply.json()["results"] == [
                {"hostname": "frozen", "status": "timeout"}]
        reply = call("GET", aimed("/api/v1/system/load", "_all", "5s"),
                     status=200)
        assert [row.get("status") for row in reply.json()["results"]] == \
            ["failed", "timeout", None]
    finally:
        frozen.signal_group(signal.SIGCONT)


def test_without_nats(stack, call):
    def metrics():
        return call("GET", "/metrics", status=200).body.decode()
    stack.nats.kill()
    wait_until("both processes notice", lambda: not re.search(
        r"^osapi_nats_connected\{.*\} 1$", metrics(), re.MULTILINE))
    for path in ("/health", "/api/v1/version", "/api/v1/openapi.json"):
        call("GET", path, status=200)
    call("GET", "/health/ready", status=503)
    body = call("GET", "/health/status", status=503).json()
    assert body["status"] == "degraded"
    assert "nats" not in body and body["components"]["nats"]["error"]
    assert "\nosapi_nats_connected{" in metrics()
    assert "osapi_jobs{" not in metrics()
    assert "osapi_workers{" not in metrics()
    for method, path, body in ALL:
        if path not in [*OPEN, "/health/status", "/metrics"]:
            call(method, path, body, status=503)
    stack.nats.start()
    stack.wait_nats()
    stack.wait_ready()
    call("GET", "/api/v1/system/hostname", status=200)


def test_every_described_answer_was_seen(description):
    missing = description.described() - description.seen
    assert missing == set(UNSEEN), json.dumps({
        "neither seen nor explained": sorted(missing - set(UNSEEN)),
        "explained, but seen or not described":
        sorted(set(UNSEEN) - missing)}, indent=1)
