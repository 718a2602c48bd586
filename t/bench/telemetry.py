#!/usr/bin/python3
"""What metrics and traces cost of POST /jobs, as shares of the CPU time that
the responder processes need for it.

What is recorded for a request, and what its spans cost until they have left,
is measured by t/bench/telemetry.c.  Beside requests metrics cost a look at the
process once a second and a scrape every 15 s: both are measured on a real pool,
as is the CPU time of a request.

Two pools at the same time, one with traces of every request, are compared as
well; the difference is smaller than what a busy machine makes of each round,
so that it is shown and not judged.
"""

import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time

import measure

ROUNDS, ROUND_S, CLIENTS = 11, 2, 16
LOOK_S, SCRAPES, SCRAPE_INTERVAL_S = 10, 100, 15
LIMIT = 0.03


class Sink(http.server.BaseHTTPRequestHandler):
    """A collector that takes everything and counts."""
    protocol_version = "HTTP/1.1"
    octets = 0

    def do_POST(self):  # pylint: disable=invalid-name
        Sink.octets += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def cpu(running, main_only=False):
    """Seconds of CPU time that the responders of a pool have used; their main
    threads only look at the process for the metrics."""
    used = 0
    for pid in running.responders():
        tasks = pathlib.Path(f"/proc/{pid}/task")
        for task in [tasks / str(pid)] if main_only else tasks.iterdir():
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def recorded(endpoint):
    """Microseconds for a request: of metrics, of traces."""
    done = subprocess.run([measure.stack.BUILD / "t/bench/telemetry", endpoint],
                          capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures["metrics_ns"] / 1e3, figures["traces_ns"] / 1e3


def one_round(running, figures):
    """Appends (microseconds of CPU a request, requests a second)."""
    begun = cpu(running)
    jobs, seconds, _ = measure.post_jobs(running, ROUND_S,
                                         connections=CLIENTS)
    figures.append(((cpu(running) - begun) / jobs * 1e6, jobs / seconds))


def compare(pools):
    """The figures of each round of each pool."""
    rounds = [[] for _ in pools]
    for _ in range(ROUNDS + 1):
        threads = [threading.Thread(target=one_round, args=pair)
                   for pair in zip(pools, rounds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [figures[1:] for figures in rounds]  # the first warms up


def beside(running):
    """Seconds of CPU a second of the looks at the processes, and of one
    scrape."""
    begun = cpu(running, main_only=True)
    time.sleep(LOOK_S)
    looks = (cpu(running, main_only=True) - begun) / LOOK_S
    client = running.client("read")
    begun = cpu(running)
    for _ in range(SCRAPES):
        client.get("/metrics")
    return looks, (cpu(running) - begun) / SCRAPES


def show(rounds):
    """The table of both pools; returns cost and rate of the one without."""
    print(f"{f'POST /jobs, {CLIENTS} clients each':32} {'CPU us':>8} "
          f"{'a second':>9}")
    for name, side in zip(("without traces", "each request traced"), rounds):
        cost, rate = (measure.middle([f[i] for f in side]) for i in (0, 1))
        print(f"{name:32} {cost:8.1f} {rate:9.0f}")
    ratios = [b[0] / a[0] - 1 for a, b in zip(*rounds)]
    print(f"difference by round: {measure.part(ratios, 0.25):.1%} to "
          f"{measure.part(ratios, 0.75):.1%} (quartiles)")
    return (measure.middle([f[i] for f in rounds[0]]) for i in (0, 1))


def measure_all(stacks, endpoint):
    for env in ({}, {"OSAPI_TELEMETRY_TRACING_ENABLED": "true",
                     "OSAPI_TELEMETRY_TRACING_EXPORTER": "otlp",
                     "OSAPI_TELEMETRY_TRACING_OTLP_ENDPOINT": endpoint}):
        stacks.append(measure.Stack(workers=(), env=env).start())
    metrics_us, traces_us = recorded(endpoint)
    looks, scrape = beside(stacks[0])
    cost, rate = show(compare(stacks))
    if not Sink.octets:
        raise measure.stack.StackError("no span came to the collector")
    metrics = metrics_us / cost + \
        (looks + scrape / SCRAPE_INTERVAL_S) / (cost / 1e6 * rate)
    traces = traces_us / cost
    print(f"metrics: {metrics_us:.2f} us a request, {looks * 1e6:.0f} us a "
          f"second, {scrape * 1e6:.0f} us a scrape: {metrics:.2%}")
    print(f"traces: {traces_us:.2f} us a request: {traces:.2%}")
    return measure.verdict(metrics + traces < LIMIT,
                           f"metrics and traces below {LIMIT:.0%} of the CPU "
                           "time of POST /jobs")


def main():
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    stacks = []
    try:
        return measure_all(stacks, f"http://127.0.0.1:{sink.server_port}")
    finally:
        for running in stacks:
            running.close()
        sink.shutdown()


if __name__ == "__main__":
    sys.exit(main())
