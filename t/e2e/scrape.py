"""The metrics, as a test reads them."""

import re

from stack import wait_until

PATH = "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r'([a-z0-9_]+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?)')
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


def parse(text):
    """{(name, frozenset of (label, value)): number}."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, number = SAMPLE.fullmatch(line).groups()
        key = name, frozenset(LABEL.findall(labels or ""))
        assert key not in found, line
        found[key] = float(number)
    return found


class Scrape:
    """One scrape; s("name", label="value") is the sum of what has these
    labels, perhaps beside others, and None where nothing has."""

    def __init__(self, client, path=PATH):
        reply = client.get(path)
        assert reply.status == 200, reply
        assert reply.headers["Content-Type"] == TEXT
        self.samples = parse(reply.body.decode())

    def __call__(self, name, **labels):
        wanted = {(k, str(v)) for k, v in labels.items()}
        values = [value for (key, has), value in self.samples.items()
                  if key == name and wanted <= has]
        return sum(values) if values else None

    def names(self):
        return {name for name, _ in self.samples}

    def values(self, label):
        """All values that a label has."""
        return {v for _, has in self.samples for k, v in has if k == label}


def job_counts(source):
    """(submitted, finished) of `source`: what it is asked for by name."""
    return tuple(source(f"osapi_jobs_{what}_total") or 0
                 for what in ("submitted", "finished"))


def settled(client, nats):
    """A scrape in which all jobs of the store, which this pool has made and
    nobody has deleted, are counted as submitted and as finished.  That both
    counters are equal says nothing: neither may have been told of a job that
    a client has seen end."""
    seen = []
    def even():
        jobs = len(nats.jobs())
        scrape = Scrape(client)
        seen[:] = [jobs, *job_counts(scrape)]
        return seen == [jobs] * 3 and scrape
    return wait_until(lambda: "jobs in the store, counted as submitted and "
                      f"as finished are as many, not {seen}", even)
