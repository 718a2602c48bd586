"""What clients send that is wrong: one clear 4xx each, in the one shape."""

import json
import socket
import time

import jwt
import pytest

import forge

HOSTNAME = "/api/v1/system/hostname"
JOBS = "/api/v1/jobs"
GOOD = {"operation": {"type": "system.hostname.get", "data": {}}}


# ---- 401 ----

def attacks(key):
    """Name and token of each; none of them may be let in."""
    now = int(time.time())
    return {
        "expired": jwt.encode(forge.claims(exp=now - 60), key, "HS256"),
        "not valid yet": jwt.encode(forge.claims(nbf=now + 600), key,
                                    "HS256"),
        "wrong key": jwt.encode(forge.claims(), "x" * 64, "HS256"),
        "alg none": jwt.encode(forge.claims(role="admin"), None, "none"),
        "alg none with a MAC": forge.token(key, {"alg": "none"}),
        "alg none, signature cut": forge.token(key, {"alg": "none"}, mac=""),
        "HS512": jwt.encode(forge.claims(), key, "HS512"),
        "HS384": jwt.encode(forge.claims(), key, "HS384"),
        "RS256 with our key": forge.token(key, {"alg": "RS256"}),
        "no alg": forge.token(key, {"typ": "JWT"}),
        "crit": forge.token(key, {"alg": "HS256", "crit": ["exp"]}),
        "signature cut": forge.token(key, mac=""),
        "signature of another": forge.token(key, mac=forge.token(
            key, payload=forge.claims(sub="x")).rpartition(".")[2]),
        "no exp": forge.token(key, payload=forge.claims(exp=None)),
        "exp a string": forge.token(key, payload=forge.claims(
            exp=str(now + 600))),
        "exp a float": forge.token(key, payload=forge.claims(
            exp=now + 600.5)),
        "no sub": forge.token(key, payload=forge.claims(sub=None)),
        "no role": forge.token(key, payload=forge.claims(role=None)),
        "unknown role": forge.token(key, payload=forge.claims(role="root")),
        "another issuer": forge.token(key, payload=forge.claims(iss="me")),
        "role twice": forge.token(key, payload=json.dumps(
            forge.claims())[:-1] + ', "role": "admin"}'),
        "control character in sub": forge.token(key, payload=forge.claims(
            sub="a\nb")),
        "payload no JSON": forge.token(key, payload="hello"),
        "brackets": forge.token(key, payload="[" * 2000),
        "two dots": "..",
        "no dot": "abc",
        "four parts": forge.token(key) + ".x",
        "padding": forge.token(key) + "=",
        "too long": "a" * 4000 + "." + "b" * 100 + ".c",
    }


@pytest.mark.parametrize("name", attacks("k" * 64))
def test_forged_tokens_are_refused(stack, problem, name):
    token = attacks(stack.signing_key)[name]
    reply = stack.client().get(HOSTNAME, headers={
        "Authorization": f"Bearer {token}"})
    body = problem(reply, 401)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert "mallory" not in body["detail"]
    assert stack.signing_key not in body["detail"]


@pytest.mark.parametrize("header", [
    None, "", "Bearer", "Bearer ", "Basic dGVzdDp0ZXN0", "Bearer a b",
    "Bearerx", "Token abc"])
def test_no_token_is_refused(stack, problem, header):
    reply = stack.client().get(HOSTNAME, headers={"Authorization": header})
    problem(reply, 401)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_scheme_has_no_case_and_tokens_of_others_are_taken(stack):
    good = jwt.encode(forge.claims(), stack.signing_key, "HS256")
    for scheme in ("Bearer", "bearer", "BEARER"):
        reply = stack.client().get(f"{JOBS}?limit=1", headers={
            "Authorization": f"{scheme} {good}"})
        assert reply.status == 200, reply


# ---- 403, 404, 405 ----

@pytest.mark.parametrize("method,path,body", [
    ("POST", JOBS, GOOD),
    ("DELETE", f"{JOBS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f", None),
])
def test_a_read_token_changes_nothing(reader, problem, method, path, body):
    problem(reader.request(method, path, body), 403, "write")


def test_scope_goes_before_the_body(reader, problem):
    problem(reader.post(JOBS, b"{"), 403)


@pytest.mark.parametrize("path", [
    "/", "/api", "/api/v1", "/api/v1/", "/api/v2/jobs", "/api/v1/nonesuch",
    "/api/v1/system", "/api/v1/system/hostname/", "/health/nonesuch",
    "/api/v1/jobs/a/b/c", "/health/../../etc/passwd"])
