#!/usr/bin/python3
"""What traces cost in POST /jobs: at most 3 % of its time, the CPU time of the
thread that exports them included.

One stack with telemetry.tracing.enabled and a collector that reads and forgets.
Half of the requests say in their traceparent that they are not sampled, which
is the way of a request without tracing but for reading that header; the others
make two spans each.  They alternate one by one, so that both have the same
programs, store and machine: what else that machine does changes a rate by more
than 3 %, and hits both alike here.
"""

import glob
import socket
import sys
import threading
import time

import measure

sys.dont_write_bytecode = True
import collector  # noqa: E402  (of t/e2e, whose path measure adds)

TURNS, MOST = 6000, 0.03
PARENTS = [f"00-{'ab' * 16}-{'cd' * 8}-{sampled:02x}" for sampled in (0, 1)]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
         b"Content-Length: 2\r\n\r\n{}"


class Sink:
    """A collector that costs next to nothing; `octets` is what it was sent."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.octets = self.requests = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def serve(self, connection):
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            head, _, body = head.partition(b"\r\n\r\n")
            [length] = [int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:")]
            left = length - len(body)
            while left:
                left -= len(connection.recv(min(left, 1 << 20)))
            connection.sendall(ANSWER)
            self.octets += length
            self.requests += 1


def exporters_us(running):
    """CPU time so far of the responders' threads that export."""
    total = 0
    for pid in running.responders():
        for path in glob.glob(f"/proc/{pid}/task/*"):
            with open(f"{path}/comm", encoding="ascii") as file:
                if file.read() != "tracer\n":
                    continue
            with open(f"{path}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total / 1000


def in_turn(running, turns):
    """Times of requests in ms: not sampled, sampled."""
    body = {"operation": measure.HOSTNAME, "target_hostname": "_any"}
    clients = [measure.client(running) for _ in PARENTS]
    for client, parent in zip(clients, PARENTS):
        client.headers["traceparent"] = parent
    times = ([], [])
    for number in range(turns):
        # off on, on off, ...
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            times[side].append(clients[side].timed(
                "POST", "/api/v1/jobs", body, 201))
    return times


def quiet(sink):
    """Waits until all spans of a round have come."""
    seen = -1
    while seen != sink.octets:
        seen = sink.octets
        time.sleep(1.2)  # longer than spans are kept


def measure_all(stacks, sink):
    running = measure.Stack(workers=(), env=collector.settings(
        sink.url)).start()
    stacks.append(running)
    in_turn(running, TURNS // 10)  # to warm up
    quiet(sink)
    came, before = sink.requests, exporters_us(running)
    times = in_turn(running, TURNS)
    quiet(sink)
    exporter = (exporters_us(running) - before) / TURNS
    if sink.requests == came:
        raise measure.stack.StackError("no spans came")
    print(f"{'POST /jobs':16} {'p50 ms':>8} {'p90 ms':>8}")
    for side, name in enumerate(("not sampled", "sampled")):
        print(f"{name:16} {measure.middle(times[side]):8.3f} "
              f"{measure.part(times[side], 0.9):8.3f}")
    alone, traced = map(measure.middle, times)
    cost = (traced - alone + exporter / 1000) / alone
    print(f"{(traced - alone) * 1000:.1f} us longer, {exporter:.1f} us of CPU "
          "time of the exporter")
    return measure.verdict(cost <= MOST, f"traces cost {cost:.1%}, at most "
                           f"{MOST:.0%} of a request's time")


def main():
    stacks = []
    try:
        return measure_all(stacks, Sink())
    finally:
        for running in stacks:
            running.close()


if __name__ == "__main__":
    sys.exit(main())
