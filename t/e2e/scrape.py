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


def settled(client):
    """A scrape when every job that was submitted is counted as finished."""
    def even():
        scrape = Scrape(client)
        return scrape("osapi_jobs_submitted_total") == \
            scrape("osapi_jobs_finished_total") and scrape
    return wait_until("all jobs are counted", even)
