"""The metrics, as Prometheus and an operator get them through nginx."""

import json
import os
import shutil
import signal
import subprocess
import threading

import pytest
from prometheus_client.openmetrics.parser import \
    text_string_to_metric_families

from front import Site
from job_client import (HOSTNAME, JOBS, SLOW, everybody, finished, submit,
                        told)
from scrape import Scrape, settled
from stack import LIMIT, wait_until

STACK = {"workers": [{"hostname": "web-01"}],
         "env": {"OSAPI_JOB_WORKER_HEARTBEAT": "2s"}}
REQUESTS = "http_server_request_duration_seconds_count"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# as Prometheus 2.42 sends it
ACCEPT = ("application/openmetrics-text;version=1.0.0,"
          "application/openmetrics-text;version=0.0.1;q=0.75,"
          "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 1)


class Growth:
    """By how much the pool's counters have grown since it was made."""

    def __init__(self, reader):
        self.reader, self.before = reader, Scrape(reader)

    def __call__(self, name, **labels):
        return (Scrape(self.reader)(name, **labels) or 0) - \
            (self.before(name, **labels) or 0)


def test_requests_are_counted_by_route_method_and_status(stack, reader):
    more = Growth(reader)
    writer = stack.client("write")
    assert reader.get(f"{HOSTNAME}?target_hostname=web-01").status == 200
    assert reader.request("HEAD", JOBS).status == 200
    assert writer.post(JOBS, {"nonsense": 1}).status == 400
    for number in range(3):
        assert reader.get(f"{JOBS}/no-such-{number}").status == 400
        assert reader.get(f"/api/v1/nowhere/{number}").status == 404
    assert reader.request("BREW", "/api/v1/nowhere").status == 404

    assert more(REQUESTS, http_route=HOSTNAME, http_request_method="GET",
                http_response_status_code=200) == 1
    assert more(REQUESTS, http_route=JOBS, http_request_method="HEAD",
                http_response_status_code=200) == 1
    assert more(REQUESTS, http_route=JOBS, http_request_method="POST",
                http_response_status_code=400) == 1
    assert more(REQUESTS, http_route=f"{JOBS}/{{id}}",
                http_response_status_code=400) == 3
    assert more(REQUESTS, http_route="unknown", http_request_method="GET",
                http_response_status_code=404) == 3
    assert more(REQUESTS, http_route="unknown",
                http_request_method="_OTHER") == 1
    name = "http_server_request_duration_seconds"
    assert more(f"{name}_bucket", http_route=HOSTNAME, le="+Inf") == \
        more(f"{name}_count", http_route=HOSTNAME)
    assert more(f"{name}_sum", http_route=HOSTNAME) > 0


def test_no_client_makes_names(stack, reader):
    """Whatever is asked for, the label values stay those of the
    description."""
    description = json.loads(reader.get("/api/v1/openapi.json").body)
    for path in ("/api/v1/a%22b%0a", "/api/v1/jobs/x%22y?z=%22", "/metrics/x"):
        reader.get(path)
    reader.request("X" * 16, "/health")
    scrape = Scrape(reader)
    assert scrape.values("http_route") <= \
        set(description["paths"]) | {"unknown"}
    assert scrape.values("http_request_method") <= {
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
        "CONNECT", "_OTHER"}


def test_auth_failures_have_a_reason(stack, reader):
    more = Growth(reader)
    token = reader.token
    head, body, mac = token.split(".")
    asked = {
        "missing": None, "scheme": f"Basic {token}",
        "malformed": "Bearer nonsense",
        "signature": f"Bearer {head}.{body}.{'A' * len(mac)}"}
    for reason, header in asked.items():
        reply = stack.client().get(JOBS, headers={"Authorization": header})
        assert reply.status == 401, reason
    assert reader.post(JOBS, {}).status == 403
    for reason in [*asked, "scope"]:
        assert more("osapi_auth_failures_total", reason=reason) == 1, reason
    assert more("osapi_auth_failures_total", reason="expired") == 0


def test_what_waits_is_seen(stack, reader):
    """A client that waits for a job is in flight and parked."""
    job_id = submit(stack.client("write"), *SLOW, target="web-01")
    told(reader, job_id, "started")
    stack.workers[0].freeze()  # so that it goes on
    waiting = threading.Thread(target=reader.get,
                               args=(f"{JOBS}/{job_id}?wait=60s",),
                               kwargs={"timeout": 2 * LIMIT})
    waiting.start()

    def seen():
        scrape = Scrape(reader)
        return scrape("osapi_waiters") == 1 and \
            scrape("http_server_active_requests") == 2 and \
            scrape("osapi_jobs", status="processing") == 1 and \
            scrape("osapi_jobs_oldest_age_seconds", status="processing") > 0
    try:
        wait_until("one waits, one scrapes, a worker runs a job", seen)
    finally:
        os.kill(stack.workers[0].pid, signal.SIGCONT)
        waiting.join()
    everybody(stack, reader, 1)
    wait_until("nobody waits", lambda: Scrape(reader)("osapi_waiters") == 0)


def test_each_job_is_counted_once(stack, reader, nats):
    """Both processes see every event; the pool counts it once."""
    writer = stack.client("write")
    settled(reader, nats)
    more = Growth(reader)
    ids = [submit(writer) for _ in range(20)]
    ids += [submit(writer, "network.dns.get", {"interface_name": "none0"})
            for _ in range(5)]
    for job_id in ids:
        finished(reader, job_id)

    settled(reader, nats)
    hostname = {"operation": "system.hostname.get"}
    wanted = [
        (20, "osapi_jobs_submitted_total", hostname),
        (20, "osapi_jobs_finished_total", {"status": "completed", **hostname}),
        (5, "osapi_jobs_finished_total",
         {"status": "failed", "operation": "network.dns.get"}),
        (20, "osapi_job_queue_duration_seconds_count", hostname),
        (20, "osapi_job_run_duration_seconds_count",
         {"outcome": "completed", **hostname}),
        (5, "osapi_job_run_duration_seconds_count", {"outcome": "failed"}),
        (0, "osapi_jobs_given_up_total", {})]
    def others():
        """What another process has claimed, and has yet to count."""
        return [(name, labels, more(name, **labels), count)
                for count, name, labels in wanted
                if more(name, **labels) != count]
    wait_until(lambda: f"each is counted, not {others()}",
               lambda: not others())
    assert more("osapi_nats_publish_duration_seconds_count") >= len(ids)


def test_the_parts_are_seen(stack, reader):
    def all_told():
        scrape = Scrape(reader)
        return all(scrape(name) == 2 for name in (
            "osapi_nats_connected", "osapi_index_ready",
            "osapi_pool_processes", "osapi_pool_processes_configured"))
    wait_until("both processes told of themselves", all_told)
    scrape = Scrape(reader)
    for name in ("process_cpu_seconds_total", "process_open_fds",
                 "process_resident_memory_bytes", "process_max_fds",
                 "process_start_time_seconds",
                 "osapi_nats_publish_duration_seconds_count"):
        assert scrape(name) > 0, name
    for pid in stack.responders():
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        assert abs(scrape("process_open_fds") / 2 - fds) < 8
    assert scrape("osapi_workers", state="alive") == 1
    assert scrape("osapi_worker_info", hostname="web-01") == 1
    assert scrape("osapi_worker_last_seen_age_seconds",
                  hostname="web-01") < 60
    assert "osapi_build_info" in scrape.names()


def test_counters_survive_their_process(stack, reader):
    """Sums over the pool never go back, whoever dies."""
    before = Scrape(reader)
    victims = stack.responders()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
        wait_until("another is in its place", lambda pid=pid: pid not in
                   stack.responders() and len(stack.responders()) == 2)
        stack.wait_ready()
    assert not set(victims) & set(stack.responders())
    after = Scrape(reader)
    for (name, labels), value in before.samples.items():
        if name.endswith(("_total", "_count", "_bucket", "_sum")) and \
                not name.startswith("osapi_worker_"):
            assert after(name, **dict(labels)) >= value, (name, labels)
    assert after("osapi_pool_respawns_total") == \
        before("osapi_pool_respawns_total") + len(victims)
    assert after("osapi_pool_processes") == 2
    assert after("osapi_waiters") == 0


def test_a_new_pool_counts_from_the_beginning(stack, reader):
    """What is in the store is shown, but was not done by this pool."""
    jobs = Scrape(reader)("osapi_jobs")
    assert jobs > 20
    stack.fcgi.stop()
    stack.fcgi.start()
    stack.wait_ready()
    scrape = Scrape(reader)
    assert scrape("osapi_jobs") == jobs
    for name in ("submitted", "finished", "given_up"):
        assert scrape(f"osapi_jobs_{name}_total") == 0, name
    finished(reader, submit(stack.client("write")))
    wait_until("it is counted", lambda: Scrape(reader)(
        "osapi_jobs_finished_total", status="completed") == 1)


def test_a_worker_that_dies_is_told_of(stack, reader):
    stack.start_worker(7, {"hostname": "db-07"})
    wait_until("it is alive", lambda: Scrape(reader)(
        "osapi_workers", state="alive") == 2)
    stack.workers[-1].kill()
    def missed():
        scrape = Scrape(reader)
        return scrape("osapi_workers", state="silent") == 1 and scrape(
            "osapi_worker_last_seen_age_seconds", hostname="db-07") >= 3
    wait_until("it is missed", missed)


def test_a_token_is_needed(stack, problem):
    problem(stack.client().get("/metrics"), 401)


def test_the_path_may_be_another(stack, reader, problem):
    path = "/internal/metrics.txt"
    site = Site(stack, "elsewhere", {
        "OSAPI_TELEMETRY_METRICS_PATH": path}).start()
    client = site.client("read")
    assert Scrape(client, path).names() == Scrape(reader).names()
    problem(client.get(f"{path}?nonesuch=1"), 400, "nonesuch")
    problem(client.get("/metrics"), 404)
    problem(client.get(f"{path}/more"), 404)


def test_the_command_prints_them(stack, reader):
    env = {"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": reader.token}
    shown = stack.osapi("client", "metrics", **env).stdout
    assert '\nosapi_nats_connected{process="0"} 1\n' in shown
    assert shown.startswith("# HELP http_server_")
    done = stack.osapi("client", "metrics", check=False)
    assert done.returncode == 4, done


def test_openmetrics_where_it_is_asked_for(reader):
    reply = reader.get("/metrics", headers={"Accept": ACCEPT})
    assert reply.headers["Content-Type"] == OPENMETRICS
    assert "Accept" in reply.headers["Vary"]
    text = reply.body.decode()
    assert text.endswith("\n# EOF\n")
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert families["osapi_auth_failures"].type == "counter"
    assert families["http_server_request_duration_seconds"].unit == "seconds"
    assert families["osapi_build"].type == "info"
    plain = Scrape(reader)
    samples = {s.name for f in families.values() for s in f.samples}
    assert samples == plain.names()


@pytest.mark.skipif(not shutil.which("promtool"),
                    reason="promtool (Debian: prometheus) is missing")
def test_promtool_has_nothing_to_say(reader):
    text = reader.get("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
