#!/usr/bin/python3
"""How long a typed endpoint takes while submitted jobs wait: at most twice its
time without any.

Twice: behind jobs that occupy a worker's slots for long (pings of 0.4 s), and
behind short ones, which the worker works off meanwhile as fast as it can.
"""

import sys

import measure

BACKLOG, TIMES, RATIO = 10000, 200, 2.0
PING = {"type": "network.ping.do", "data": {"address": "127.0.0.1",
                                            "count": 3}}
PATH = "/api/v1/system/hostname"


def waiting(kept):
    return measure.counts(kept).get("submitted", 0)


def take(kept):
    """Times of the typed endpoint, and the jobs that still waited after it."""
    times = [kept.timed("GET", PATH) for _ in range(TIMES)]
    return times, waiting(kept)


def behind(running, operation):
    """The same behind a backlog of one operation."""
    kept = measure.client(running)
    while waiting(kept) < BACKLOG:
        measure.post_jobs(running, 1, operation)
    return take(kept)


def run(name, operation):
    """A stack of its own: idle first, then with jobs waiting; the ratio."""
    running = measure.Stack().start()
    try:
        kept = measure.client(running)
        take(kept)
        idle, _ = take(kept)
        busy, left = behind(running, operation)
    finally:
        running.close()
    ratio = measure.middle(busy) / measure.middle(idle)
    print(f"{name:26} {measure.middle(idle):8.2f} {measure.middle(busy):8.2f} "
          f"{measure.part(busy, .99):8.2f} {left:8} {ratio:6.2f}", flush=True)
    return ratio


def main():
    print(f"typed endpoint, ms         {'idle p50':>8} {'p50':>8} {'p99':>8} "
          f"{'waiting':>8} {'ratio':>6}")
    ends = [
        measure.verdict(run(name, operation) <= RATIO,
                        f"{name}: at most {RATIO} times the idle time")
        for name, operation in (("behind 10,000 slow jobs", PING),
                                ("behind 10,000 short jobs",
                                 measure.HOSTNAME))]
    return max(ends)


if __name__ == "__main__":
    sys.exit(main())
