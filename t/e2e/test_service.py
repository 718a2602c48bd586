"""Responders as a service with a socket that outlives them: nothing is lost by
a reload or a restart, and who hangs is noticed."""

import os
import signal
import time

import pytest

from load import Load
from service_manager import ServiceStack
from stack import children, wait_until

WATCHDOG_S = 8  # half of it: until a responder counts as stuck
JOBS = "/api/v1/jobs"


@pytest.fixture(scope="module", name="stack")
def fixture_stack():
    made = ServiceStack(WATCHDOG_S).start()
    yield made
    made.close()


def check(load, reader):
    """Every request was answered with 2xx, and every job that was accepted
    has been run."""
    print(f"{load.answers} answers, {len(load.jobs)} jobs")
    assert not load.failures, load.failures[:20]
    assert load.jobs
    for job in load.jobs[::50] + load.jobs[-3:]:
        reply = reader.get(f"{JOBS}/{job}?wait=60s", timeout=90)
        assert reply.status == 200, reply
        assert reply.json()["status"] == "completed", reply
    submitted = reader.get(f"{JOBS}/status").json()["total_jobs"]
    assert submitted >= len(load.jobs)


def test_reloads_under_load_lose_no_request(stack, reader, writer):
    with Load(stack.port, writer.token) as load:
        for _ in range(4):
            load.wait_answers(wait_until, 50)
            before = stack.responders()
            said = stack.reload()
            assert "responders serve" in said["STATUS"]
            stack.wait_replaced(before)
        load.wait_answers(wait_until, 50)
    check(load, reader)


def test_restarts_under_load_lose_no_request(stack, reader, writer):
    with Load(stack.port, writer.token) as load:
        for _ in range(4):
            load.wait_answers(wait_until, 50)
            stack.restart()
        load.wait_answers(wait_until, 50)
    check(load, reader)


def test_what_connects_meanwhile_is_answered_by_the_next(stack, reader):
    """The whole request is sent while no osapi-fcgi runs at all."""
    assert stack.fcgi.stop() == 0
    since = stack.told.mark()
    with Load(stack.port, reader.token, clients=1) as load:
        load.ending.set()  # one request a client
        stack.fcgi.start()
        stack.told.wait("READY", since)
    assert (load.answers, load.failures) == (1, [])


def test_a_bad_configuration_fails_the_reload_and_changes_nothing(
        stack, reader):
    good = stack.config.read_text()
    before = set(stack.responders())
    assert stack.test_configuration().returncode == 0
    stack.config.write_text(good + "nonsense: 1\n")
    try:
        refused = stack.test_configuration()
        assert refused.returncode == 2
        assert "nonsense" in refused.stderr and "osapi.yaml:" in refused.stderr
        assert "nonsense" in stack.reload()["STATUS"]
    finally:
        stack.config.write_text(good)
    assert set(stack.responders()) == before
    assert reader.get("/health/ready").status == 200


def test_signs_of_life_come_again_and_again(stack):
    since = stack.told.mark()
    for _ in range(3):
        message, since = stack.told.wait("WATCHDOG", since)
        assert message == {"WATCHDOG": "1"}


def test_a_responder_that_is_stuck_is_replaced(stack, reader):
    before = stack.responders()
    os.kill(before[0], signal.SIGSTOP)
    wait_until("it is gone", lambda: before[0] not in stack.responders())
    wait_until("another serves", lambda: len(stack.responders()) == 2)
    assert before[1] in stack.responders()
    stack.wait_ready()
    assert reader.get("/health").status == 200


def test_no_sign_of_life_while_no_responder_moves(stack):
    """systemd would then replace the whole service."""
    def stopped():
        for pid in children(stack.fcgi.pid):
            os.kill(pid, signal.SIGSTOP)
        with stack.told.came:
            if len(stack.told.messages) > quiet["at"]:
                quiet.update(at=len(stack.told.messages),
                             since=time.monotonic())
        return time.monotonic() - quiet["since"] > WATCHDOG_S
    quiet = {"at": stack.told.mark(), "since": time.monotonic()}
    wait_until("a silence as long as the watchdog's time", stopped)
    stack.fcgi.kill()
    stack.fcgi.start()
    stack.wait_ready()
