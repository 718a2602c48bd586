"""What can happen to the fleet: one row for each, and the way back.

A trouble begins at once and says in words what it did, or None where it was
not possible (what it is for does not run just now).  What ends it is left with
`later`.  All that it chooses it draws from `rng` first, so that a seed gives
the same choices in every run.
"""

import collections
import heapq
import itertools
import os
import signal
import time

from stack import LIMIT, StackError, children

Trouble = collections.namedtuple("Trouble", "name kind weight begin")
TERM_LOOK = 0.2  # seconds between two looks at what is asked to end


class Later:
    """What is to be done at its time, by the thread that calls it."""

    def __init__(self):
        self.heap, self.count = [], itertools.count()

    def __call__(self, seconds, action):
        heapq.heappush(self.heap, (time.monotonic() + seconds,
                                   next(self.count), action))

    def run(self):
        """What is due."""
        while self.heap and self.heap[0][0] <= time.monotonic():
            heapq.heappop(self.heap)[2]()

    def hurry(self):
        """All of it, early; returns when nothing is left."""
        end = time.monotonic() + LIMIT
        while self.heap:
            if time.monotonic() > end:
                raise StackError("what was asked to end does not")
            hurried, self.heap = self.heap, []
            for _, _, action in sorted(hurried):
                action()
            if self.heap:
                time.sleep(TERM_LOOK)


def revive(process, later, pause=0):
    """Starts it when it has ended, as systemd would, unless another trouble
    has done so first."""
    ending = process.popen

    def look():
        if process.popen is not ending:
            return
        if ending.poll() is None:
            later(TERM_LOOK, look)
            return
        process.kill()  # what is left of its group
        process.start()
    later(pause, look)


# ---- processes that are started by us ----

def kill(process, pause, later):
    """SIGKILL for all of it."""
    if not process.running():
        return None
    process.kill()
    later(pause, lambda: process.running() or process.start())
    return f"{process.name} killed for {pause} s"


def terminate(process, pause, later):
    """SIGTERM; started again when it has ended."""
    if not process.running():
        return None
    process.popen.send_signal(signal.SIGTERM)
    revive(process, later, pause)
    return f"{process.name} terminated"


def freeze(process, pause, later):
    """SIGSTOP for all of it."""
    if not process.running():
        return None
    frozen = process.popen

    def thaw():
        if frozen.poll() is None:
            os.killpg(frozen.pid, signal.SIGCONT)
    process.signal_group(signal.SIGSTOP)
    later(pause, thaw)
    return f"{process.name} frozen for {pause} s"


def kill_worker(fleet, rng, later):
    return kill(rng.choice(fleet.workers), rng.choice((0, .5, 2, 5)), later)


def terminate_worker(fleet, rng, later):
    return terminate(rng.choice(fleet.workers), rng.choice((.1, 1, 3)), later)


def freeze_worker(fleet, rng, later):
    return freeze(rng.choice(fleet.workers), rng.choice((.5, 2, 5, 9)), later)


def kill_nats(fleet, rng, later):
    return kill(fleet.nats, rng.choice((0, .3, 1, 3)), later)


def terminate_nats(fleet, _, later):
    return terminate(fleet.nats, 0, later)


def freeze_nats(fleet, rng, later):
    return freeze(fleet.nats, rng.choice((.3, 1, 4, 7)), later)


def kill_nats_server(fleet, _, later):
    """Its supervisor ends with it."""
    servers = fleet.nats.running() and children(fleet.nats.pid)
    if not servers:
        return None
    os.kill(servers[0], signal.SIGKILL)
    revive(fleet.nats, later)
    return "nats-server alone killed"


def kill_nats_supervisor(fleet, _, later):
    """nats-server ends with it."""
    if not fleet.nats.running():
        return None
    fleet.nats.popen.kill()
    revive(fleet.nats, later)
    return "the supervisor of nats-server killed"


# ---- responders, which their pool starts again ----

