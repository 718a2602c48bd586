"""What the measurements share: a stack behind the site that `osapi nginx config
--standalone` renders, requests that cost little, medians, and a verdict.

A measurement prints a table and ends with 0 when the figure that was promised
holds.  It compares within one run, as the machine's load is not ours to choose.
"""

import http.client
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import stack  # noqa: E402

HOSTNAME = {"type": "system.hostname.get", "data": {}}


class Stack(stack.Stack):
    """As for the tests, but with the nginx.conf that users get."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.tokens = {}

    def token(self, role, subject="bench"):
        """One a role for the whole run."""
        if role not in self.tokens:
            self.tokens[role] = super().token(role, subject)
        return self.tokens[role]

    def write_site(self):
        home = self.directory / "nginx"
        (home / "log").mkdir(parents=True)
        path = self.directory / "nginx.conf"
        path.write_text(self.osapi("nginx", "config", "--standalone", "--dir",
                                   home).stdout)
        return str(path)


class Kept:
    """Requests over one connection that stays open."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                     timeout=120)
        self.headers = {"Authorization": f"Bearer {token}",
                        "Content-Type": "application/json"}

    def request(self, method, path, body=None, expect=200):
        """The answer as JSON; its status must be the expected one."""
        self.connection.request(method, path,
                                json.dumps(body) if body else None,
                                self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status != expect:
            raise stack.StackError(f"{method} {path}: {response.status} "
                                   f"{text[:300]!r}")
        return json.loads(text)

    def timed(self, method, path, body=None, expect=200):
        """How long the answer took, in milliseconds."""
        begun = time.perf_counter()
        self.request(method, path, body, expect)
        return (time.perf_counter() - begun) * 1000


def client(running, role="write"):
    """A kept connection to a stack."""
    return Kept(running.port, running.token(role))


def descriptors(wanted):
    """Room for so many open files, or an error that says how to get it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{wanted} open files are needed, {hard} allowed (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def middle(values):
    """Median."""
    return statistics.median(values)


def part(values, share):
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def post_jobs(running, seconds, operation=None, connections=32):
    """Submits jobs with wrk for so long: (jobs, seconds, {percentile: ms})."""
    body = json.dumps({"operation": operation or HOSTNAME,
                       "target_hostname": "_any"})
    done = subprocess.run(
        ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds}s",
         "--timeout", "30s", "-s",
         str(pathlib.Path(__file__).with_name("jobs.lua")),
         f"http://127.0.0.1:{running.port}", "--", body,
         running.token("write")],
        capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        if not line.startswith("{"):
            continue
        figures = json.loads(line)
        if figures["refused"]:
            raise stack.StackError(f"{figures['refused']} jobs refused")
        return (figures["created"], figures["seconds"],
                {int(k): v for k, v in figures["milliseconds"].items()})
    raise stack.StackError(f"wrk: {done.stdout}{done.stderr}")


def counts(kept):
    """Jobs by status."""
    return kept.request("GET", "/api/v1/jobs/status")["status_counts"]


def verdict(holds, words):
    """Says it and gives the exit status."""
    print(f"{'holds' if holds else 'DOES NOT HOLD'}: {words}")
    return 0 if holds else 1
