"""Ten workers, and two that claim one name."""

import time

import pytest

from job_client import HOSTNAME, JOBS, everybody, finished, submit
from nats_client import Nats
from stack import Process, alive, wait_until

NAMES = [f"node-{number}" for number in range(10)]
STACK = {"env": {"OSAPI_JOB_WORKER_HEARTBEAT": "2s"},
         "workers": [{"hostname": name, "labels": {
             "rack": f"r{number % 2}"}, "env": {
                 "OSAPI_JOB_WORKER_MAX_JOBS": "4"}}
                     for number, name in enumerate(NAMES)]}


@pytest.fixture(autouse=True, scope="module")
def fixture_ready(stack, reader):
    everybody(stack, reader, 10)


def test_a_broadcast_is_answered_by_all_ten(reader):
    times = []
    for _ in range(20):
        begin = time.monotonic()
        reply = reader.get(f"{HOSTNAME}?target_hostname=_all")
        times.append(time.monotonic() - begin)
        assert reply.status == 200, reply
        rows = reply.json()["results"]
        assert [row["hostname"] for row in rows] == NAMES
        assert not [row for row in rows if "status" in row], rows
    print(f"broadcast to 10 workers: median {sorted(times)[10] * 1000:.1f} ms,"
          f" longest {max(times) * 1000:.1f} ms")


def test_submitted_broadcasts_run_once_on_each(stack, reader, writer):
    jobs = [submit(writer, target="_all") for _ in range(20)]
    for job_id in jobs:
        job = finished(reader, job_id)
        assert job["status"] == "completed", job
        assert sorted(job["responses"]) == NAMES
    with Nats(stack) as nats:
        started = nats.events(event="started")
    for job_id in jobs:
        hosts = sorted(key.split(".")[2] for key in started
                       if key.startswith(job_id))
        assert hosts == NAMES


def test_half_of_them_by_label(reader):
    reply = reader.get(f"{HOSTNAME}?target_hostname=rack:r1")
    assert [row["hostname"] for row in reply.json()["results"]] == NAMES[1::2]


def second(stack):
    """A worker with the name of the first one and a journal of its own."""
    first = stack.workers[0]
    journal = stack.directory / "journal-second"
    journal.mkdir(exist_ok=True)
    process = Process("second", first.argv, {
        **first.env, "OSAPI_JOB_WORKER_JOURNAL_DIR": str(journal)},
                      stack.logs / "second.log")
    process.log.unlink(missing_ok=True)
    stack.processes.append(process)
    process.start()
    return process


def test_a_second_worker_of_one_name_is_refused(stack, reader):
    process = second(stack)
    assert process.popen.wait(60) != 0
    text = process.log.read_text()
    assert "another worker is node-0" in text, text
    assert alive(stack.workers[0].pid)
    reply = reader.get(f"{HOSTNAME}?target_hostname=node-0")
    assert [row["hostname"] for row in reply.json()["results"]] == ["node-0"]


def test_it_takes_over_when_the_first_has_been_silent(stack, reader):
    """Last, as the first one stays away."""
    stack.workers[0].kill()
    def took_over():
        process = second(stack)
        def known():
            text = process.log.read_text()
            return not process.running() or '"msg":"ready"' in text
        wait_until("it starts or gives up", known)
        return process if process.running() else None
    process = wait_until("the second one starts", took_over)
    def listed():
        rows = reader.get(f"{JOBS}/workers").json()["workers"]
        return [row["hostname"] for row in rows] == NAMES
    wait_until("all are listed", listed)
    def answers():
        reply = reader.get(f"{HOSTNAME}?target_hostname=node-0&timeout=2s")
        return reply.status == 200
    wait_until("it answers", answers)
    assert process.running()