def test_unknown_paths(reader, problem, path):
    # nginx takes a path that leads above the root for no path at all
    problem(reader.get(path), 400 if ".." in path else 404)


@pytest.mark.parametrize("path", [
    "/%2e%2e/etc/passwd", "/api/v1/%00", "/api/v1/jobs/%zz"])
def test_paths_that_are_none(reader, problem, path):
    problem(reader.get(path), 400)


@pytest.mark.parametrize("method,path", [
    ("DELETE", JOBS), ("PUT", HOSTNAME), ("POST", "/health"),
    ("PATCH", JOBS)])
def test_known_paths_with_another_method(writer, problem, method, path):
    reply = writer.request(method, path)
    problem(reply, 405)
    assert "GET" in reply.headers["Allow"]


def test_the_route_goes_before_the_token(stack, problem):
    problem(stack.client().get("/api/v1/nonesuch"), 404)
    problem(stack.client().request("DELETE", JOBS), 405)


# ---- 400, 413, 415 ----

@pytest.mark.parametrize("body,words", [
    (b"", []),
    (b"{", ["json"]),
    (b"not json", ["json"]),
    (b'{"operation": }', ["json"]),
    (b'{"a":1}{"b":2}', ["json"]),
    (b'{"operation":{"type":"system.hostname.get"},"operation":{}}',
     ["json"]),
    (b'"\xff\xfe"', ["json"]),
    (b"[" * 5000, ["nested"]),
    (b"[]", ["object"]),
    (b"null", []),
    (b"{}", ["operation"]),
    (b'{"operation": "system.hostname.get"}', ["operation", "object"]),
    (b'{"operation": {}}', ["type"]),
    (b'{"operation": {"type": 7, "data": {}}}', ["operation.type"]),
    (b'{"operation": {"type": "system.nonesuch.get", "data": {}}}',
     ["system.nonesuch.get"]),
    (b'{"operation": {"type": "system.hostname.get", "data": []}}',
     ["operation.data"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {"x": 1}}}',
     ["x"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {}}, "y": 1}',
     ["y"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {}},'
     b' "target_hostname": 5}', ["target_hostname"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {}},'
     b' "target_hostname": "*"}', ["target_hostname"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {}},'
     b' "target_hostname": "a.>"}', ["target_hostname"]),
    (b'{"operation": {"type": "system.hostname.get", "data": {}},'
     b' "target_hostname": ""}', ["target_hostname"]),
    (b'{"operation": {"type": "network.ping.do", "data": {}}}', ["address"]),
    (b'{"operation": {"type": "network.ping.do",'
     b' "data": {"address": "192.0.2.1", "count": 99}}}', ["count"]),
    (b'{"operation": {"type": "network.ping.do",'
     b' "data": {"address": "; rm -rf /"}}}', ["address"]),
])
def test_bad_bodies(writer, problem, body, words):
    problem(writer.post(JOBS, body), 400, *words)


def test_all_errors_are_told_at_once(writer, problem):
    body = problem(writer.post(JOBS, {
        "operation": {"type": "network.dns.update", "data": {
            "interface_name": "eth0",
            "servers": ["192.0.2.53", "nonsense", 7]}},
        "target_hostname": "a b", "more": 1}), 400)
    fields = {error["field"] for error in body["errors"]}
    assert all(error["in"] == "body" for error in body["errors"])
    assert all(error["detail"] for error in body["errors"])
    assert "target_hostname" in fields
    assert "more" in fields


@pytest.mark.parametrize("path,words", [
    (f"{JOBS}?limit=-1", ["limit"]),
    (f"{JOBS}?limit=x", ["limit"]),
    (f"{JOBS}?limit=1001", ["limit"]),
    (f"{JOBS}?limit=99999999999999999999", ["limit"]),
    (f"{JOBS}?offset=-1", ["offset"]),
    (f"{JOBS}?status=nonesuch", ["status"]),
    (f"{JOBS}/nonsense", ["id"]),
    (f"{JOBS}/017F22E2-79B0-7CC3-98C4-DC0C0C07398F", ["id"]),
    (f"{JOBS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f?wait=soon", ["wait"]),
    (f"{JOBS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f?wait=1h", ["wait"]),
    (f"{HOSTNAME}?timeout=0x10", ["timeout"]),
    (f"{HOSTNAME}?timeout=-1s", ["timeout"]),
    (f"{HOSTNAME}?timeout=301s", ["timeout"]),
    (f"{HOSTNAME}?target_hostname=a%20b", ["target_hostname"]),
    (f"{HOSTNAME}?target_hostname=a:*", ["target_hostname"]),
    (f"{HOSTNAME}?target_hostname=%ff", ["utf-8"]),
    (f"{HOSTNAME}?target_hostname=", ["target_hostname"]),
    (f"{HOSTNAME}?target_hostname=_any&target_hostname=_all",
     ["target_hostname"]),
    (f"{HOSTNAME}?nonesuch=1", ["nonesuch"]),
])
def test_bad_parameters(reader, problem, path, words):
    problem(reader.get(path), 400, *words)


