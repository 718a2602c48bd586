#!/usr/bin/python3
"""How long a typed endpoint takes while submitted jobs wait: at most twice its
time without any.

Behind jobs that occupy a worker's slots for long (pings of 0.4 s), and behind
short ones, which the worker works off meanwhile.  Each for a client that asks
without a pause, and for one that asks now and then, to whom the worker's lanes
cannot have adapted themselves.
"""

import os
import sys
import time

import measure

BACKLOG, TIMES, SPARSE, RATIO = 10000, 200, 40, 2.0
PAUSE = 0.4  # longer than the worker remembers that somebody waited
PING = {"type": "network.ping.do", "data": {"address": "127.0.0.1",
                                            "count": 3}}
PATH = "/api/v1/system/hostname"


def waiting(kept):
    return measure.counts(kept).get("submitted", 0)


def completed(kept):
    return measure.counts(kept).get("completed", 0)


def steadily(kept):
    return [kept.timed("GET", PATH) for _ in range(TIMES)]


def now_and_then(kept):
    times = []
    for _ in range(SPARSE):
        time.sleep(PAUSE)
        times.append(kept.timed("GET", PATH))
    return times


WAYS = (("without a pause", steadily), ("now and then", now_and_then))


def processor_seconds(pid):
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parts(running):
    """The process ids of each part of the stack, and our own."""
    tree = measure.stack.descendants
    parents = {"nats-server": running.nats.pid,
               "responders": running.fcgi.pid,
               "worker": running.workers[0].pid, "nginx": running.nginx.pid}
    return {"load": [os.getpid()],
            **{name: [pid, *tree(pid)] for name, pid in parents.items()}}


def usage(pids):
    """Processor seconds of each part."""
    return {name: sum(map(processor_seconds, members))
            for name, members in pids.items()}


class Round:
    """One way of asking: its times, how many jobs waited, and who used the
    processors."""

    def __init__(self, running, kept, ask):
        pids = parts(running)
        before, begun, used = completed(kept), time.monotonic(), usage(pids)
        self.times = ask(kept)
        seconds = time.monotonic() - begun
        self.shares = {name: (value - used[name]) / seconds * 100
                       for name, value in usage(pids).items()}
        self.left = waiting(kept)
        done = completed(kept) - before - len(self.times)
        self.rate = done / seconds


def run(name, operation):
    """A stack of its own: idle first, then with jobs waiting; the ratios."""
    ratios = []
    running = measure.Stack().start()
    try:
        kept = measure.client(running)
        steadily(kept)
        idle = [Round(running, kept, ask) for _, ask in WAYS]
        while waiting(kept) < BACKLOG + BACKLOG // 2:
            measure.post_jobs(running, 1, operation)
        busy = [Round(running, kept, ask) for _, ask in WAYS]
    finally:
        running.close()
    for (way, _), alone, behind in zip(WAYS, idle, busy):
        ratio = measure.middle(behind.times) / measure.middle(alone.times)
        print(f"{name + ', ' + way:42} {measure.middle(alone.times):8.2f} "
              f"{measure.middle(behind.times):8.2f} "
              f"{measure.part(behind.times, .99):8.2f} {behind.left:8} "
              f"{behind.rate:6.0f} {ratio:6.2f}   " +
              " ".join(f"{part} {share:.0f}%"
                       for part, share in behind.shares.items()), flush=True)
        ratios.append(ratio)
    return ratios


def main():
    print(f"{'typed endpoint, ms':42} {'idle p50':>8} {'p50':>8} {'p99':>8} "
          f"{'waiting':>8} {'done/s':>6} {'ratio':>6}   of one processor")
    ends = [
        measure.verdict(max(run(name, operation)) <= RATIO,
                        f"{name}: at most {RATIO} times the idle time")
        for name, operation in (("slow jobs wait", PING),
                                ("short jobs wait", measure.HOSTNAME))]
    return max(ends)


if __name__ == "__main__":
    sys.exit(main())
