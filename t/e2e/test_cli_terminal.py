"""The CLI at a terminal, as a person sees it: colours, widths, the live view,
progress, questions, and how the terminal is given back."""

import os
import re
import shutil
import signal

import pytest

from stack import Up, children, command_line, wait_until
from terminal import ESCAPE, Terminal

STACK = {"workers": [{"hostname": "alpha", "labels": {"group": "web",
                                                       "rack": "a"}},
                     {"hostname": "beta", "labels": {"group": "web"}}]}
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(name="env", scope="module")
def fixture_env(stack):
    token = stack.directory / "token"
    token.write_text(stack.token("admin"))
    token.chmod(0o600)
    return {**stack.env, "OSAPI_FILE": str(stack.config),
            "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE": str(token)}


@pytest.fixture(name="terminal", scope="module")
def fixture_terminal(stack, env):
    made = Terminal(stack.directory, env)
    yield made
    made.close()


@pytest.fixture(name="silent")
def fixture_silent(stack):
    """The worker beta takes part in jobs and does not answer."""
    stack.workers[1].freeze()
    yield
    os.kill(stack.workers[1].pid, signal.SIGCONT)


def submit(stack):
    """A job that is completed; its id."""
    client = stack.client("write")
    job = client.post("/api/v1/jobs", {"operation": {
        "type": "system.hostname.get", "data": {}}}).json()["job_id"]
    client.get(f"/api/v1/jobs/{job}?wait=30s")
    return job


def total(terminal):
    """The number of jobs in the live view."""
    return int(terminal.wait(re.compile(r"^Jobs +(\d+)$", re.M)).group(1))


def test_every_command(terminal, stack):
    job = submit(stack)
    for command, code, *words in [
            ("health", 0, "Status  ok"),
            ("health ready", 0, "Status  ready"),
            ("health status", 0, "NATS", "Bucket job-queue"),
            ("metrics", 0, "# TYPE osapi_"),
            ("system hostname -T alpha", 0, "Hostname", "alpha"),
            ("system status -T _all", 0, "HOSTNAME", "alpha", "beta"),
            ("system uptime -T group:web", 0, "UPTIME"),
            ("system os", 0, "Kernel"),
            ("system disk -T _all", 0, "HOSTNAME", "DISK"),
            ("system memory", 0, "Available"),
            ("system load", 0, "1 min"),
            ("system load -T nobody", 1, 'no live worker matches "nobody"'),
            ("system lod", 2, "did you mean osapi client system load?"),
            ("network ping 127.0.0.1 --count 1", 0, "Received"),
            ("network ping elsewhere", 2, "--address: not an IP address"),
            ("network dns get nonesuch0", 1, "nonesuch0"),
            ("job add system.os.get", 0, "created"),
            ("job add system.o.get", 2, "did you mean system.os.get?"),
            ("job run system.os.get", 0, "Kernel"),
            (f"job get {job}", 0, "Timeline", "completed"),
            ("job get 1", 2, "needs one job id"),
            ("job list --limit 0", 0, job),
            ("job list --status done", 2, "--status"),
            ("job status --once", 0, "system.hostname.get"),
            ("job workers list", 0, "group=web"),
            (f"job retry {job}", 0, "created"),
            (f"job delete {job}", 0, "done"),
            (f"job delete {job}", 1, "HTTP 404"),
            ("request GET /api/v1/version", 0, '{"version":'),
            ("request GET /nowhere", 1, "HTTP 404"),
            ("--url http://127.0.0.1:1 health", 3, "cannot reach"),
    ]:
        got, shown = terminal.run(f"osapi client {command}")
        assert got == code, f"{command}: {shown}"
        for word in words:
            assert word in shown, f"{command}: {word!r} in\n{shown}"
        if code:
            errors = [line for line in shown.splitlines()
                      if line.startswith("osapi: ")]
            assert len(errors) == 1, f"{command}: one line says it: {shown}"


def test_other_letters_in_a_locale_without_them(terminal, stack):
    name = "\u6f22\u5b57 \u00e9"
    made = stack.client("write", name).post("/api/v1/jobs", {"operation": {
        "type": "system.hostname.get"}})
    assert made.status == 201, made
    terminal.resize(120, 40)
    try:
        for locale in ("C", "C.UTF-8"):
            code, shown = terminal.run(
                f"LC_ALL={locale} osapi client job list --limit 1")
            assert code == 0 and name in shown, (locale, shown)
    finally:
        terminal.resize(80, 40)


