"""A worker whose connection was cut has its jobs at once when it is back."""

import pytest

from job_client import HOSTNAME, everybody, finished, submit
from nats_client import SHARED, Nats, own_consumer
from proxy import Proxy
from stack import Stack, wait_until

# NATS would deliver again after this; nobody waits that long here
PATIENCE = "1h"


@pytest.fixture(name="proxy", scope="module")
def fixture_proxy():
    """Between the one worker and NATS."""
    stack = Stack(env={"OSAPI_JOB_WORKER_HEARTBEAT": "3s",
                       "OSAPI_JOB_CONSUMER_ACK_WAIT": PATIENCE})
    proxy = Proxy(stack.nats_port)
    proxy.stack = stack
    stack.specifications = [{"hostname": "w-0", "env": {
        "OSAPI_JOB_WORKER_NATS_PORT": str(proxy.port)}}]
    stack.start()
    yield proxy
    stack.close()
    proxy.close()


def test_no_job_is_sent_to_the_connection_that_was_cut(proxy):
    """What the worker asked for by it stands 20 s more at the server."""
    stack = proxy.stack
    reader, writer = stack.client("read"), stack.client("write")
    log = stack.workers[0].log
    everybody(stack, reader, 1)
    for cuts in range(1, 4):
        proxy.cut()
        wait_until("it is back", lambda cuts=cuts: log.read_text().count(
            '"msg":"NATS connected"') >= cuts)
        everybody(stack, reader, 1)
        for target in ("w-0", "_all", "_any"):
            for _ in range(5):
                job = finished(reader, submit(writer, target=target))
                assert job["status"] == "completed", job
        reply = reader.get(f"{HOSTNAME}?target_hostname=w-0&timeout=20s")
        assert reply.status == 200, reply
    with Nats(stack) as nats:
        for consumer in (SHARED, own_consumer("w-0", "host.w-0"),
                         own_consumer("w-0", "_all")):
            wait_until("all is settled",
                       lambda name=consumer: not nats.unsettled(name))


def test_a_server_that_greets_and_is_mute_does_not_hold_a_worker(proxy):
    """As one that freezes, or whose host vanishes, at that moment."""
    stack = proxy.stack
    reader, writer = stack.client("read"), stack.client("write")
    log = stack.workers[0].log
    connected = log.read_text().count('"msg":"NATS connected"')
    proxy.go_mute()
    wait_until("both its connections gave up", lambda: proxy.hung_up >= 2)
    proxy.heal()
    wait_until("it is back", lambda: log.read_text().count(
        '"msg":"NATS connected"') > connected)
    everybody(stack, reader, 1)
    job = finished(reader, submit(writer, target="w-0"))
    assert job["status"] == "completed", job
