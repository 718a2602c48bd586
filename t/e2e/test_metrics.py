"""The metrics, as Prometheus and an operator get them through nginx."""

import re
import shutil
import subprocess

import pytest

from front import Site
from job_client import HOSTNAME, everybody
from stack import LIMIT, wait_until

STACK = {"workers": [{"hostname": "web-01"}]}
TYPE = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r'(osapi_[a-z0-9_]+(?:\{[a-z]+="[^"]*"\})?) (-?\d+)')


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 1)


def scrape(client, path="/metrics"):
    """Name with labels -> number."""
    reply = client.get(path)
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == TYPE
    found = {}
    for line in reply.body.decode("utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, number = SAMPLE.fullmatch(line).groups()
        assert name not in found, line
        found[name] = int(number)
    return found


def test_what_is_done_is_counted(stack, reader):
    before = scrape(reader)
    assert reader.get(f"{HOSTNAME}?target_hostname=web-01").status == 200
    assert stack.client().get(HOSTNAME).status == 401

    def more(name):
        return scrape(reader)[name] - before[name]
    # a request is counted when its answer was sent
    wait_until("a 200 and a 401 are counted", lambda: (
        more('osapi_http_responses_total{class="2xx"}') >= 2 and
        more('osapi_http_responses_total{class="4xx"}') == 1 and
        more("osapi_http_requests_total") >= 3))
    assert more("osapi_http_auth_failures_total") == 1
    after = scrape(reader)
    assert after["osapi_workers_alive"] == 1
    assert after["osapi_nats_connected"] == after["osapi_index_ready"] == 1
    assert after["osapi_http_requests_in_flight"] >= 1, "the scrape itself"
    assert 'osapi_jobs{status="completed"}' in after
    assert 'osapi_jobs_by_operation{operation="system.hostname.get"}' in after
    assert [name for name in after if name.startswith("osapi_build_info{")]


def test_a_token_is_needed(stack, problem):
    problem(stack.client().get("/metrics"), 401)


def test_the_path_may_be_another(stack, reader, problem):
    path = "/internal/metrics.txt"
    site = Site(stack, "elsewhere", {
        "OSAPI_TELEMETRY_METRICS_PATH": path}).start()
    client = site.client("read")
    assert set(scrape(client, path)) == set(scrape(reader))
    problem(client.get(f"{path}?nonesuch=1"), 400, "nonesuch")
    problem(client.get("/metrics"), 404)
    problem(client.get(f"{path}/more"), 404)


def test_the_command_prints_them(stack, reader):
    env = {"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": reader.token}
    shown = stack.osapi("client", "metrics", **env).stdout
    assert "\nosapi_nats_connected 1\n" in shown
    assert shown.startswith("# HELP osapi_")
    done = stack.osapi("client", "metrics", check=False)
    assert done.returncode == 4, done


@pytest.mark.skipif(not shutil.which("promtool"),
                    reason="promtool (Debian: prometheus) is missing")
def test_promtool_has_nothing_to_say(reader):
    text = reader.get("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
