"""The curl sessions of the README, run again: what is shown there is true."""

import json
import re
import subprocess

import pytest

from front import Site
from stack import LIMIT, ROOT

ORIGIN = "https://app.example"
VARY = {"date", "x-request-id", "location", "content-length"}


def sessions():
    """Command and shown lines of each console block with a curl -v in it."""
    text = (ROOT / "README.md").read_text()
    found = []
    for block in re.findall(r"```console\n(\$ curl -v .*?)```", text,
                            re.DOTALL):
        one_line = re.sub(r"\\\n\s*", "", block[2:])
        command, _, shown = one_line.partition("\n")
        found.append((command, shown))
    return found


def headers(lines):
    return {line.partition(":")[0].lower() for line in lines}


def shape(value):
    """What does not change from run to run: names, statuses, texts."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()
                if key not in ("job_id", "request_id", "timestamp", "revision",
                               "hostname")} | {"names": sorted(value)}
    return [shape(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module", name="site")
def fixture_site(stack):
    return Site(stack, "readme", {
        "OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS": ORIGIN}).start()


def test_there_are_sessions():
    assert len(sessions()) >= 5


@pytest.mark.parametrize("number", range(len(sessions())))
def test_a_session_is_true(stack, site, writer, number):
    command, shown = sessions()[number]
    # only the preflight is one of a site with CORS
    port = site.port if ORIGIN in command else stack.port
    command = command.replace("http://127.0.0.1:8080",
                              f"http://127.0.0.1:{port}")
    done = subprocess.run(
        ["bash", "-c", command.replace("curl -v", "curl -sv")],
        env={"PATH": "/usr/bin:/bin", "TOKEN": writer.token},
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=LIMIT, check=False)
    assert done.returncode == 0, done
    got = [line[2:].rstrip() for line in done.stderr.splitlines()
           if line.startswith("< ") and len(line) > 2]
    wanted = [line[2:].rstrip() for line in shown.splitlines()
              if line.startswith("< ") and len(line) > 2]
    assert got[0] == wanted[0], done.stdout
    assert headers(got[1:]) == headers(wanted[1:])
    for line in wanted[1:]:
        if line.partition(":")[0].lower() not in VARY:
            assert line in got
    body = [line for line in shown.splitlines() if line.startswith("{")]
    if body:
        assert shape(json.loads(done.stdout)) == shape(json.loads(body[0]))
    else:
        assert done.stdout == ""