def test_the_live_view_follows_the_queue(terminal, stack, nats):
    before = sum(not nats.deleted(job) for job in nats.jobs())
    terminal.start("osapi client job status --interval 100ms")
    terminal.wait("(q quits)")
    wait_until("it counts all jobs", lambda: total(terminal) == before)
    submit(stack)
    wait_until("it counts the new job", lambda: total(terminal) == before + 1)
    terminal.resize(30, 6)
    wait_until("it fits a small terminal", lambda:
               len(terminal.screen().splitlines()) <= 6 and
               "Dead letters" in terminal.screen() and
               "network.ping.do" not in terminal.screen())
    terminal.resize(80, 40)
    terminal.wait("network.ping.do")
    terminal.keys("q")
    assert terminal.end() == 0
    assert "network.ping.do" in terminal.shown(), "the last figures stay"
    assert "q quits" not in terminal.shown()


def view_of(terminal):
    """The process of the live view in this terminal."""
    def found():
        shell = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
        return [pid for pid in children(shell)
                if command_line(pid)[:1] == ["osapi"]]
    return wait_until("the live view runs", found)[0]


@pytest.mark.parametrize("way, code", [
    ("q", 0), ("C-c", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129),
    (signal.SIGQUIT, 131), (signal.SIGSEGV, 139)])
def test_the_live_view_gives_the_terminal_back(terminal, way, code):
    before = terminal.settings()
    terminal.start("(ulimit -c 0; exec osapi client job status)")
    terminal.wait("(q quits)")
    if isinstance(way, str):
        terminal.keys(way)
    else:
        os.kill(view_of(terminal), way)
    assert terminal.end() == code
    assert terminal.settings() == before


def test_the_live_view_can_be_stopped_and_go_on(terminal):
    before = terminal.settings()
    terminal.start("osapi client job status")
    terminal.wait("(q quits)")
    terminal.keys("C-z")
    terminal.wait("Stopped")
    assert terminal.settings() == before
    terminal.start("fg")
    terminal.wait("(q quits)")
    terminal.keys("q")
    assert terminal.end() == 0
    assert terminal.settings() == before


def test_the_live_view_waits_for_an_api_that_is_away(terminal, stack):
    terminal.start("osapi client job status --interval 100ms")
    terminal.wait("(q quits)")
    os.kill(stack.nginx.pid, signal.SIGTERM)
    terminal.wait("trying again: Connection refused")
    stack.nginx.popen.wait()
    stack.nginx.start()
    wait_until("it has gone on",
               lambda: "trying again" not in terminal.screen())
    terminal.keys("q")
    assert terminal.end() == 0


def test_job_run_tells_who_has_answered(terminal, stack, silent):
    terminal.start("osapi client job run system.hostname.get -T _all")
    terminal.wait("1 of 2 hosts have answered: alpha")
    terminal.keys("C-c")
    job = terminal.wait(re.compile(f"job ({UUID}) goes on")).group(1)
    os.kill(stack.workers[1].pid, signal.SIGCONT)
    code, shown = terminal.run(f"osapi client job get {job} --wait 30s")
    assert code == 0, shown
    assert re.search(r"Status +completed", shown), shown
    assert "have answered" not in shown, "the progress line is gone"


def test_job_run_waits_for_an_api_that_is_away(terminal, stack, silent):
    terminal.start("osapi client job run system.hostname.get -T _all")
    terminal.wait("1 of 2 hosts have answered: alpha")
    os.kill(stack.nginx.pid, signal.SIGTERM)
    stack.nginx.popen.wait()
    terminal.wait("the API does not answer, trying again")
    os.kill(stack.workers[1].pid, signal.SIGCONT)
    stack.nginx.start()
    assert terminal.end() == 0
    shown = terminal.shown()
    assert "beta" in shown and "trying again" not in shown, shown


def test_job_run_ends_with_the_last_answer(terminal, stack, silent):
    terminal.start("osapi client job run system.hostname.get -T _all")
    terminal.wait("1 of 2 hosts have answered: alpha")
    os.kill(stack.workers[1].pid, signal.SIGCONT)
    assert terminal.end() == 0
    shown = terminal.shown()
    assert "beta" in shown and "have answered" not in shown, shown