def test_an_unknown_job(reader, writer, problem):
    path = f"{JOBS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    said = [problem(reply, 404) for reply in (
        reader.get(path), writer.request("DELETE", path),
        writer.request("POST", f"{path}/retry"))]
    assert {one["detail"] for one in said} == {
        "no job 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"}


def test_an_idempotency_key_comes_once(stack, writer):
    body = json.dumps(GOOD).encode()
    with socket.create_connection(("127.0.0.1", stack.port), 60) as s:
        s.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n"
                  b"Connection: close\r\nAuthorization: Bearer " +
                  writer.token.encode() +
                  b"\r\nContent-Type: application/json\r\n"
                  b"Idempotency-Key: one\r\nIdempotency-Key: two\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = s.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'"field":"Idempotency-Key"' in answer, answer


@pytest.mark.parametrize("kind", [
    None, "text/plain", "application/x-www-form-urlencoded", "application/xml",
    "application/jsonx", "json"])
def test_other_content_types(writer, problem, kind):
    reply = writer.post(JOBS, json.dumps(GOOD).encode(),
                        headers={"Content-Type": kind})
    problem(reply, 415, "application/json")


@pytest.mark.parametrize("kind", [
    "application/json", "application/json; charset=utf-8",
    "Application/JSON"])
def test_content_types_that_are_json(writer, kind):
    reply = writer.post(JOBS, json.dumps(GOOD).encode(),
                        headers={"Content-Type": kind})
    assert reply.status == 201, reply


def test_a_body_over_one_mebibyte(writer, problem):
    body = json.dumps({**GOOD, "pad": "x" * (1024 * 1024)}).encode()
    problem(writer.post(JOBS, body), 413)


def test_a_body_of_almost_one_mebibyte_is_read_and_judged(writer, problem):
    body = json.dumps({**GOOD, "pad": "x" * (1024 * 1024 - 200)}).encode()
    assert len(body) <= 1024 * 1024
    problem(writer.post(JOBS, body), 400, "pad")


def test_a_chunked_body_is_judged_like_another(stack, writer):
    body = json.dumps(GOOD).encode()
    with socket.create_connection(("127.0.0.1", stack.port), 60) as s:
        s.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n"
                  b"Connection: close\r\nAuthorization: Bearer " +
                  writer.token.encode() +
                  b"\r\nContent-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 7):
            part = body[at:at + 7]
            s.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        s.sendall(b"0\r\n\r\n")
        answer = s.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 201 "), answer


def test_a_body_that_breaks_off_makes_no_job(stack, writer, nats):
    before = set(nats.jobs())
    with socket.create_connection(("127.0.0.1", stack.port), 60) as s:
        s.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n"
                  b"Authorization: Bearer " + writer.token.encode() +
                  b"\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 1000\r\n\r\n" +
                  json.dumps(GOOD).encode())
    reply = writer.post(JOBS, GOOD)
    assert reply.status == 201, reply
    assert set(nats.jobs()) - before == {reply.json()["job_id"]}


def test_a_body_cannot_carry_a_second_request(reader, writer, problem):
    """FastCGI records behind a body that nobody read must stay a body."""
    record = bytes([1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    for _ in range(20):
        problem(writer.request("GET", "/api/v1/nonesuch", record * 4000), 404)
        problem(reader.post(JOBS, record * 4000), 403)
        reply = reader.get("/health")
        assert reply.status == 200
        assert reply.json() == {"status": "ok"}


@pytest.mark.parametrize("name,value", [
    ("X-Request-Id", "a" * 300), ("X-Request-Id", "a\tb"),
    ("X-Request-Id", "<script>"), ("traceparent", "nonsense"),
    ("Idempotency-Key", "a b")])
def test_odd_headers_do_no_harm(reader, name, value):
    reply = reader.get("/health", headers={name: value})
    assert reply.status == 200, reply
    assert "<script>" not in reply.headers["X-Request-Id"]
    assert len(reply.headers["X-Request-Id"]) <= 128


def test_the_service_still_works_after_all_this(reader):
    reply = reader.get(HOSTNAME)
    assert reply.status == 200, reply
