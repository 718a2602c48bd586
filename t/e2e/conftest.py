"""Fixtures of the end-to-end tests.

A module that uses `stack` has one stack for all its tests; the module's dict
STACK holds the arguments that it is made with.
"""

import json
import os

import pytest

from installed import Installed
from nats_client import Nats
from stack import Stack

CURRENT = pytest.StashKey()


@pytest.fixture(scope="module")
def stack(request):
    """The module's own stack, ready: of what was built, or of what is
    installed on a machine that is there for that."""
    kind = Installed if "OSAPI_TEST_INSTALLED" in os.environ else Stack
    made = kind(**getattr(request.module, "STACK", {})).start()
    request.node.stash[CURRENT] = made
    yield made
    made.close()


@pytest.fixture(scope="module")
def reader(stack):
    return stack.client("read")


@pytest.fixture(scope="module")
def writer(stack):
    return stack.client("write")


@pytest.fixture
def nats(stack):
    """A connection to the stack's broker with all that the API may do."""
    with Nats(stack) as client:
        yield client


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the ends of the stack's logs to a failed test."""
    outcome = yield
    report = outcome.get_result()
    module = item.getparent(pytest.Module)
    made = module and module.stash.get(CURRENT, None)
    if report.failed and made:
        report.sections.append(("logs of the stack", made.tails()))


@pytest.fixture(scope="session")
def problem():
    """Checks that a reply is an error in the one shape that errors have."""
    def check(reply, status, *words):
        assert reply.status == status, reply
        kind = reply.headers["Content-Type"].partition(";")[0]
        assert kind == "application/problem+json", reply
        body = json.loads(reply.body)
        for member in ("type", "title", "status", "detail", "error",
                       "request_id"):
            assert member in body, f"{member} is missing in {body}"
        assert body["status"] == status
        assert body["error"] == body["detail"]
        assert body["request_id"]
        assert body["request_id"] == reply.headers["X-Request-Id"]
        text = json.dumps(body).lower()
        for word in words:
            assert word.lower() in text, f"{word!r} is not said in {body}"
        return body
    return check
