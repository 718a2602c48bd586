#!/usr/bin/python3
"""Troubles the whole system while clients use it, and compares afterwards what
they were told with what is there.  See README.md beside this file."""

import collections
import http.client
import json
import os
import random
import shutil
import signal
import sys
import time

import fleet as fleets  # first: it says where the rest is
import troubles
import verdict
from clients import Ledger, clients
from nats_client import NatsError
from stack import BUILD, StackError

ROUND = 25  # seconds of trouble in a round, about
TICK = 0.5  # seconds between two troubles, on average
LOOK = 0.02  # seconds between two looks at what is due

# an answer that is missing, or is none
NO_VERDICT = (StackError, NatsError, OSError, http.client.HTTPException,
              ValueError)

Round = collections.namedtuple("Round", "name rows")
# MiB: of the largest program
Row = collections.namedtuple(
    "Row", "round kind troubles requests refused jobs findings MiB")


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def plan(rows, seconds):
    """The rounds, and how long each is troubled: one for each kind of
    trouble, one for all together, and again."""
    kinds = [Round(kind, [row for row in rows if row.kind == kind])
             for kind in troubles.KINDS]
    one = [entry for entry in kinds if entry.rows]
    if len(one) > 1:
        one.append(Round("all", rows))
    rounds = one * max(1, round(seconds / ROUND / len(one)))
    return rounds, seconds / len(rounds)


class Run:
    """One fleet, through all rounds."""

    def __init__(self, fleet, seed):
        self.fleet, self.seed = fleet, seed
        self.client = fleet.client("write")
        self.ledger = Ledger()
        self.baseline = verdict.Baseline(fleet)
        self.logs = verdict.Logs(fleet)
        self.begun = collections.Counter()  # name of trouble: times
        self.findings = []
        self.table = []

    def round(self, number, entry, seconds):
        """Troubles, heals and compares."""
        before, known = len(self.ledger.jobs), len(self.findings)
        self.ledger.answers.clear()
        troubled = self.begun.total()
        with clients(self.fleet, self.ledger, f"{self.seed} {number}"):
            ended = self.trouble(entry.rows, seconds,
                                 random.Random(f"{self.seed} {number}"))
            healed = time.monotonic()
        try:
            self.judge(ended, healed)
        except NO_VERDICT as error:
            self.add([f"no verdict: {error!r}"])
        answers = self.ledger.answers
        self.table.append(Row(
            number, entry.name, self.begun.total() - troubled,
            answers.total(), sum(n for k, n in answers.items() if k.endswith(
                (" 502", " 503", " 504"))), len(self.ledger.jobs) - before,
            len(self.findings) - known, max(
                one.resident for one in self.fleet.programs().values())))
        say(f"round {number} ({entry.name}):",
            *(f"{n} x {k}," for k, n in sorted(answers.items())),
            f"{len(self.findings) - known} findings")
        if len(self.findings) > known:
            self.keep(number)

    def trouble(self, rows, seconds, rng):
        """One trouble after another; then everything is healed.  What had
        ended by itself."""
        later = troubles.Later()
        weights = [row.weight for row in rows]
        end, due = time.monotonic() + seconds, 0
        with open(self.fleet.logs / "troubles.txt", "a",
                  encoding="utf-8") as log:
            def note(words):
                now = time.time()
                log.write(time.strftime("%FT%T", time.gmtime(now)) +
                          f".{int(now * 1000) % 1000:03}Z {words}\n")
                log.flush()
            while time.monotonic() < end:
                later.run()
                if time.monotonic() >= due:
                    row = rng.choices(rows, weights)[0]
                    done = row.begin(self.fleet, rng, later)
                    self.begun[row.name] += done is not None
                    note(done or f"{row.name}: not possible now")
                    due = time.monotonic() + rng.random() * 2 * TICK
                time.sleep(LOOK)
            later.hurry()
            ended = self.fleet.heal()
            note("healed")
        return ended

    def judge(self, ended, healed):
        self.add(ended)
        settled = list(verdict.settle(self.fleet, self.client))
        say(f"idle {time.monotonic() - healed:.1f} s after healing")
        self.add(settled)
        self.add(self.ledger.findings)
        self.add(verdict.compare(self.fleet, self.client, self.ledger))
        self.add(verdict.answers(self.client))
        self.add(self.baseline.compare())
        self.add(self.logs.findings())

    def add(self, findings):
        """Each once: what is stored stays wrong in later rounds."""
        for finding in findings:
            if finding not in self.findings:
                self.findings.append(finding)
                say("FINDING", finding)

    def keep(self, number):
        """The logs, the store and the ledger, for who looks for the cause."""
        place = BUILD / "chaos" / f"{self.seed}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.fleet.logs, place / "log")
        self.fleet.nats.signal_group(signal.SIGSTOP)  # it writes its files
        try:
            shutil.copytree(self.fleet.directory / "nats", place / "nats")
        finally:
            self.fleet.nats.signal_group(signal.SIGCONT)
        (place / "ledger.json").write_text(
            json.dumps(self.ledger.written(), indent=1))
        (place / "findings.txt").write_text("\n".join(self.findings) + "\n")
        say("kept in", place)

    def report(self):
        print("\ntroubles:", ", ".join(
            f"{n} {name}" for name, n in sorted(self.begun.items())))
        print(" ".join(f"{word:>8}" for word in Row._fields))
        for row in self.table:
            print(" ".join(f"{word:8.1f}" if isinstance(word, float) else
                           f"{word:>8}" for word in row))
        for finding in self.findings:
            print("FINDING", finding)


def settings():
    """Seconds, seed and rows of the environment."""
    def number(name, default, most):
        text = os.environ.get(name) or str(default)
        if not text.isdecimal() or not 0 < int(text) <= most:
            sys.exit(f"chaos: {name}: a whole number from 1 to {most}, "
                     f"not {text}")
        return int(text)
    seconds = number("CHAOS_SECONDS", 120, 86400)
    seed = number("CHAOS_SEED", random.randrange(1, 10 ** 6), 10 ** 9)
    try:
        rows = troubles.chosen(os.environ.get("CHAOS_ONLY", "").split())
    except KeyError as error:
        names = [row.name for row in troubles.TROUBLES]
        sys.exit(f"chaos: CHAOS_ONLY: no trouble {error}; there are "
                 f"{', '.join([*troubles.KINDS, *names])}")
    return seconds, seed, rows


def main():
    seconds, seed, rows = settings()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    rounds, each = plan(rows, seconds)
    say(f"CHAOS_SEED={seed}: {len(rounds)} rounds of {each:.0f} s of trouble")
    fleet = fleets.Fleet().start()
    run = Run(fleet, seed)
    try:
        for number, entry in enumerate(rounds, 1):
            run.round(number, entry, each)
    finally:
        try:
            fleet.close()
        except StackError as error:  # what a sanitizer said
            run.add([str(error)])
        run.report()
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
