"""One job, end to end: token, nginx, responder, NATS, worker and back."""

import os
import pathlib
import platform
import re
import socket
import subprocess

import pytest

from stack import wait_until

HOST = socket.gethostname().lower()
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                   r"[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def meminfo(name):
    """Octets of a line of /proc/meminfo."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def submit(writer, operation="system.hostname.get", data=None, **body):
    """POST /jobs; the answer's document."""
    reply = writer.post("/api/v1/jobs", {
        "operation": {"type": operation, "data": data or {}}, **body})
    assert reply.status == 201, reply
    return reply.json()


def finished(reader, job_id, wait="30s"):
    """GET /jobs/{id}?wait=: the job when it has ended."""
    reply = reader.get(f"/api/v1/jobs/{job_id}?wait={wait}")
    assert reply.status == 200, reply
    return reply.json()


def test_hostname_is_that_of_this_machine(reader):
    reply = reader.get("/api/v1/system/hostname")
    assert reply.status == 200, reply
    body = reply.json()
    assert UUID7.fullmatch(body["job_id"]), body
    assert [row["hostname"] for row in body["results"]] == [HOST]


def test_status_is_what_proc_says(reader):
    reply = reader.get("/api/v1/system/status?target_hostname=_all")
    assert reply.status == 200, reply
    [row] = reply.json()["results"]
    memory = row["memory"]
    assert row["hostname"] == HOST
    assert memory["total"] == meminfo("MemTotal")
    assert memory["used"] == memory["total"] - memory["available"]
    assert 0 < memory["available"] <= memory["total"]
    assert 0 <= memory["free"] <= memory["total"]
    assert set(row["load_average"]) == {"1min", "5min", "15min"}
    assert re.fullmatch(r"\d+ days?, \d+ hours?, \d+ minutes?", row["uptime"])
    release = platform.freedesktop_os_release()
    assert row["os_info"]["distribution"].lower() in (
        release["ID"].lower(), release["NAME"].lower())
    assert row["os_info"]["version"].split()[0] == release["VERSION_ID"]


