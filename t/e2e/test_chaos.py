"""What t/chaos looks for is found when it is there: the verdict over stores,
indexes and ledgers with one fault each."""

import copy
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import troubles  # noqa: E402
import verdict  # noqa: E402
from clients import CHANGE, Job, Ledger  # noqa: E402
from fleet import HOSTS  # noqa: E402
from stack import Process  # noqa: E402

QUERY = "system.hostname.get"
# id: target, operation, who ended it
JOBS = {"job-1": ("_any", QUERY, ["w-1"]),
        "job-2": ("group:web", QUERY, ["w-0", "w-1"]),
        "job-3": ("_any", CHANGE, ["w-2"])}


def view():
    """One responder's list and statistics."""
    jobs = {job_id: {"id": job_id, "status": "completed", "timeline": [],
                     "target_hostname": target, "operation": {"type": what},
                     "worker_states": {host: {} for host in hosts}}
            for job_id, (target, what, hosts) in JOBS.items()}
    return jobs, {"total_jobs": 3, "dlq_count": 0,
                  "status_counts": {"completed": 3, "failed": 0},
                  "operation_counts": {QUERY: 2, CHANGE: 1}}


def good():
    """All is well, and job-0 was deleted."""
    taken = verdict.Snapshot()
    taken.stored = set(JOBS)
    for job_id, (_, _, hosts) in JOBS.items():
        for host in hosts:
            taken.responses.add((job_id, host))
            for event in ("acknowledged", "started", "completed"):
                taken.events[event, job_id, host] = 1
    taken.views = {100: view(), 200: view()}
    taken.workers = [{"hostname": host, "running": 0} for host in HOSTS]
    ledger = Ledger()
    for job_id, (target, what, _) in [("job-0", ("_all", QUERY, [])),
                                      *JOBS.items()]:
        ledger.acknowledged(job_id, Job(target, what, "submit"))
    ledger.deleted.add("job-0")
    ledger.doubtful.add("job-0")
    return taken, ledger


def test_nothing_is_found_where_all_is_well():
    assert verdict.differences(*good()) == []


def lose(taken):
    taken.stored.remove("job-1")


def come_back(taken):
    taken.stored.add("job-0")


def stay_open(taken):
    for jobs, _ in taken.views.values():
        jobs["job-1"]["status"] = "processing"


def forget(taken):
    del taken.views[200][0]["job-1"]


def tell_another_status(taken):
    taken.views[200][0]["job-2"]["status"] = "failed"


def miscount(taken):
    taken.views[200][1]["status_counts"]["failed"] = 1


def miscount_all(taken):
    taken.views[100][1]["total_jobs"] = 4


def miss_a_dead_letter(taken):
    taken.dead_letters = 1


def complete_again(taken):
    taken.events["completed", "job-1", "w-1"] = 2


def fail_too(taken):
    taken.events["failed", "job-1", "w-1"] = 1


def change_again(taken):
    taken.events["started", "job-3", "w-2"] = 2


def change_elsewhere_too(taken):
    taken.events["started", "job-3", "w-3"] = 1


def ask_a_stranger(taken):
    taken.events["completed", "job-2", "w-3"] = 1
    taken.responses.add(("job-2", "w-3"))


def say_nothing(taken):
    del taken.events["completed", "job-2", "w-0"]
    taken.responses.remove(("job-2", "w-0"))


def leave_an_event(taken):
    taken.events["started", "job-0", "w-0"] = 1


def leave_a_response(taken):
    taken.responses.add(("job-0", "w-0"))


def lose_a_response(taken):
    taken.responses.remove(("job-1", "w-1"))


def never_tell(taken):
    taken.responses.add(("job-1", "w-0"))


def run_for_ever(taken):
    taken.workers[0]["running"] = 1


def lose_a_worker(taken):
    del taken.workers[0]


@pytest.mark.parametrize("fault,words", [
    (lose, "acknowledged and not stored: job-1"),
    (come_back, "deleted and stored: job-0"),
    (stay_open, "processing for ever: job-1"),
    (forget, "responder 200 lacks 1 of 3"),
    (tell_another_status, "tells 1 jobs differently"),
    (miscount, "responder 200: status_counts"),
    (miscount_all, "responder 100: total_jobs 4"),
    (miss_a_dead_letter, "dlq_count 0, stored are 1"),
    (complete_again, "completed 2 times on w-1: job-1"),
    (fail_too, "completed and failed on w-1: job-1"),
    (change_again, "a change that began twice on w-2: job-3"),
    (change_elsewhere_too, "a change by 2 hosts: job-3"),
    (ask_a_stranger, "not for all of ['w-0', 'w-1', 'w-3']: job-2"),
    (say_nothing, "['w-0'] never said: job-2"),
    (leave_an_event, "of w-0, but no job: job-0"),
    (leave_a_response, "of w-0, but no job: job-0"),
    (lose_a_response, "completed on w-1 without a response: job-1"),
    (never_tell, "a response of w-0 that was never told: job-1"),
    (run_for_ever, "w-0 runs 1 on an idle system"),
    (lose_a_worker, "workers: ['w-1'"),
])
def test_a_fault_is_found(fault, words):
    taken, ledger = good()
    before = copy.deepcopy(vars(taken))
    fault(taken)
    assert vars(taken) != before
    found = verdict.differences(taken, ledger)
    assert any(words in finding for finding in found), found


@pytest.fixture(name="process")
def fixture_process(tmp_path):
    made = Process("sleep", ["sleep", "600"], None, tmp_path / "log")
    made.start()
    yield made
    made.kill()


@pytest.mark.parametrize("first,second", [
    (troubles.terminate, troubles.kill), (troubles.freeze, troubles.kill),
    (troubles.kill, troubles.terminate), (troubles.freeze, troubles.terminate),
    (troubles.terminate, troubles.terminate)])
def test_two_troubles_of_one_process_both_end(process, first, second):
    later = troubles.Later()
    before = process.pid
    first(process, 1, later)
    second(process, 0, later)
    later.hurry()
    assert process.running() and process.pid != before
    process.check()


def test_who_was_started_again_is_not_waited_for(process):
    later = troubles.Later()
    troubles.terminate(process, 600, later)
    process.kill()
    process.start()
    again = process.pid
    later.hurry()
    assert process.running() and process.pid == again


def test_one_key_makes_one_job():
    ledger = Ledger()
    for job_id in ("job-1", "job-1", "job-2"):
        ledger.acknowledged(job_id, Job("_any", QUERY, "submit"), "key")
    assert ledger.findings == ["one key gave two jobs: job-1 job-2"]


def test_troubles_are_chosen_by_kind_and_name():
    names = [row.name for row in troubles.chosen(["api", "cut"])]
    assert names == ["responder-kill", "responder-freeze", "pool-reload",
                     "cut"]
    assert troubles.chosen([]) == list(troubles.TROUBLES)
    with pytest.raises(KeyError, match="earthquake"):
        troubles.chosen(["earthquake"])
