"""A real browser decides what a page of another origin may do with the API."""

import html
import http.server
import json
import re
import shutil
import subprocess
import threading

import pytest

from front import Site
from stack import LIMIT, free_port

JOBS = "/api/v1/jobs"
BODY = {"operation": {"type": "system.hostname.get", "data": {}}}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage"]
PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>page</title>
<pre id="outcome">nothing yet</pre>
<img src="/hold" alt=""><!-- the page is loaded when the calls are over -->
<script>
const calls = %s;
async function call({url, method, headers, body}) {
	try {
		const answer = await fetch(url, {method, headers, body});
		return {
			status: answer.status,
			id: answer.headers.get("X-Request-Id"),
			location: answer.headers.get("Location"),
			body: await answer.text(),
		};
	} catch (error) {
		return {refused: error.name};
	}
}
(async () => {
	const outcomes = [];
	for (const one of calls)
		outcomes.push(await call(one));
	document.getElementById("outcome").textContent =
		JSON.stringify(outcomes);
	fetch("/over", {method: "POST"});
})();
</script>
"""


class Pages(http.server.ThreadingHTTPServer):
    """An origin: one page with calls to make."""
    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.page, self.over = b"", threading.Event()
        self.origin = f"http://127.0.0.1:{port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, kind, body=b""):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/hold":
            self.server.over.wait(LIMIT)
            self.answer("image/png")
        else:
            self.answer("text/html", self.server.page)

    def do_POST(self):
        self.server.over.set()
        self.answer("text/plain")

    def log_message(self, format, *args):
        pass


def browse(pages, calls, profile):
    """The outcome of each call, out of the DOM of the page."""
    pages.page = (PAGE % json.dumps(calls)).encode()
    pages.over.clear()
    done = subprocess.run(
        [shutil.which("chromium"), *FLAGS, f"--user-data-dir={profile}",
         "--dump-dom", f"{pages.origin}/"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=2 * LIMIT, check=False)
    found = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done
    outcomes = json.loads(html.unescape(found[1]))
    assert len(outcomes) == len(calls), outcomes
    return outcomes


@pytest.fixture(scope="module", name="origins")
def fixture_origins():
    made = [Pages(free_port()) for _ in range(2)]
    yield made
    for pages in made:
        pages.shutdown()
        pages.server_close()


@pytest.fixture(scope="module", name="site")
def fixture_site(stack, origins):
    return Site(stack, "browser", {
        "OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS":
        f"https://app.example,{origins[0].origin}"}).start()


def calls_of(site, token, name):
    """What a page would do; X-Request-Id names the call in the access log."""
    base = f"http://127.0.0.1:{site.port}"
    sent = {"Authorization": f"Bearer {token}"}
    typed = {**sent, "Content-Type": "application/json"}
    return [
        {"url": f"{base}/api/v1/system/hostname", "method": "GET",
         "headers": {**sent, "X-Request-Id": f"{name}-get"}},
        {"url": f"{base}{JOBS}", "method": "POST", "body": json.dumps(BODY),
         "headers": {**typed, "X-Request-Id": f"{name}-post",
                     "Idempotency-Key": f"{name}-key"}},
        {"url": f"{base}/api/v1/network/dns", "method": "PUT", "body": "{}",
         "headers": {**typed, "X-Request-Id": f"{name}-put"}},
        {"url": f"{base}{JOBS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
         "method": "DELETE", "headers": {
             **sent, "X-Request-Id": f"{name}-delete"}},
        {"url": f"{base}/api/v1/system/hostname", "method": "GET",
         "headers": {"Authorization": "Bearer nonsense",
                     "X-Request-Id": f"{name}-401"}},
    ]


def requests_of(site, name):
    """Methods that nginx saw with such an X-Request-Id, up to a request that
    is sent now: a line is written when the answer has gone."""
    last = f"after-{name}"
    site.client().get("/health", headers={"X-Request-Id": last})
    site.lines(last)
    return [row["method"] for row in site.rows()
            if row["request_id"].startswith(f"{name}-")]


def preflights(site):
    return [row for row in site.rows() if row["method"] == "OPTIONS"]


def test_a_page_of_an_allowed_origin(site, origins, writer, tmp_path):
    name = "allowed"
    outcomes = browse(origins[0], calls_of(site, writer.token, name), tmp_path)
    get, post, put, delete, unknown = outcomes
    assert get["status"] == 200, outcomes
    assert json.loads(get["body"])["results"][0]["hostname"]
    assert get["id"] == f"{name}-get", "X-Request-Id can be read"
    assert post["status"] == 201, outcomes
    assert post["location"] == \
        f"{JOBS}/{json.loads(post['body'])['job_id']}", "Location, too"
    assert put["status"] == 400 and json.loads(put["body"])["errors"]
    assert delete["status"] == 404
    assert unknown["status"] == 401, "an error can be read as well"
    assert json.loads(unknown["body"])["error"]
    assert requests_of(site, name) == ["GET", "POST", "PUT", "DELETE", "GET"]
    asked = preflights(site)
    assert asked, "the browser has asked before"
    assert all((row["status"], row["upstream_status"]) == (204, "")
               for row in asked), "nginx has answered it"


def test_a_page_of_another_origin(site, origins, writer, tmp_path):
    name = "refused"
    before = len(preflights(site))
    outcomes = browse(origins[1], calls_of(site, writer.token, name), tmp_path)
    assert outcomes == [{"refused": "TypeError"}] * 5
    assert requests_of(site, name) == [], "nothing was sent behind a preflight"
    assert len(preflights(site)) > before


def test_without_origins_no_page_may(stack, origins, writer, tmp_path):
    site = Site(stack, "browser-none").start()
    outcomes = browse(origins[0], calls_of(site, writer.token, "none"),
                      tmp_path)
    assert outcomes == [{"refused": "TypeError"}] * 5
    assert requests_of(site, "none") == []
