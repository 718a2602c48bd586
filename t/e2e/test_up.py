"""`osapi up`: the whole stack by one command, and how it ends."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from stack import (LIMIT, Client, StackError, Up, alive, command_line,
                   descendants, free_port, program, wait_until)

HOST = socket.gethostname().lower()
PROGRAMS = ("nats-server", "nginx")


def left_over(directory):
    """Process ids whose command line or working directory is in there."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            where = os.readlink(entry / "cwd")
        except OSError:
            where = ""
        words = " ".join(command_line(pid))
        if alive(pid) and pid != os.getpid() and \
                (str(directory) in words or where.startswith(str(directory))):
            found.append((pid, words))
    return found


def to_its_end(argv, env, limit=2 * LIMIT):
    """Runs a command as a person does; nothing of it outlives the test."""
    with subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as popen:
        try:
            out, err = popen.communicate(timeout=limit)
        finally:
            try:
                os.killpg(popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return subprocess.CompletedProcess(argv, popen.returncode, out, err)


def run_up(up, *words, before=()):
    """`osapi up` to its end."""
    return to_its_end([*before, *up.argv(*words)], up.env)


def one_clear_line(done, *words):
    """Non-zero, and the reason in one line on stderr."""
    assert done.returncode not in (0, None), done
    lines = [line for line in done.stderr.splitlines()
             if line.startswith("osapi: ")]
    assert len(lines) == 1, done
    for word in words:
        assert word in lines[0], done


@pytest.fixture(name="up")
def fixture_up():
    made = Up()
    yield made
    made.close()


@pytest.fixture(name="running", scope="module")
def fixture_running():
    made = Up().start()
    yield made
    made.close()


def hiding(name):
    """A command in front of another, which then does not see that program:
    in a mount namespace of its own /dev/null lies over it."""
    before = ["unshare", "--mount"] + \
        ([] if os.geteuid() == 0 else ["--map-root-user"])
    paths = [path for path in (f"/usr/sbin/{name}", f"/usr/local/sbin/{name}",
                               f"/usr/bin/{name}", f"/usr/local/bin/{name}")
             if os.path.exists(path)]
    cover = " && ".join(f"mount --bind /dev/null {path}" for path in paths)
    before += ["sh", "-c", f'{cover} && exec "$@"', "hiding"]
    if subprocess.run([*before, "true"], capture_output=True,
                      check=False).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    return before


def test_demo_runs_one_job_and_ends(up):
    done = run_up(up, "--demo")
    assert done.returncode == 0, done
    assert HOST in done.stdout, done
    assert left_over(up.directory) == []


def test_a_port_in_use(up):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", up.port))
        s.listen()
        done = run_up(up)
    one_clear_line(done, str(up.port), "in use")
    assert left_over(up.directory) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_missing(up, name):
    done = run_up(up, before=hiding(name))
    one_clear_line(done, name)
    assert left_over(up.directory) == []


def test_a_second_one_in_the_same_directory(running):
    done = to_its_end([program("osapi"), "up", "--dir", str(running.home),
                       "--port", str(free_port())], running.env)
    one_clear_line(done, str(running.home))
    assert running.ready(), "the first one was disturbed"


def test_it_says_how_to_reach_it(running):
    text = running.up.log.read_text()
    assert f"http://127.0.0.1:{running.port}" in text
    assert HOST in text
    files = [word.strip("'\".,;:()") for word in text.split()
             if "token" in word and "/" in word]
    tokens = [pathlib.Path(word) for word in files
              if (running.home.parent / word).is_file()]
    assert tokens, f"no token file is named in: {text}"
    token = (running.home.parent / tokens[0]).read_text().strip()
    reply = Client(running.port, token).get("/api/v1/system/hostname")
    assert reply.status == 200, reply
    assert reply.json()["results"][0]["hostname"] == HOST


def test_secrets_are_for_their_owner_only(running):
    for path in running.home.rglob("*"):
        try:
            if not path.is_file() or path.stat().st_mode & 0o077 == 0:
                continue
            text = path.read_bytes()
        except OSError:
            continue
        assert b"PRIVATE KEY" not in text, path
        assert b"password" not in text, path
        assert b"signing_key:" not in text, path


@pytest.mark.parametrize("name", ["osapi-worker", "nats-server", "nginx",
                                  "osapi-fcgi"])
def test_what_is_killed_comes_back(running, name):
    client = Client(running.port, running.token("read"))
    before = wait_until(f"{name} runs", lambda: running.pid_of(name))
    for pid in before:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            assert pid != before[0], "its children end with it"
    wait_until(f"{name} runs again", lambda: running.up.check() and
               set(running.pid_of(name)) - set(before))
    def answers():
        try:
            return client.get("/api/v1/system/hostname").status == 200
        except (OSError, http.client.HTTPException):
            return False
    wait_until("a request is answered", answers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_all_that_it_started(up, number):
    up.start()
    below = descendants(up.up.pid)
    names = {(command_line(pid) or ["?"])[0].rpartition("/")[2].split(":")[0]
             for pid in below}
    assert {"nats-server", "osapi-fcgi", "osapi-worker", "nginx"} <= names
    assert up.up.popen.poll() is None
    os.kill(up.up.pid, number)
    status = up.up.popen.wait(LIMIT)
    assert status in (0, 128 + number), up.tails()
    assert [pid for pid in below if alive(pid)] == []
    assert left_over(up.directory) == []


@pytest.mark.parametrize("line", ["starting", "ready", "client system"])
def test_it_can_be_stopped_at_any_time(up, line):
    process = up.launch()
    wait_until(f"it says {line!r}", lambda: line in process.log.read_text())
    below = descendants(process.pid)
    os.kill(process.pid, signal.SIGTERM)
    process.popen.wait(LIMIT)
    assert [pid for pid in below if alive(pid)] == []
    assert left_over(up.directory) == []


def test_ctrl_c_of_a_terminal_reaches_the_whole_group(up):
    up.start()
    below = descendants(up.up.pid)
    os.killpg(up.up.pid, signal.SIGINT)
    up.up.popen.wait(LIMIT)
    assert [pid for pid in below if alive(pid)] == []


def test_its_children_do_not_outlive_it(up):
    up.start()
    below = descendants(up.up.pid)
    os.kill(up.up.pid, signal.SIGKILL)
    up.up.popen.wait(LIMIT)
    try:
        wait_until("nothing is left",
                   lambda: not [pid for pid in below if alive(pid)])
    except StackError:
        left = [(pid, command_line(pid)) for pid in below if alive(pid)]
        pytest.fail(f"left: {left}")
    up.start()


def test_it_keeps_its_data(up):
    up.start()
    client = Client(up.port, up.token("write"))
    reply = client.post("/api/v1/jobs", {
        "operation": {"type": "system.hostname.get", "data": {}}})
    assert reply.status == 201, reply
    job = reply.json()["job_id"]
    client.get(f"/api/v1/jobs/{job}?wait=30s")
    os.kill(up.up.pid, signal.SIGINT)
    assert up.up.popen.wait(LIMIT) in (0, 130)
    up.start()
    reply = client.get(f"/api/v1/jobs/{job}")
    assert reply.status == 200, "the same token and the same job"
    assert reply.json()["status"] == "completed"