def kill_responder(fleet, rng, _):
    number, running = rng.random(), fleet.responders()
    if not running:
        return None
    fleet.signal_responder(running[int(number * len(running))],
                           signal.SIGKILL)
    return "a responder killed"


def freeze_responder(fleet, rng, later):
    number, pause = rng.random(), rng.choice((.5, 2, 4))
    running = fleet.responders()
    if not running:
        return None
    frozen = running[int(number * len(running))]
    fleet.signal_responder(frozen, signal.SIGSTOP)
    later(pause, lambda: fleet.signal_responder(frozen, signal.SIGCONT))
    return f"a responder frozen for {pause} s"


def reload_pool(fleet, _, __):
    os.kill(fleet.fcgi.pid, signal.SIGHUP)
    return "the pool reloads"


# ---- connections to NATS ----

def way(fleet, rng):
    """The name and the proxy of one program's connections."""
    return rng.choice(list(fleet.ways.items()))


def cut(fleet, rng, _):
    name, proxy = way(fleet, rng)
    proxy.cut()
    return f"{name} cut off once"


def flap(fleet, rng, later):
    """Cut again just when it has come back."""
    name, proxy = way(fleet, rng)
    times, pause = rng.randrange(2, 8), rng.choice((.02, .05, .3))
    for number in range(times):
        later(number * pause, proxy.cut)
    return f"{name} cut off {times} times, each {pause} s"


def away(fleet, rng, later):
    name, proxy = way(fleet, rng)
    pause = rng.choice((.3, 2, 5))
    proxy.go_away()
    later(pause, proxy.heal)
    return f"{name} without NATS for {pause} s"


def stall(fleet, rng, later):
    """Of one direction or of both; the connection stays."""
    name, proxy = way(fleet, rng)
    words, directions = rng.choice((("says", (0,)), ("hears", (1,)),
                                    ("says and hears", (0, 1))))
    pause = rng.choice((.3, 2, 6, 9))
    proxy.stall(*directions)
    later(pause, proxy.heal)
    return f"{name} {words} nothing for {pause} s"


def greet(fleet, rng, later):
    """Cut off, and then mute in each handshake."""
    name, proxy = way(fleet, rng)
    pause = rng.choice((.3, 2, 6))
    proxy.go_mute()
    later(pause, proxy.heal)
    return f"{name} hears a greeting only for {pause} s"


def slow(fleet, rng, later):
    name, proxy = way(fleet, rng)
    delay, pause = rng.choice((.02, .1, .4)), rng.choice((2, 5))
    proxy.slow(delay)
    later(pause, proxy.heal)
    return f"{name} is {delay} s from NATS for {pause} s"


TROUBLES = (
    Trouble("worker-kill", "worker", 4, kill_worker),
    Trouble("worker-term", "worker", 3, terminate_worker),
    Trouble("worker-freeze", "worker", 3, freeze_worker),
    Trouble("responder-kill", "api", 3, kill_responder),
    Trouble("responder-freeze", "api", 2, freeze_responder),
    Trouble("pool-reload", "api", 2, reload_pool),
    Trouble("nats-kill", "nats", 1, kill_nats),
    Trouble("nats-term", "nats", .5, terminate_nats),
    Trouble("nats-freeze", "nats", 1, freeze_nats),
    Trouble("nats-server-kill", "nats", .5, kill_nats_server),
    Trouble("nats-supervisor-kill", "nats", .5, kill_nats_supervisor),
    Trouble("cut", "network", 3, cut),
    Trouble("flap", "network", 2, flap),
    Trouble("away", "network", 1, away),
    Trouble("stall", "network", 3, stall),
    Trouble("greet", "network", 2, greet),
    Trouble("slow", "network", 3, slow),
)
KINDS = tuple(dict.fromkeys(row.kind for row in TROUBLES))


def chosen(words):
    """The troubles of these names and kinds, all for none; KeyError with the
    word that is neither."""
    for word in words:
        if word not in KINDS and word not in [row.name for row in TROUBLES]:
            raise KeyError(word)
    return [row for row in TROUBLES
            if not words or row.name in words or row.kind in words]
