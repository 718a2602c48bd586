"""What `osapi nginx config` renders: taken by nginx, and doing what it says."""

import gzip
import json
import os
import re
import shlex
import socket
import ssl
import subprocess

import pytest

from front import Site, certificate, check, complete, curl, tls
from stack import LIMIT, wait_until

APP = "https://app.example"
LOCAL = "http://127.0.0.1:3000"
ORIGINS = {"OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS": f"{APP},{LOCAL}"}
JOBS = "/api/v1/jobs"
OUTSIDE = {"X-Forwarded-For": "192.0.2.7"}


@pytest.fixture(scope="module", name="pair")
def fixture_pair(stack):
    return certificate(stack.directory)


@pytest.fixture(scope="module", name="plain")
def fixture_plain(stack):
    return Site(stack, "plain").start()


@pytest.fixture(scope="module", name="cors")
def fixture_cors(stack):
    return Site(stack, "cors", ORIGINS).start()


@pytest.fixture(scope="module", name="secure")
def fixture_secure(stack, pair):
    return Site(stack, "secure", {**tls(pair), **ORIGINS}).start()


def existing(port, http, server):
    """A site of somebody else, which includes the two snippets."""
    return (f"{http}\nserver {{ listen 127.0.0.1:{port};\n"
            "location = / { default_type text/plain; return 200 shop; }\n"
            f"{server}\n}}\n")


@pytest.fixture(scope="module", name="snippet")
def fixture_snippet(stack):
    return Site(stack, "snippet", ORIGINS, around=existing).start()


# ---- nginx -t ----

def variants(pair):
    on = tls(pair)
    return {
        "plain": ({}, ()),
        "one origin": ({"OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS": APP},
                       ()),
        "an origin twice, and any": (
            {"OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS":
             f"{APP},HTTPS://App.Example".replace("HTTPS", "https") + ",*"},
            ()),
        "TLS": (on, ()),
        "TLS on 443": ({**on, "OSAPI_API_SERVER_PORT": "443"}, ()),
        "TLS and origins": ({**on, **ORIGINS}, ()),
        "proxies": ({"OSAPI_API_SERVER_TRUSTED_PROXIES":
                     "192.0.2.0/24,2001:db8::/32,198.51.100.1"}, ()),
        "metrics elsewhere": ({"OSAPI_TELEMETRY_METRICS_PATH":
                               "/internal/metrics.txt"}, ()),
        "standalone": ({}, ("--standalone",)),
        "standalone with TLS": ({**on, **ORIGINS}, ("--standalone",)),
    }


@pytest.mark.parametrize("name", variants(("", "")))
def test_nginx_takes_every_variant(stack, pair, tmp_path, name):
    settings, words = variants(pair)[name]
    if words:
        words = (*words, "--dir", str(tmp_path))
    text = stack.osapi("nginx", "config", *words, **settings).stdout
    assert "@" not in text
    if words:
        path = tmp_path / "nginx.conf"
        path.write_text(text)
    else:
        path = complete(tmp_path, text.replace("/var/log/nginx", str(tmp_path)))
    assert check(path) == ""


@pytest.mark.parametrize("settings", [{}, ORIGINS])
def test_nginx_takes_the_snippets(stack, tmp_path, settings):
    parts = [stack.osapi("nginx", "config", "--snippet", part,
                         **settings).stdout for part in ("http", "server")]
    assert "server {" not in "".join(parts)
    text = existing(8080, *parts).replace("/var/log/nginx", str(tmp_path))
    assert check(complete(tmp_path, text)) == ""


@pytest.mark.parametrize("words", [
    ("--snippet",), ("--snippet", "both"), ("--standalone",), ("--dir", "/tmp"),
    ("--snippet", "http", "--standalone", "--dir", "/tmp"), ("more",)])
def test_wrong_words_are_refused(stack, words):
    done = stack.osapi("nginx", "config", *words, check=False)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("osapi: ")


