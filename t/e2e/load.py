"""Clients that ask without a pause, over kept connections, and remember every
answer that was not what they asked for."""

import http.client
import itertools
import json
import os
import sys
import threading

from stack import LIMIT

JOB = json.dumps({"operation": {"type": "system.hostname.get", "data": {}},
                  "target_hostname": "_any"}).encode()
REQUESTS = (("GET", "/health", None), ("POST", "/api/v1/jobs", JOB),
            ("GET", "/api/v1/jobs?limit=3", None),
            ("POST", "/api/v1/jobs", JOB))
# waits for a worker's answer, so it fails while there is no worker
WAITING = ("GET", "/api/v1/system/hostname", None)


class Load:
    """with Load(port, token) as load: ... ; then load.answers, .jobs and
    .failures."""

    def __init__(self, port, token, clients=6, waiting=True):
        self.port, self.token = port, token
        self.requests = REQUESTS + ((WAITING,) if waiting else ())
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.answers, self.jobs, self.failures = 0, [], []
        self.threads = [threading.Thread(target=self.client, args=[number])
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def client(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=LIMIT)
        for request in itertools.islice(itertools.cycle(self.requests),
                                        number, None):
            self.ask(connection, *request)  # one in any case
            if self.ending.is_set():
                break
        connection.close()

    def ask(self, connection, method, path, body):
        headers = {"Authorization": f"Bearer {self.token}"}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            with self.lock:
                self.failures.append(f"{method} {path}: {error!r}")
            return
        with self.lock:
            self.answers += 1
            if not 200 <= response.status < 300:
                self.failures.append(
                    f"{method} {path}: {response.status} {text[:300]!r}")
            elif response.status == 201:
                self.jobs.append(json.loads(text)["job_id"])

    def wait_answers(self, wait_until, count):
        """Until that many more answers have come."""
        until = self.answers + count
        wait_until("the load goes on", lambda: self.answers >= until)


def main():
    """PORT waiting|quick: load until standard input ends, then what came of
    it as JSON."""
    with Load(int(sys.argv[1]), os.environ["TOKEN"], clients=3,
              waiting=sys.argv[2] == "waiting") as load:
        sys.stdin.read()
    json.dump({"answers": load.answers, "jobs": load.jobs,
               "failures": load.failures}, sys.stdout)


if __name__ == "__main__":
    main()
