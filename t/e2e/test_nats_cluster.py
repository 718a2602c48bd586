"""Three nats-servers, three copies of everything: one is lost, no job is."""

import json
import secrets
import signal
import socket
import threading

import pytest

from job_client import finished, submit
from nats_client import Nats
from stack import Stack, free_port, listens, wait_until

JOBS = "/api/v1/jobs"
GOOD = {"operation": {"type": "system.hostname.get", "data": {}}}


class Cluster(Stack):
    """A Stack with three servers, of which clients are told the first."""

    def __init__(self):
        routes = [free_port() for _ in range(3)]
        super().__init__(workers=({"hostname": "w-1"}, {"hostname": "w-2"}),
                         env={
            "OSAPI_JOB_STREAM_REPLICAS": "3", "OSAPI_JOB_KV_REPLICAS": "3",
            "OSAPI_JOB_DLQ_REPLICAS": "3",
            "OSAPI_JOB_CONSUMER_ACK_WAIT": "3s",
            "OSAPI_JOB_CONSUMER_BACK_OFF": "3s",
            # neither a host nor a job is given up before there is a leader
            "OSAPI_JOB_CONSUMER_MAX_DELIVER": "50",
            "OSAPI_JOB_WORKER_HEARTBEAT": "20s"})
        self.routes, self.password = routes, secrets.token_hex(16)
        self.ports = [self.nats_port, free_port(), free_port()]
        self.servers = []

    def wait_nats(self):
        """The first is started by Stack.start_all, the others here."""
        for number in (1, 2):
            self.servers.append(self.add(f"nats-{number}", self.nats.argv,
                                         self.node_env(number)))
        self.servers.insert(0, self.nats)
        wait_until("the servers listen", lambda: all(
            server.check() and listens(port)
            for server, port in zip(self.servers, self.ports)))

    def node_env(self, number):
        return {**self.env, "OSAPI_NATS_SERVER_NAME": f"n{number}",
                "OSAPI_NATS_SERVER_PORT": str(self.ports[number]),
                "OSAPI_NATS_SERVER_STORE_DIR":
                str(self.directory / f"nats-{number}"),
                "OSAPI_NATS_SERVER_CLUSTER_LISTEN":
                f"127.0.0.1:{self.routes[number]}",
                "OSAPI_NATS_SERVER_CLUSTER_NAME": "osapi-test",
                "OSAPI_NATS_SERVER_CLUSTER_PASSWORD": self.password,
                "OSAPI_NATS_SERVER_CLUSTER_ROUTES": ",".join(
                    f"nats://127.0.0.1:{port}" for port in self.routes)}

    def add(self, name, argv, env=None):
        if name == "nats":
            env = self.node_env(0)
        return super().add(name, argv, env)

    def leader(self, stream, but=None):
        """The number of the server that leads a stream."""
        for number, server in enumerate(self.servers):
            if number == but or not server.running():
                continue
            self.nats_port = self.ports[number]
            with Nats(self, "monitor") as nats:
                info = nats.api(f"STREAM.INFO.{stream}")
                return int(info["cluster"]["leader"][1:])
        return None


@pytest.fixture(name="cluster", scope="module")
def fixture_cluster():
    cluster = Cluster().start()
    yield cluster
    cluster.close()


@pytest.mark.parametrize("login", [
    {}, {"user": "route", "pass": ""}, {"user": "api", "pass": "api"}])
def test_no_stranger_joins_the_cluster(cluster, login):
    """A route reads and writes everything, of all accounts."""
    with socket.create_connection(("127.0.0.1", cluster.routes[0]), 30) as s:
        lines = s.makefile("rb")
        info = json.loads(lines.readline().partition(b" ")[2])
        assert info["auth_required"]
        s.sendall(b"CONNECT " + json.dumps({
            "verbose": False, "pedantic": False, "name": "stranger",
            "cluster": "osapi-test", **login}).encode() + b"\r\nPING\r\n")
        said = lines.read()
    assert b"Authorization Violation" in said, said


class Submitter(threading.Thread):
    """Submits jobs, and asks a typed endpoint, until it is told to stop."""

    def __init__(self, cluster):
        super().__init__()
        self.writer, self.reader = \
            cluster.client("write"), cluster.client("read")
        self.jobs, self.others, self.ended = [], [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            for reply in (self.writer.post(JOBS, GOOD), self.reader.get(
                    "/api/v1/system/hostname?target_hostname=w-1&timeout=5s")):
                if reply.status == 201:
                    self.jobs.append(reply.json()["job_id"])
                elif reply.status != 200:
                    self.others.append(reply)


def test_a_lost_leader_loses_no_job(cluster):
    for name in ("KV_job-queue", "KV_job-responses", "JOBS"):
        with Nats(cluster, "monitor") as nats:
            info = nats.api(f"STREAM.INFO.{name}")
        assert len(info["cluster"]["replicas"]) == 2, info["cluster"]
    submitter = Submitter(cluster)
    submitter.start()
    try:
        wait_until("some jobs are in", lambda: len(submitter.jobs) > 20)
        lost = cluster.leader("KV_job-queue")
        cluster.servers[lost].signal_group(signal.SIGKILL)
        cluster.servers[lost].popen.wait(60)
        before = len(submitter.jobs)
        wait_until("jobs are taken again",
                   lambda: len(submitter.jobs) > before + 50)
    finally:
        submitter.ended.set()
        submitter.join()
    print(f"server {lost} lost; {len(submitter.jobs)} jobs taken, refused: "
          f"{[reply.status for reply in submitter.others]}")
    for reply in submitter.others:
        assert reply.status in (503, 504), reply
        assert reply.status != 503 or int(reply.headers["Retry-After"]) > 0
    reader = cluster.client("read")
    def completed(job):
        reply = reader.get(f"{JOBS}/{job}?wait=60s", timeout=90)
        # a responder may still be on its way to another server
        assert reply.status in (200, 503), reply
        if reply.status == 503:
            return False
        status = reply.json()["status"]
        assert status not in ("failed", "partial_failure"), reply
        return status == "completed"
    for job in submitter.jobs:
        wait_until(f"job {job} completes", lambda job=job: completed(job))
    assert cluster.leader("KV_job-queue", but=lost) != lost
    with Nats(cluster) as nats:
        # another host may run a query again whose holder the broker has not
        # heard of for ack_wait; no host does it twice
        ended = [key.split(".")[0] + " " + key.split(".")[2]
                 for key in nats.events(event="completed")]
    twice = {one for one in ended if ended.count(one) > 1}
    assert not twice, f"completed twice: {twice}"
    cluster.servers[lost].start()
    wait_until("it is back", lambda: cluster.servers[lost].check() and
               listens(cluster.ports[lost]))


def test_every_responder_sees_the_same(cluster):
    """Their indexes follow different servers after a loss."""
    writer, reader = cluster.client("write"), cluster.client("read")
    cluster.wait_ready()
    job = submit(writer)
    assert finished(reader, job)["status"] == "completed"
    with Nats(cluster) as nats:
        stored = len(nats.jobs())
    def figures():
        replies = [reader.get(f"{JOBS}/status") for _ in range(12)]
        assert {reply.status for reply in replies} <= {200, 503}, replies
        return {json.dumps(reply.json().get("status_counts"), sort_keys=True)
                for reply in replies}
    def agreed():
        seen = figures()
        return len(seen) == 1 and sum((json.loads(seen.pop()) or {
            "": 0}).values()) == stored
    wait_until(f"they agree on {stored} jobs", agreed)