def test_a_change_to_many_hosts_is_asked_for(terminal, nats):
    command = ("osapi client network dns update nonesuch0 "
               "--servers 192.0.2.53 -T")
    question = "This will modify DNS on 2 hosts. Continue? [y/N]"
    jobs = nats.jobs()
    for answer in ("n", "", "nonsense"):
        terminal.start(f"{command} _all")
        terminal.wait(question)
        terminal.type(answer)
        assert terminal.end() == 1
        assert "nothing was changed" in terminal.shown()
    assert nats.jobs() == jobs, "no job was made"
    terminal.start(f"{command} group:web")
    terminal.wait(question)
    terminal.type("y")
    assert terminal.end() == 1
    shown = terminal.shown()
    assert "alpha     failed" in shown and "beta      failed" in shown, \
        "it was tried on both"
    for one in ("alpha", "rack:a"):
        code, shown = terminal.run(f"{command} {one}")
        assert code == 1 and "Continue?" not in shown, "one host: no question"


@pytest.mark.parametrize("width", [120, 80, 40])
def test_tables_fit_the_terminal(terminal, stack, width):
    job = submit(stack)
    terminal.resize(width, 100)
    for command in ("job list --limit 3", "job workers list",
                    "system disk -T _all", "system memory -T _all",
                    "system os -T _all", f"job get {job}"):
        terminal.start(f"osapi client {command} 2>/dev/null")
        assert terminal.end() == 0
        assert terminal.shown() == terminal.shown("-J"), \
            f"{command} is wider than {width}"
    terminal.resize(80, 40)


def test_what_does_not_fit_is_named(terminal, stack):
    submit(stack)
    terminal.resize(80, 40)
    _, shown = terminal.run("osapi client job list --limit 1")
    assert "not shown in a terminal of this width: CREATED, BY" in shown
    assert re.search(f"^{UUID} ", shown, re.M), "ids stay whole"
    _, shown = terminal.run("osapi client job list --limit 1 | cat")
    assert "CREATED" in shown and "not shown" not in shown


def test_colours_are_for_terminals(terminal, stack):
    submit(stack)
    for command, coloured in [
            ("osapi client job list --limit 1", True),
            ("osapi client health", True),
            ("NO_COLOR=1 osapi client job list --limit 1", False),
            ("NO_COLOR= osapi client health", True),
            ("TERM=dumb osapi client health", False),
            ("osapi client job list --limit 1 | cat", False),
            ("osapi client health | cat", False)]:
        terminal.start(command)
        assert terminal.end() == 0
        shown = terminal.shown("-e")
        assert (ESCAPE in shown) == coloured, f"{command}: {shown!r}"


def test_bash_completes(terminal):
    terminal.run("source <(osapi completion bash)")
    line = "$ osapi"
    terminal.text("osapi")
    for typed, whole in [(" cl", " client"), ("sys", " client system"),
                         ("hostn", " client system hostname"),
                         ("--targ", " client system hostname --target"),
                         ("_al", " client system hostname --target _all")]:
        terminal.text(typed)
        terminal.keys("Tab")
        terminal.wait(line + whole)
    terminal.keys("C-u")


def test_the_token_can_be_typed(terminal):
    terminal.start("osapi token validate")
    terminal.wait("token:")
    terminal.type("no.such.token")
    assert terminal.end() == 4
    assert "osapi: not valid:" in terminal.shown()


@pytest.fixture(name="up")
def fixture_up():
    made = Up()
    yield made
    made.close()


@pytest.mark.parametrize("colours", [True, False])
def test_up_shows_what_the_programs_log(up, colours):
    env = up.env if colours else {**up.env, "NO_COLOR": "1"}
    terminal = Terminal(up.directory, env, 160, 200)
    try:
        terminal.start(f"osapi up --dir {up.home} --port {up.port}")
        terminal.wait("Ctrl-C stops everything.")
        # a program's line comes when it has said it
        for name in ("nats-server", "osapi-worker", "osapi-fcgi"):
            terminal.wait(re.compile(
                rf"^\x1b\[3\dm{name} *\x1b\[39m \| ." if colours else
                rf"^{name} *\| .", re.M), "-S", "-", "-e")
        assert (ESCAPE in terminal.shown("-e")) == colours
        # lines of ours can be read
        terminal.wait(re.compile(r"\| \d\d:\d\d:\d\d job completed "),
                      "-S", "-")
        terminal.keys("C-c")
        assert terminal.end() == 0
    finally:
        terminal.close()


def test_up_refuses_a_directory_that_was_moved(up):
    terminal = Terminal(up.directory, up.env)
    try:
        code, shown = terminal.run(
            f"osapi up --demo --dir {up.home} --port {up.port}")
        assert code == 0, shown
        copy = up.directory / "copy"
        shutil.copytree(up.home, copy, ignore=shutil.ignore_patterns("*.sock"))
        code, shown = terminal.run(
            f"osapi up --demo --dir {copy} --port {up.port}")
        assert code == 1 and "was moved or copied" in shown, shown
    finally:
        terminal.close()
