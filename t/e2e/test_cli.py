"""Every command of osapi without a terminal: what is printed where, with which
exit code; completion and manual pages have the same commands and flags."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from front import Site, certificate, tls
from stack import LIMIT, ROOT, free_port, program

STACK = {"workers": [{"hostname": "alpha", "labels": {"group": "web"}},
                     {"hostname": "beta"}]}
ADD = ["--operation", "network.dns.get", "--data",
       '{"interface_name":"nonesuch0"}']
UPDATE = ["nonesuch0", "--servers", "192.0.2.53"]

# Words behind the command that work, a text of their output, and words that do
# not with the exit code and a text of the one line that says so.  {job} is the
# id of a job that has completed.  None: it stays until it is stopped.
COMMANDS = {
    "up": (None, None, ["--port", "0"], 2, "1 to 65535"),
    "init": (["--dir", "{dir}/new"], "Wrote",
             ["--dir", "/dev/null/x"], 1, "/dev/null/x"),
    "config check": ([], "good for", ["-f", "/nowhere"], 1, "/nowhere"),
    "config dump": ([], "signing_key: \"********\"", ["x"], 2, "too many"),
    "nginx config": ([], "fastcgi_pass", ["--snippet", "x"], 2, "--snippet"),
    "api server start": (None, None, ["x"], 2, "too many"),
    "job worker start": (None, None, ["x"], 2, "too many"),
    "nats server start": (["--print"], "jetstream", ["x"], 2, "too many"),
    "nats worker add": (["web-9", "--dir", "{dir}/web-9"], "web-9",
                        ["web_9"], 2, "web_9"),
    "token generate": (["--role", "read", "--subject", "a"], ".",
                       ["--role", "none", "--subject", "a"], 2, "--role"),
    "token validate": (["{token}"], "role admin", ["a.b.c"], 4, "not valid"),
    "completion": (["bash"], "complete -F", ["fish"], 2, "bash or zsh"),
    "version": ([], "osapi ", ["x"], 2, "too many"),
    "client health": ([], "Status  ok", ["--url", "{nobody}"], 3,
                      "cannot reach"),
    "client health ready": ([], "Status  ready", ["--ulr", "x"], 2,
                            "did you mean --url"),
    "client health status": ([], "Bucket job-queue", ["x"], 2, "too many"),
    "client metrics": ([], "osapi_", ["x"], 2, "too many"),
    "client system hostname": (["-T", "alpha"], "alpha", ["-T", "nobody"], 1,
                               "no live worker matches"),
    "client system status": ([], "Memory", ["-T"], 2, "needs a value: HOST"),
    "client system uptime": ([], "Uptime", ["-T", "a b"], 2, "--target"),
    "client system os": ([], "Kernel", ["--timeout", "x"], 2, "--timeout"),
    "client system disk": ([], "DISK", ["--timeout", "1h"], 2, "--timeout"),
    "client system memory": ([], "Available", ["x"], 2, "too many"),
    "client system load": (["-T", "group:web"], "alpha", ["-T", "group:db"],
                           1, "no live worker matches"),
    "client network dns get": (["lo"], "Servers", ["nonesuch0"], 1,
                               "nonesuch0"),
    "client network dns update": (None, None, [*UPDATE, "-T", "_all"], 2,
                                  "--yes"),
    "client network ping": (["127.0.0.1", "--count", "1"], "Received",
                            ["127.0.0.1", "--count", "99"], 2, "--count"),
    "client job add": (["system.os.get"], "created", ["system.os"], 2,
                       "unknown operation system.os"),
    "client job get": (["{job}"], "Timeline", ["{job}0"], 2, "one job id"),
    "client job run": (["system.os.get"], "Kernel", ADD, 1, "failed"),
    "client job list": ([], "ID", ["--limit", "-1"], 2, "--limit"),
    "client job status": ([], "Jobs", ["--interval", "1"], 2, "--interval"),
    "client job delete": (["{job}"], "done",
                          ["019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01"], 1, "404"),
    "client job retry": (["{job}"], "created", [], 2, "one job id"),
    "client job workers list": ([], "group=web", ["x"], 2, "too many"),
    "client request": (["GET", "/api/v1/jobs"], "total_items",
                       ["GET", "/nowhere"], 1, "HTTP 404"),
}
NAMES = list(COMMANDS)


class Osapi:
    """Runs osapi as somebody with a token in a file."""

    def __init__(self, stack):
        self.stack = stack
        self.token_file = stack.directory / "token"
        self.token_file.write_text(stack.token("admin"))
        self.token_file.chmod(0o600)
        self.env = {**stack.env, "OSAPI_FILE": str(stack.config),
                    "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE":
                    str(self.token_file)}

    def job(self):
        """The id of a job that has completed."""
        client = self.stack.client("write")
        job = client.post("/api/v1/jobs", {"operation": {
            "type": "system.hostname.get", "data": {}}}).json()["job_id"]
        client.get(f"/api/v1/jobs/{job}?wait=30s")
        return job

    def fill(self, word):
        """A word of the table with its values."""
        if "{job}" in word:
            word = word.replace("{job}", self.job())
        for name, value in [("dir", self.stack.directory),
                            ("token", self.token_file.read_text().strip()),
                            ("nobody", f"http://127.0.0.1:{free_port()}")]:
            word = word.replace("{%s}" % name, str(value))
        return word

    def __call__(self, *words, env=None, stdout=subprocess.PIPE, data=None):
        return subprocess.run(
            [program("osapi"), *map(str, words)], text=True, check=False,
            env={**self.env, **(env or {})}, stdout=stdout, input=data or "",
            stderr=subprocess.PIPE, timeout=LIMIT, cwd=self.stack.directory)


@pytest.fixture(name="osapi", scope="module")
def fixture_osapi(stack):
    return Osapi(stack)


def one_line(done, code, *words):
    """Ended with that code, and one line on stderr says why."""
    assert done.returncode == code, done
    lines = [line for line in done.stderr.splitlines()
             if line.startswith("osapi: ")]
    assert len(lines) == 1, done
    for word in words:
        assert word in lines[0], done


def commands_of_help(osapi):
    """The commands that osapi --help and osapi client --help list."""
    found = set()
    for words in ([], ["client"]):
        text = osapi(*words, "--help").stdout
        found |= set(re.findall(r"^  ([a-z]+(?: [a-z]+)*)  +[A-Z]", text,
                                re.M))
    return found


def test_the_table_has_every_command(osapi):
    assert commands_of_help(osapi) == set(COMMANDS)


@pytest.mark.parametrize("name", NAMES)
def test_good(osapi, name):
    words, text = COMMANDS[name][:2]
    if words is None:
        words, text = ["--help"], "Example:"
    done = osapi(*name.split(), *map(osapi.fill, words))
    assert done.returncode == 0, done
    assert text in done.stdout, done
    assert done.stderr == "" or "shown; --offset" in done.stderr, done
    assert "\x1b" not in done.stdout, "no colours"


@pytest.mark.parametrize("name", NAMES)
def test_bad(osapi, name):
    words, code, text = COMMANDS[name][2:]
    done = osapi(*name.split(), *map(osapi.fill, words))
    one_line(done, code, osapi.fill(text) if text != "too many"
             else "one word too many")
    if code == 2:
        assert done.stdout == "", done


@pytest.mark.parametrize("name", NAMES)
def test_help(osapi, name):
    done = osapi(*name.split(), "--help")
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout.startswith(f"usage: osapi {name}"), done
    assert re.search(rf"^Example:\n  osapi .*{name}", done.stdout,
                     re.M), done
    assert osapi("help", *name.split()).stdout == done.stdout


@pytest.mark.parametrize("words", ["", "token", "client", "client job",
                                   "client network dns", "nats"])
def test_help_of_a_group(osapi, words):
    done = osapi(*words.split(), "--help")
    assert done.returncode == 0 and done.stderr == "", done
    assert "Example:\n  osapi " in done.stdout, done


@pytest.mark.parametrize("name", NAMES)
def test_output_that_is_lost_is_an_error(osapi, name):
    words = COMMANDS[name][0]
    if words is None or name in ("init", "nats worker add"):
        words = ["--help"]
    with open("/dev/full", "wb") as full:
        done = osapi(*name.split(), *map(osapi.fill, words), stdout=full)
    one_line(done, 1, "standard output: No space left on device")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = osapi(*name.split(), *map(osapi.fill, words), stdout=writer)
    finally:
        os.close(writer)
    one_line(done, 1, "standard output: Broken pipe")


@pytest.mark.parametrize("name, flag", [
    ("osapi-fcgi", "-V"), ("osapi-fcgi", "-h"), ("osapi-fcgi", "-t"),
    ("osapi-worker", "-V"), ("osapi-worker", "-h")])
def test_the_daemons_print_all_or_fail(stack, name, flag):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [program(name), "-f", stack.config, flag], env=stack.env,
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            timeout=LIMIT)
    assert done.returncode == 1, done
    assert done.stderr == \
        f"{name}: standard output: No space left on device\n", done


def test_a_closed_standard_output_is_an_error(osapi):
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" client job list >&-', program("osapi")],
        env=osapi.env, stderr=subprocess.PIPE, text=True, check=False,
        timeout=LIMIT)
    one_line(done, 1, "standard output: Bad file descriptor")


# ---- mistakes ----

@pytest.mark.parametrize("words, meant", [
    ("clinet job list", "osapi client job list"),
    ("client job lst", "osapi client job list"),
    ("job list", "osapi client job list"),
    ("system load", "osapi client system load"),
    ("tokn generate", "osapi token generate"),
    ("client network dns updte", "osapi client network dns update")])
def test_did_you_mean(osapi, words, meant):
    done = osapi(*words.split())
    assert done.returncode == 2 and f"did you mean {meant}" in done.stderr


@pytest.mark.parametrize("words, text", [
    ("--jsn version", "did you mean --json?"), ("-x version", "osapi --help"),
    ("--file", "needs a value: FILE"), ("-f", "value is missing")])
def test_flags_before_the_command(osapi, words, text):
    one_line(osapi(*words.split()), 2, text)


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_as_a_flag(osapi, flag):
    assert osapi(flag).stdout == osapi("version").stdout
    assert osapi("-j", flag).stdout == osapi("-j", "version").stdout


def test_a_variable_that_is_no_key(osapi):
    done = osapi("client", "health", env={"OSAPI_API_CLIENT_ULR": "x"})
    assert done.returncode == 0
    assert "osapi: warning: environment variable" in done.stderr
    assert "did_you_mean=OSAPI_API_CLIENT_URL" in done.stderr


# ---- tokens ----

def test_a_token_that_others_may_read(osapi):
    path = osapi.stack.directory / "open-token"
    path.write_text(osapi.token_file.read_text())
    for mode, warned in [(0o600, False), (0o400, False), (0o640, True),
                         (0o604, True)]:
        path.chmod(mode)
        done = osapi("client", "job", "list", env={
            "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE": str(path)})
        assert done.returncode == 0, done
        assert (str(path) in done.stderr and "chmod 600" in done.stderr) == \
            warned, f"{mode:o}: {done.stderr}"


def test_what_to_do_about_a_token(osapi, stack):
    def listed(token):
        """A list of jobs with that token, or with none."""
        env = {**osapi.env}
        del env["OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE"]
        if token:
            env["OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN"] = token
        return subprocess.run(
            [program("osapi"), "client", "job", "add", "system.os.get"],
            env=env, text=True, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=LIMIT, cwd=stack.directory)
    one_line(listed(None), 4, "there is no token", "bearer_token_file",
             "osapi token generate")
    one_line(listed("x.y.z"), 4, "osapi token validate")
    one_line(listed(stack.token("read")), 4, "higher role",
             "osapi token generate --role write")
    assert listed(stack.token("write")).returncode == 0


def test_the_token_is_never_shown(osapi, stack):
    token = osapi.token_file.read_text().strip()
    for words in (["--debug", "system", "os"],
                  ["request", "GET", "/api/v1/jobs", "-v"],
                  ["request", "GET", "/health", "-v", "-H",
                   f"Authorization: Bearer {token}"]):
        done = osapi("client", *words)
        assert "Authorization: ********" in done.stderr, done
        assert token not in done.stdout + done.stderr
    assert token not in osapi("config", "dump").stdout


def test_a_password_in_a_url_is_refused_and_not_shown(osapi):
    done = osapi("client", "health",
                 env={"OSAPI_API_CLIENT_URL": "http://eve:hush@127.0.0.1:1"})
    one_line(done, 2, "OSAPI_API_CLIENT_URL", "a user or a password")
    assert "hush" not in done.stdout + done.stderr


def test_an_empty_idempotency_key_is_refused(osapi):
    # a script whose variable is not set would get two jobs of two requests
    done = osapi("client", "job", "add", "system.os.get",
                 "--idempotency-key", "")
    one_line(done, 2, "--idempotency-key", "must not be empty")
    assert done.stdout == "", done


def test_an_empty_directory_is_named(osapi):
    for command in ("init", "up"):
        done = osapi(command, "--dir", "")
        one_line(done, 2, "--dir", "must not be empty")


def test_an_empty_configuration_name_is_refused(osapi):
    # a script whose variable is not set would get the defaults
    for words in (["-f", "", "client", "health"],
                  ["client", "health", "--file", ""],
                  ["config", "dump", "-f", ""]):
        one_line(osapi(*words), 2, "-f", "is empty")


def test_a_message_does_not_control_the_terminal(osapi):
    one_line(osapi("-f", "\x1b[31m", "config", "dump"), 1, "\\x1b[31m")


# ---- request ----

def test_what_is_wrong_with_a_path_or_an_output_is_named(osapi):
    done = osapi("client", "request", "GET", "/api/v1/jobs?a=1 b")
    one_line(done, 2, "the path", "%20")
    assert "api.client.url" not in done.stderr, done
    for path, why in [("/nonexistent/x", "No such file or directory"),
                      ("/dev/full", "No space left on device")]:
        done = osapi("client", "request", "GET", "/health", "-o", path)
        one_line(done, 1, path, why)


def test_request_is_as_curl(osapi, stack):
    body = json.dumps({"operation": {"type": "system.os.get", "data": {}}})
    path = stack.directory / "body.json"
    path.write_text(body)
    for given, data in [(body, None), (f"@{path}", None), ("@-", body)]:
        done = osapi("client", "request", "POST", "/api/v1/jobs", "-d", given,
                     data=data)
        assert done.returncode == 0 and '"created"' in done.stdout, done
    done = osapi("client", "request", "GET", "/health", "-iv")
    assert done.stdout.startswith("HTTP/1.1 200 OK\n"), done
    assert done.stdout.endswith('\n\n{"status":"ok"}\n'), done
    assert "> GET /health HTTP/1.1" in done.stderr
    out = stack.directory / "out"
    done = osapi("client", "request", "GET", "/health", "-o", out)
    assert done.stdout == "" and out.read_text() == '{"status":"ok"}'
    done = osapi("client", "request", "GET", "/health", "-o", "/dev/full")
    one_line(done, 1, "/dev/full")
    done = osapi("client", "request", "GET", "/health", "-H",
                 "x-request-id: a1", "-i")
    assert "X-Request-Id: a1" in done.stdout
    done = osapi("client", "request", "POST", "/api/v1/jobs", "-d", "{")
    one_line(done, 1, "HTTP 400")
    assert '"errors"' in done.stdout or '"detail"' in done.stdout, \
        "the body is shown too, as curl does"
    one_line(osapi("client", "request", "POST", "/x", "-d", "@/nowhere"), 2,
             "/nowhere")


def test_json_is_the_answer_unchanged(osapi, stack):
    job = osapi.job()
    # what does not change meanwhile
    for words, path in [(f"job get {job} --wait 30s",
                         f"/api/v1/jobs/{job}?wait=30s"),
                        ("job list --status partial_failure",
                         "/api/v1/jobs?status=partial_failure"),
                        ("health", "/health"),
                        ("job list", None),
                        ("job workers list", None)]:
        done = osapi("client", *words.split(), "-j")
        assert done.returncode == 0, done
        json.loads(done.stdout)
        if path:
            reply = stack.client("read").get(path)
            assert done.stdout == reply.body.decode() + "\n", words
    done = osapi("-j", "client", "system", "load", "-T", "nobody")
    one_line(done, 1, "no live worker")
    assert json.loads(done.stdout)["status"] == 404


# ---- changes and jobs ----

def test_a_change_to_many_hosts_needs_yes(osapi, nats):
    jobs = nats.jobs()
    for target in ("_all", "group:web"):
        done = osapi("client", "network", "dns", "update", *UPDATE, "-T",
                     target)
        one_line(done, 2, "this will modify DNS", "--yes")
    assert nats.jobs() == jobs, "nothing was submitted"
    done = osapi("client", "network", "dns", "update", *UPDATE, "-T", "_all",
                 "--yes")
    assert done.returncode == 1 and "nonesuch0" in done.stderr, done


def test_a_job_for_nobody_is_said_at_once(osapi, nats):
    jobs = nats.jobs()
    for target in ("nobody", "group:db"):
        done = osapi("client", "job", "run", "system.os.get", "-T", target)
        one_line(done, 1, f'no live worker matches "{target}"',
                 "nothing was submitted")
    assert nats.jobs() == jobs
    done = osapi("client", "job", "add", "system.os.get", "-T", "nobody")
    assert done.returncode == 0, "it may be left for a host that comes"


def test_job_run_is_silent_while_it_waits(osapi):
    done = osapi("client", "job", "run", "system.hostname.get", "-T", "_all")
    assert done.returncode == 0 and done.stderr == "", done
    assert "alpha" in done.stdout and "beta" in done.stdout, done


def test_job_run_ends_after_its_timeout(osapi, stack):
    stack.workers[1].freeze()
    try:
        done = osapi("client", "job", "run", "system.hostname.get", "-T",
                     "_all", "--timeout", "200ms")
    finally:
        stack.workers[1].signal_group(18)  # SIGCONT
    one_line(done, 1, "is not done yet", "osapi client job get")
    job = re.search(r"job get (\S+)", done.stderr).group(1)
    done = osapi("client", "job", "get", job, "--wait", "30s")
    assert "completed" in done.stdout, done


# ---- TLS ----

@pytest.fixture(name="secure", scope="module")
def fixture_secure(stack):
    return Site(stack, "secure", tls(certificate(stack.directory))).start()


def test_tls(osapi, secure):
    url = f"https://localhost:{secure.port}"
    authority = {"OSAPI_API_CLIENT_TLS_CA":
                 str(osapi.stack.directory / "tls.pem")}
    done = osapi("client", "--url", url, "job", "list", env=authority)
    assert done.returncode == 0, done
    one_line(osapi("client", "--url", url, "job", "list"), 3, "certificate",
             "api.client.tls.ca")
    one_line(osapi("client", "--url", url, "job", "list", env={
        "OSAPI_API_CLIENT_TLS_CA": "/nowhere"}), 3, "api.client.tls.ca")
    one_line(osapi("client", "--url", url.replace("localhost", "127.0.0.2"),
                   "job", "list", env=authority), 3, "for another name",
             "--url")
    one_line(osapi("client", "--url", url.replace("https", "http"), "job",
                   "list"), 1, "it sends us to https://", "--url")
    one_line(osapi("client", "--url",
                   f"https://127.0.0.1:{osapi.stack.port}", "job", "list"),
             3, "TLS")
    done = osapi("client", "--url", url, "request", "GET", "/api/v1/jobs",
                 "-v", env=authority)
    assert done.returncode == 0 and "HTTP/2 200" in done.stderr, done
    assert osapi.token_file.read_text().strip() not in done.stderr, \
        "nor in what libcurl tells of HTTP/2"


# ---- completion and manual pages ----

def rows_of(script, name):
    """A table of the bash completion: {key: [words]}."""
    text = re.search(rf"declare -gA {name}=\(\n(.*?)\n\)", script, re.S)
    return {key: words.split() for key, words in re.findall(
        r"^\t\['(.*?)'\]='(.*?)'$", text.group(1), re.M)}


def flags_of_help(osapi, name):
    """The flags that the help of a command lists."""
    text = osapi(*name.split(), "--help").stdout
    found = set()
    for letter, flag in re.findall(r"^  (?:-(\S),|   ) --([a-z-]+)", text,
                                   re.M):
        found |= {f"--{flag}"} | ({f"-{letter}"} if letter else set())
    return found


def completed(shell, script, line):
    """What bash or zsh would offer behind a line of words."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    if shell == "bash":
        text = (f"source {script}\nCOMP_WORDS=({quoted})\n"
                f"COMP_CWORD={len(words) - 1}\n_osapi\n"
                "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
        argv = ["bash", "--norc", "-c", text]
    else:
        text = ("compdef() { }\nlocal -a offered\n"
                "compadd() { shift; offered+=(\"$@\"); }\n"
                "_describe() { for i in \"${(@P)2}\"; do "
                "offered+=(\"${i%%:*}\"); done; }\n"
                "compset() { }\n_files() { offered+=(FILES); }\n"
                f"source {script}\nwords=({quoted})\nCURRENT={len(words)}\n"
                "_osapi\nprint -l -- $offered\n")
        argv = ["zsh", "-f", "-c", text]
    done = subprocess.run(argv, text=True, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=LIMIT)
    assert done.returncode == 0 and done.stderr == "", done
    last = words[-1]
    return {word for word in done.stdout.split() if word.startswith(last)}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_has_every_command(osapi, stack, shell):
    script = stack.directory / f"completion.{shell}"
    script.write_text(osapi("completion", shell).stdout)
    beginnings = {}
    for name in commands_of_help(osapi):
        words = ["osapi", *name.split()]
        for i in range(1, len(words)):
            beginnings.setdefault(" ".join(words[:i]), set()).add(words[i])
    for line, following in beginnings.items():
        assert following <= completed(shell, script, f"{line} "), line
    assert completed(shell, script, "osapi client sys") == {"system"}
    assert completed(shell, script, "osapi -f x client -T _all job li") == \
        {"list"}
    assert completed(shell, script,
                     "osapi client job list --status pr") == {"processing"}
    assert completed(shell, script, "osapi token generate --role ") == \
        {"read", "write", "admin"}
    assert "system.disk.get" in completed(
        shell, script, "osapi client job run --operation system.d")
    assert completed(shell, script, "osapi client system os -T _al") == \
        {"_all"}


@pytest.mark.parametrize("name", NAMES)
def test_completion_has_every_flag(osapi, name):
    script = osapi("completion", "bash").stdout
    flags = rows_of(script, "_osapi_flags")
    assert set(flags[f"osapi {name}"]) == flags_of_help(osapi, name)


def manual(path):
    """{command: flags} of a page: flags behind an item `Cm words` are that
    command's, those before the first in a subsection all its commands'; those
    before the section COMMANDS are under ""."""
    commands, shared, current = {"": set()}, set(), None
    inside = False
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(".Sh"):
            inside = line == ".Sh COMMANDS"
        if line.startswith(".Ss"):
            shared, current = set(), None
        item = re.match(r"\.It Cm ([a-z ]+?)(?= (?:Ar|Op|Fl|Cm)\b|$)", line)
        if inside and item:
            current = item.group(1)
            commands[current] = set(shared)
        words = re.match(r"\.It Fl (.*)", line)
        if not words:
            continue
        found = {f"-{word}" for word in re.findall(
            r"(?:^| , Fl )(-?[a-zA-Z-]+)", words.group(1))}
        if not inside:
            commands[""] |= found
        elif current:
            commands[current] |= found
        else:
            shared |= found
    return commands


@pytest.mark.parametrize("page, prefix", [("cli/osapi.1", ""),
                                          ("cli/osapi-client.1", "client ")])
def test_manual_pages_have_the_same_commands_and_flags(osapi, page, prefix):
    told = manual(ROOT / page)
    common = told.pop("")
    expected = {name for name in commands_of_help(osapi)
                if name.startswith("client ") == bool(prefix)}
    assert {prefix + name for name in told} == expected
    for name, flags in told.items():
        assert flags | common == flags_of_help(osapi, prefix + name), name
        assert not flags & common, f"{name}: told twice"