@pytest.mark.parametrize("settings,words", [
    ({"OSAPI_API_SERVER_FCGI_SOCKET": "/tmp/a\";b"}, "nginx cannot take"),
    ({"OSAPI_API_SERVER_FCGI_SOCKET": "/tmp/$host"}, "nginx cannot take"),
    ({"OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS": "https://a\";"},
     "origin"),
    ({"OSAPI_API_SERVER_TRUSTED_PROXIES": "all;"}, "address or a network"),
    ({"OSAPI_TELEMETRY_METRICS_PATH": "/m { }"}, "URL path"),
])
def test_settings_cannot_become_directives(stack, settings, words):
    done = stack.osapi("nginx", "config", check=False, **settings)
    assert done.returncode != 0
    assert words in done.stderr
    assert "\";" not in done.stdout


def test_nginx_waits_longer_than_the_api(stack, plain):
    [seconds] = re.findall(r"fastcgi_read_timeout (\d+)s;", plain.text)
    document = stack.client().get("/api/v1/openapi.json").json()
    longest = [p["schema"]["x-osapi-max-duration"] for p in
               document["components"]["parameters"].values()
               if "x-osapi-max-duration" in p["schema"]]
    assert longest == ["300s"]
    assert int(seconds) > 300


# ---- TLS ----

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_modern_tls_with_http2(secure, version):
    got, cipher, protocol = secure.handshake(version)
    assert got == {ssl.TLSVersion.TLSv1_2: "TLSv1.2",
                   ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
    assert protocol == "h2"
    assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version,ciphers", [
    (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    (ssl.TLSVersion.TLSv1_2, "AES128-SHA:AES256-SHA:@SECLEVEL=0"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
])
def test_old_tls_is_refused(secure, version, ciphers):
    with pytest.raises(ssl.SSLError):
        secure.handshake(version, ciphers)


def test_a_request_over_http2(secure, pair, writer):
    text = curl("--http2", "--cacert", str(pair[0]), "-i", "-X", "POST", "-H",
                f"Authorization: Bearer {writer.token}", "-H",
                "Content-Type: application/json", "-d",
                '{"operation":{"type":"system.hostname.get","data":{}}}',
                f"https://localhost:{secure.port}{JOBS}")
    assert text.startswith("HTTP/2 201"), text
    assert "\nlocation: /api/v1/jobs/" in text


def test_plain_http_is_sent_to_https_on_the_same_port(secure):
    reply = secure.client().request("POST", f"{JOBS}?a=b%20c", b"{}")
    assert reply.status == 308, reply
    assert reply.headers["Location"] == \
        f"https://127.0.0.1:{secure.port}{JOBS}?a=b%20c"


def test_port_443_brings_a_redirect_on_port_80(stack, pair, tmp_path):
    """In a network namespace, where both ports are free."""
    before = ["unshare", "--net"] + \
        ([] if os.geteuid() == 0 else ["--map-root-user"])
    if subprocess.run([*before, "true"], capture_output=True,
                      check=False).returncode != 0:
        pytest.skip("no network namespace may be made here")
    text = stack.osapi("nginx", "config", OSAPI_API_SERVER_PORT="443",
                       **tls(pair)).stdout
    conf = complete(tmp_path, text.replace("/var/log/nginx", str(tmp_path)))
    again = "--retry 50 --retry-connrefused --retry-delay 1"
    script = (
        f"ip link set lo up; nginx -c {conf} -e stderr & pid=$!\n"
        f"curl -si {again} 'http://localhost/health/ready?x=1'\n"
        f"curl -si --cacert {shlex.quote(str(pair[0]))} "
        "https://localhost/health\n"
        "kill $pid; wait $pid\n")
    done = subprocess.run([*before, "sh", "-c", script], capture_output=True,
                          text=True, timeout=2 * LIMIT, check=False)
    assert done.stdout.startswith("HTTP/1.1 308"), done
    assert "Location: https://localhost/health/ready?x=1" in done.stdout
    assert "HTTP/2 200" in done.stdout
    assert "strict-transport-security: max-age=63072000" in done.stdout
    assert done.returncode == 0, done


# ---- CORS ----

def cors_headers(reply):
    return {name.lower(): value for name, value in reply.headers.items()
            if name.lower().startswith("access-control-")}


def varies(reply):
    return {word.strip().lower() for line in
            reply.headers.get_all("Vary") or [] for word in line.split(",")}


@pytest.mark.parametrize("origin", [APP, LOCAL])
@pytest.mark.parametrize("path,status", [
    ("/health", 200), (f"{JOBS}/status", 401), ("/api/v1/nonesuch", 404),
    ("/nonesuch", 404)])
def test_an_allowed_origin_is_named(cors, origin, path, status):
    reply = cors.client().get(path, headers={"Origin": origin})
    assert reply.status == status
    found = cors_headers(reply)
    assert found["access-control-allow-origin"] == origin
    assert "X-Request-Id" in found["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in found
    assert reply.headers.get_all("Access-Control-Allow-Origin") == [origin]
    assert "origin" in varies(reply)


@pytest.mark.parametrize("origin", [
    "https://app.example.evil", "https://evil.app.example",
    "http://app.example", "https://app.example:8443", "https://app.exampl",
    "https://appXexample", "http://127.0.0.1:3001", "null", "*", "https://",
    f"{APP} {LOCAL}", f"{APP}/", None])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_another_origin_gets_nothing(cors, origin, method):
    reply = cors.client().request(method, "/health", headers={
        "Origin": origin, "Access-Control-Request-Method":
        "GET" if method == "OPTIONS" else None})
    assert cors_headers(reply) == {}
    assert "origin" in varies(reply), "a cache must not mix them up"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_without_origins_there_is_no_cors_at_all(plain, method):
    reply = plain.client().request(method, "/health", headers={
        "Origin": APP, "Access-Control-Request-Method":
        "GET" if method == "OPTIONS" else None})
    assert reply.status == (204 if method == "OPTIONS" else 200)
    assert cors_headers(reply) == {}
    assert "origin" not in varies(reply)
    assert "Access-Control" not in plain.text


@pytest.mark.parametrize("path", [JOBS, "/api/v1/network/dns", "/health"])
def test_nginx_answers_a_preflight(cors, path):
    name = f"preflight-{path.count('/')}-{len(path)}"
    reply = cors.client().request("OPTIONS", path, headers={
        "Origin": APP, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
        "X-Request-Id": name})
    assert reply.status == 204
    assert reply.body == b""
    found = cors_headers(reply)
    assert found["access-control-allow-origin"] == APP
    allowed = {w.strip().lower() for w in
               found["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key",
            "x-request-id", "traceparent"} <= allowed
    methods = {w.strip() for w in
               found["access-control-allow-methods"].split(",")}
    assert methods == {"GET", "HEAD", "POST", "PUT", "DELETE"}
    assert int(found["access-control-max-age"]) > 0
    assert "origin" in varies(reply)
    assert reply.headers["X-Request-Id"] == name
    assert reply.headers.get_all("X-Request-Id") == [name]
    [line] = cors.lines(name)
    assert line["upstream_status"] == "", "the API was asked"


def test_every_described_method_is_allowed_across_origins(stack, cors):
    reply = cors.client().request("OPTIONS", JOBS, headers={
        "Origin": APP, "Access-Control-Request-Method": "GET"})
    methods = reply.headers["Access-Control-Allow-Methods"]
    for path, item in stack.client().get(
            "/api/v1/openapi.json").json()["paths"].items():
        for method in set(item) - {"parameters"}:
            assert method.upper() in methods, path


# ---- limits ----

def test_one_client_cannot_send_too_many(stack, problem):
    site = Site(stack, "rate", ORIGINS,
                changes=[("rate=200r/s", "rate=1r/s")]).start()
    client = site.client()
    for _ in range(500):
        assert client.get("/health").status == 200, "this machine counts"
    statuses = []
    for _ in range(5000):  # more of them where they are slow: 1 a second is not
        reply = client.get("/health", headers={**OUTSIDE, "Origin": APP})
        statuses.append(reply.status)
        if reply.status != 200:
            break
    assert statuses[:400] == [200] * 400
    problem(reply, 429)
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    assert client.get("/health", headers={
        "X-Forwarded-For": "192.0.2.8"}).status == 200, "another one waits"


def test_one_client_cannot_hold_too_many_connections(stack, writer, problem):
    site = Site(stack, "connections", changes=[
        ("limit_conn osapi_connections 1024", "limit_conn osapi_connections 2")
    ]).start()
    job = writer.post(JOBS, {
        "operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "nobody"}).json()["job_id"]
    request = (f"GET {JOBS}/{job}?wait=60s HTTP/1.1\r\nHost: a\r\n"
               f"X-Forwarded-For: 192.0.2.7\r\nAuthorization: Bearer "
               f"{writer.token}\r\n\r\n").encode()
    held = []
    try:
        for _ in range(2):
            held.append(socket.create_connection(("127.0.0.1", site.port)))
            held[-1].sendall(request)
        client = site.client()
        reply = wait_until("a third is refused", lambda: (
            lambda r: r if r.status != 200 else None)(
                client.get("/health", headers=OUTSIDE)))
        problem(reply, 429)
        assert client.get("/health").status == 200
    finally:
        for s in held:
            s.close()
    wait_until("it is let in again", lambda: client.get(
        "/health", headers=OUTSIDE).status == 200)


# ---- the client's address ----

@pytest.mark.parametrize("proxies,forwarded,remote", [
    (None, "192.0.2.7", "192.0.2.7"),
    (None, "198.51.100.9, 192.0.2.7", "192.0.2.7"),
    (None, "192.0.2.7, 127.0.0.1", "192.0.2.7"),
    (None, "2001:db8::7", "2001:db8::7"),
    (None, "nonsense", "127.0.0.1"),
    ("192.0.2.1", "192.0.2.7", "127.0.0.1"),
    ("127.0.0.0/8,192.0.2.0/24", "198.51.100.9, 192.0.2.7", "198.51.100.9"),
])
def test_the_address_behind_a_proxy(stack, plain, proxies, forwarded, remote):
    site = plain
    name = f"address-{forwarded}-{proxies}".replace(",", "-")
    name = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    if proxies:
        site = Site(stack, name, {
            "OSAPI_API_SERVER_TRUSTED_PROXIES": proxies}).start()
    site.client().get("/health", headers={"X-Forwarded-For": forwarded,
                                          "X-Request-Id": name})
    [line] = site.lines(name)
    assert line["remote"] == remote


# ---- the access log ----

def test_the_log_has_the_upstreams_times(plain):
    plain.client().get("/health?x=1", headers={
        "X-Request-Id": "logged-1", "User-Agent": 'a"b\\c\té'.encode()})
    [line] = plain.lines("logged-1")
    assert line["method"] == "GET"
    assert line["uri"] == "/health?x=1"
    assert line["status"] == 400 and line["upstream_status"] == "400"
    assert line["agent"].startswith('a"b\\c')
    for name in ("upstream_connect", "upstream_header", "upstream_seconds"):
        assert float(line[name]) >= 0
    assert isinstance(line["seconds"], float) and line["bytes"] > 0


def test_every_line_of_the_log_is_json(plain):
    plain.raw(b"GET /health\r\n")
    plain.raw(b"nonsense\r\n\r\n")
    plain.raw(b"GET /\x01\xff%22\" HTTP/1.1\r\nHost: a\r\n\r\n")
    with socket.create_connection(("127.0.0.1", plain.port)) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
    reply = plain.client().get("/health", headers={"X-Request-Id": "last"})
    assert reply.status == 200
    assert len(plain.lines("last")) == 1


def test_a_token_is_not_logged(plain, writer):
    plain.client().get(JOBS, headers={
        "Authorization": f"Bearer {writer.token}", "X-Request-Id": "secret"})
    plain.lines("secret")
    assert writer.token not in plain.log.read_text()


# ---- gzip, metrics ----

def test_large_answers_are_compressed_where_asked(plain):
    client = plain.client()
    whole = client.get("/api/v1/openapi.json", headers={
        "Accept-Encoding": "identity"})
    assert "Content-Encoding" not in whole.headers
    assert int(whole.headers["Content-Length"]) == len(whole.body)
    small = client.get("/api/v1/openapi.json", headers={
        "Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == whole.body
    assert len(small.body) < len(whole.body) / 3
    for reply in (whole, small):
        assert "accept-encoding" in varies(reply)
    reply = client.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in reply.headers


@pytest.mark.parametrize("path", ["/metrics", "/internal/metrics.txt"])
def test_the_metrics_are_the_apis(stack, path):
    site = Site(stack, f"metrics-{len(path)}", {
        "OSAPI_TELEMETRY_METRICS_PATH": path}).start()
    client = site.client()
    for other, asked in ((path, True), (path.replace(".", "x") + "x", False)):
        name = f"metrics-{len(other)}"
        client.get(other, headers={"X-Request-Id": name})
        [line] = site.lines(name)
        assert (line["upstream_status"] != "") == asked, line


# ---- nginx's own errors ----

def head(octets):
    """Status and headers of an answer, and its body as JSON."""
    text, _, body = octets.partition(b"\r\n\r\n")
    lines = text.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers or name.lower() == "vary", text
        headers[name.lower()] = value
    return int(lines[0].split()[1]), headers, json.loads(body)


@pytest.mark.parametrize("why,octets,status", [
    ("no request", b"nonsense\r\n\r\n", 400),
    ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("two lengths", b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n"
     b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ("above the root", b"GET /../etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("elsewhere", b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     404),
    ("TRACE", b"TRACE /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     405),
    ("large body", b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\n"
     b"Connection: close\r\nContent-Length: 2097153\r\n\r\n", 413),
    ("long URI", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
     414),
    ("large header", b"GET /health HTTP/1.1\r\nHost: a\r\nX-A: " +
     b"a" * 20000 + b"\r\n\r\n", 431),
])
def test_nginxs_own_errors_have_the_one_shape(plain, why, octets, status):
    got, headers, body = head(plain.raw(octets))
    assert got == status, (why, body)
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["content-length"]) > 0
    assert headers["cache-control"] == "no-store"
    assert headers["server"] == "nginx"
    assert set(body) == {"type", "title", "status", "detail", "error",
                         "request_id"}
    assert body["status"] == status
    assert body["title"] not in ("", "Error")
    assert body["detail"] == body["error"]
    assert body["request_id"] == headers["x-request-id"]
    assert ("allow" in headers) == (status == 405)


def test_an_api_that_is_away_or_late(stack, writer, problem):
    away = Site(stack, "away", {
        "OSAPI_API_SERVER_FCGI_SOCKET": "/nonexistent/socket"}).start()
    reply = away.client().get("/health")
    problem(reply, 502)
    assert int(reply.headers["Retry-After"]) > 0
    late = Site(stack, "late", changes=[
        ("fastcgi_read_timeout 310s", "fastcgi_read_timeout 1s")]).start()
    job = writer.post(JOBS, {
        "operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "nobody"}).json()["job_id"]
    reply = late.client().get(f"{JOBS}/{job}?wait=60s", headers={
        "Authorization": f"Bearer {writer.token}"})
    problem(reply, 504)


# ---- a site that is there already ----

def test_the_other_site_stays_what_it_was(snippet):
    client = snippet.client()
    reply = client.get("/")
    assert (reply.status, reply.body) == (200, b"shop")
    reply = client.get("/nonesuch")
    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")


def test_the_snippet_answers_as_the_site_does(snippet, writer, problem):
    client = snippet.client()
    assert client.get("/health").json() == {"status": "ok"}
    reply = client.post(JOBS, b"x" * 2097153)
    problem(reply, 413)
    problem(client.get("/api/v1/nonesuch"), 404)
    reply = client.get(f"{JOBS}?limit=1", headers={
        "Authorization": f"Bearer {writer.token}", "Origin": APP,
        "X-Request-Id": "snippet"})
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    assert snippet.lines("snippet")
