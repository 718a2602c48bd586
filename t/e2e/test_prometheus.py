"""A real Prometheus that scrapes through nginx for a minute, under load, with
the configuration, the rules and the dashboard of prometheus/."""

import json
import re
import shutil
import sys
import threading
import time
import urllib.parse
import urllib.request

import pytest
import yaml

from job_client import HOSTNAME, JOBS, everybody, submit
from nats_client import Nats
from scrape import Scrape, job_counts, settled
from stack import ROOT, Client, free_port, wait_until

sys.path.insert(0, str(ROOT / "t/lint"))
from monitoring import CONFIG, DASHBOARD, RULES, expressions  # noqa: E402

STACK = {"workers": [{"hostname": "web-01"}, {"hostname": "db-01"}]}
INTERVAL = 2  # seconds
SCRAPES = 31  # so the first and the last are a minute apart
PAUSE = 0.1   # seconds between two requests of the load

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"),
                                reason="Debian's prometheus is missing")


class Prometheus:
    """The program, with all it keeps in the stack's directory."""

    def __init__(self, stack):
        self.port = free_port()
        directory = stack.directory / "prometheus"
        directory.mkdir()
        token = directory / "token"
        token.write_text(stack.token("read", "prometheus"))
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = {"scrape_interval": f"{INTERVAL}s",
                            "evaluation_interval": f"{INTERVAL}s"}
        config["rule_files"] = [str(RULES)]
        [scrape] = config["scrape_configs"]
        scrape["scheme"] = "http"
        scrape["authorization"]["credentials_file"] = str(token)
        scrape["static_configs"] = [{"targets": [f"127.0.0.1:{stack.port}"]}]
        path = directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        self.process = stack.add("prometheus", [
            "prometheus", f"--config.file={path}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}"])

    def api(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?" + \
            urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=60) as reply:
            answer = json.load(reply)
        assert answer["status"] == "success", answer
        return answer["data"]

    def ready(self):
        self.process.check()
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/-/ready", timeout=60):
                return True
        except OSError:
            return False

    def query(self, expression):
        """The series: [(labels, number)]."""
        found = self.api("/api/v1/query", query=expression)
        return [(one["metric"], float(one["value"][1]))
                for one in found["result"]]

    def number(self, expression):
        """Of a query that one series answers, 0 where none does."""
        return sum(value for _, value in self.query(expression))


class Load:
    """Requests of several kinds, and how many of each were answered."""

    def __init__(self, stack):
        self.writer = stack.client("write")
        self.stranger = Client(stack.port, "nonsense")
        self.kinds = {
            ("GET", HOSTNAME, 200): lambda: self.writer.get(
                f"{HOSTNAME}?target_hostname=web-01"),
            ("POST", JOBS, 201): lambda: submit(self.writer),
            ("GET", JOBS, 401): lambda: self.stranger.get(JOBS),
            ("GET", "unknown", 404): lambda: self.writer.get(
                f"/api/v1/nowhere/{time.monotonic_ns()}"),
        }
        self.sent = dict.fromkeys(self.kinds, 0)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(PAUSE):
            for kind, send in self.kinds.items():
                send()
                self.sent[kind] += 1

    def stop(self):
        self.over.set()
        self.thread.join()


@pytest.fixture(scope="module", name="minute")
def fixture_minute(stack, reader):
    """Prometheus after a minute, and the load that there was."""
    everybody(stack, reader, 2)
    with Nats(stack) as nats:
        before = settled(reader, nats)
    prometheus = Prometheus(stack)
    load = Load(stack)
    try:
        wait_until("prometheus is ready", prometheus.ready)
        wait_until(f"{SCRAPES} scrapes", lambda: prometheus.number(
            'count_over_time(up{job="osapi"}[10m])') >= SCRAPES, limit=180)
    finally:
        load.stop()
    scrapes = prometheus.number('count_over_time(up{job="osapi"}[10m])')
    wait_until("scrapes after the load", lambda: prometheus.number(
        'count_over_time(up{job="osapi"}[10m])') >= scrapes + 2)
    return prometheus, load, before


def selector(method, route, status):
    return (f'{{http_request_method="{method}",http_route="{route}",'
            f'http_response_status_code="{status}"}}')


def test_the_target_is_up(minute):
    prometheus = minute[0]
    [target] = prometheus.api("/api/v1/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "osapi"
    assert prometheus.number('min_over_time(up{job="osapi"}[10m])') == 1
    first = prometheus.number(
        'min_over_time(timestamp(up{job="osapi"})[10m:1s])')
    last = prometheus.number('timestamp(up{job="osapi"})')
    assert last - first >= (SCRAPES - 1) * INTERVAL - 1


def test_samples_are_those_of_the_load(minute):
    """Exactly as many requests as were sent, and the rates that follow."""
    prometheus, load, before = minute
    name = "http_server_request_duration_seconds_count"
    for (method, route, status), sent in load.sent.items():
        chosen = name + selector(method, route, status)
        was = before(name, http_request_method=method, http_route=route,
                     http_response_status_code=status) or 0
        assert prometheus.number(chosen) - was == sent > 0, chosen
        rate = prometheus.number(f"max_over_time(rate({chosen}[20s])[1m:2s])")
        assert 0 < rate < 1 / PAUSE, chosen
    refused = load.sent["GET", JOBS, 401]
    assert prometheus.number(
        'osapi_auth_failures_total{reason="malformed"}') == refused
    jobs = load.sent["POST", JOBS, 201] + load.sent["GET", HOSTNAME, 200]
    wanted = tuple(was + jobs for was in job_counts(before))
    counted = []
    def all_counted():
        counted[:] = [job_counts(
            lambda name: prometheus.number(f"sum({name})"))]
        return counted == [wanted]
    wait_until(lambda: f"{wanted} jobs submitted and finished, not {counted}",
               all_counted)
    ended = 'sum(osapi_jobs_finished_total{status="completed"})'
    was = before("osapi_jobs_finished_total", status="completed")
    assert prometheus.number(ended) - was == jobs


def test_the_rules_are_loaded_and_quiet(minute):
    prometheus = minute[0]
    wanted = yaml.safe_load(RULES.read_text())["groups"]
    groups = prometheus.api("/api/v1/rules")["groups"]
    assert {g["name"]: [r["name"] for r in g["rules"]] for g in groups} == \
        {g["name"]: [r.get("alert") or r["record"] for r in g["rules"]]
         for g in wanted}
    for rule in (rule for group in groups for rule in group["rules"]):
        assert (rule["health"], rule.get("lastError")) == ("ok", None), rule
        if rule["type"] == "recording":
            assert prometheus.query(rule["name"]), rule["name"]
    assert not prometheus.query('ALERTS{alertstate="firing"}')


def test_the_rules_name_what_there_is(minute, reader):
    names = Scrape(reader).names()
    rules = yaml.safe_load(RULES.read_text())["groups"]
    recorded = {rule["record"] for group in rules for rule in group["rules"]
                if "record" in rule}
    asked = [rule["expr"] for group in rules for rule in group["rules"]]
    asked += [expression for _, expression, _ in
              expressions(json.loads(DASHBOARD.read_text()))]
    used = {name for text in asked for name in re.findall(
        r"\b(?:osapi[_:]|http_server_|process_)[\w:]+", text)}
    assert used <= names | recorded
    assert len(used) > 30


def test_the_dashboard_shows_something_everywhere(minute):
    """Each expression has an answer, with the labels that its legend names."""
    prometheus = minute[0]
    for title, expression, legend in expressions(
            json.loads(DASHBOARD.read_text())):
        found = prometheus.query(expression)
        assert found, f"{title}: {expression}"
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            assert all(label in labels for labels, _ in found), \
                f"{title}: {label} is in the legend of {expression}"