def test_disks_are_those_of_df(reader):
    reply = reader.get("/api/v1/system/status")
    [row] = reply.json()["results"]
    listed = subprocess.run(
        ["df", "-B1", "-l", "-a", "--output=source,target,size"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        check=False).stdout.splitlines()[1:]
    known = {}
    for line in listed:
        source, target, size = line.split(maxsplit=2)[0], \
            line.split()[1], line.split()[-1]
        if size.isdigit():  # it can be looked at
            known[source] = known[target] = int(size)
    for disk in row["disks"]:
        assert disk["name"] in known, (disk, known)
        assert disk["total"] == known[disk["name"]]
        assert 0 <= disk["free"] <= disk["total"]
        assert 0 <= disk["used"] <= disk["total"]
    names = [disk["name"] for disk in row["disks"]]
    assert len(names) == len(set(names)), "a device is listed twice"


def test_a_submitted_job_completes(reader, writer):
    reply = writer.post("/api/v1/jobs", {
        "operation": {"type": "system.hostname.get", "data": {}},
        "target_hostname": "_any"})
    assert reply.status == 201, reply
    made = reply.json()
    assert UUID7.fullmatch(made["job_id"]), made
    assert made["status"] == "created"
    assert made["revision"] > 0
    assert TIME.fullmatch(made["timestamp"])
    assert reply.headers["Location"] == f"/api/v1/jobs/{made['job_id']}"
    job = finished(reader, made["job_id"])
    assert job["id"] == made["job_id"]
    assert job["status"] == "completed", job
    assert job["hostname"] == HOST
    assert job["target_hostname"] == "_any"
    assert job["operation"] == {"type": "system.hostname.get", "data": {}}
    assert job["result"]["hostname"] == HOST
    assert job["submitted_by"] == "tester"
    assert TIME.fullmatch(job["created"])
    assert TIME.fullmatch(job["updated_at"])
    assert job["updated_at"] >= job["created"]


def told(reader, job_id, *story):
    """The job when its timeline has all these events and none beside.

    The API waits for them when the job has ended, but not for long."""
    finished(reader, job_id)
    def whole():
        job = reader.get(f"/api/v1/jobs/{job_id}").json()
        events = sorted(entry["event"] for entry in job["timeline"])
        return job if events == sorted(story) else None
    return wait_until(f"the timeline has {', '.join(story)}", whole)


def test_the_timeline_tells_the_story_in_order(reader, writer):
    story = ["submitted", "acknowledged", "started", "completed"]
    job = told(reader, submit(writer)["job_id"], *story)
    assert [entry["event"] for entry in job["timeline"]] == story
    times = [entry["timestamp"] for entry in job["timeline"]]
    assert times == sorted(times)
    assert job["worker_states"][HOST]["status"] == "completed"
    assert job["worker_states"][HOST]["duration"]


def test_a_job_for_this_host_by_name(reader, writer):
    made = submit(writer, "system.memory.get", target_hostname=HOST.upper())
    job = finished(reader, made["job_id"])
    assert job["status"] == "completed", job
    assert job["target_hostname"] == HOST
    assert job["result"]["memory"]["total"] == meminfo("MemTotal")


def test_a_job_that_cannot_be_done_fails_with_the_reason(reader, writer):
    made = submit(writer, "network.dns.get",
                  {"interface_name": "nonesuch0"}, target_hostname="_any")
    job = told(reader, made["job_id"],
               "submitted", "acknowledged", "started", "failed")
    assert job["status"] == "failed", job
    assert "nonesuch0" in job["error"], job


def test_no_worker_is_said_at_once(reader, problem):
    problem(reader.get("/api/v1/system/hostname?target_hostname=nobody.test"),
            404, "nobody.test")
    reply = reader.get("/api/v1/system/hostname?target_hostname=rack:none")
    problem(reply, 503, "rack:none")
    assert int(reply.headers["Retry-After"]) > 0


def test_what_was_written_can_be_read_at_once(reader, writer):
    for _ in range(20):
        made = submit(writer, target_hostname="_any")
        reply = reader.get(f"/api/v1/jobs/{made['job_id']}")
        assert reply.status == 200, reply
        assert reply.json()["id"] == made["job_id"]


def test_a_wait_ends_with_the_job(reader, writer):
    jobs = [submit(writer)["job_id"] for _ in range(5)]
    for job_id in jobs:
        assert finished(reader, job_id)["status"] == "completed"
    assert finished(reader, jobs[0], "1s")["status"] == "completed"


def test_request_ids_are_echoed_or_made(reader):
    reply = reader.get("/health", headers={"X-Request-Id": "mine-1"})
    assert reply.headers["X-Request-Id"] == "mine-1"
    first = reader.get("/health").headers["X-Request-Id"]
    assert first
    assert first != reader.get("/health").headers["X-Request-Id"]


def test_health_needs_no_token(stack):
    anybody = stack.client()
    for path, status in (("/health", "ok"), ("/health/ready", "ready")):
        reply = anybody.get(path)
        assert reply.status == 200, reply
        assert reply.json()["status"] == status


def test_head_is_get_without_a_body(reader):
    reply = reader.request("HEAD", "/health")
    assert reply.status == 200
    assert reply.body == b""


def test_the_command_line_shows_the_same(stack):
    env = {"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": stack.token("read")}
    shown = stack.osapi("client", "system", "hostname", **env).stdout
    assert HOST in shown
    shown = stack.osapi("-j", "client", "system", "hostname", **env).stdout
    assert f'"{HOST}"' in shown
    assert "ready" in stack.osapi("client", "health", "ready", **env).stdout


def test_the_command_line_runs_a_job(stack, tmp_path):
    env = {"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": stack.token("write")}
    done = stack.osapi("-j", "client", "job", "run",
                       "system.hostname.get", check=False, **env)
    if done.returncode == 2:
        pytest.fail(f"usage of `client job run`: {done.stderr}")
    assert done.returncode == 0, done
    assert HOST in done.stdout


@pytest.mark.parametrize("count", [50])
def test_many_jobs_all_end(reader, writer, count):
    jobs = [submit(writer)["job_id"] for _ in range(count)]
    statuses = {finished(reader, job)["status"] for job in jobs}
    assert statuses == {"completed"}


def test_no_file_of_the_stack_is_open_to_others(stack):
    for path in stack.directory.rglob("*"):
        mode = os.lstat(path).st_mode
        if path.suffix in (".pem", ".token", ".key") and \
                not path.name.endswith(".pub.pem"):
            data = path.read_bytes()
            if b"PRIVATE KEY" in data or path.suffix == ".token":
                assert mode & 0o077 == 0, path
