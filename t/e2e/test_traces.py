"""One trace from a client through every process to a provider and back."""

import json
import re
import signal

import pytest

from collector import Collector, settings, spans_of
from job_client import JOBS, finished, submit
from stack import Stack, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
COLLECTOR = Collector()
STACK = {"env": settings(COLLECTOR.url),
         "workers": [{"hostname": "w-0"}, {"hostname": "w-1"}]}


@pytest.fixture(scope="module", name="collector")
def fixture_collector():
    yield COLLECTOR
    COLLECTOR.close()


@pytest.fixture(autouse=True, scope="module")
def fixture_order(collector, stack):
    """The stack ends before the collector does."""


def parent(number, sampled=True):
    """A traceparent of a client, and its trace id."""
    trace_id = TRACE[:-4] + f"{number:04x}"
    return f"00-{trace_id}-{SPAN}-{int(sampled):02x}", trace_id


def one(spans, **wanted):
    """The one span with these members."""
    found = [span for span in spans if all(
        getattr(span, name) == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, spans)
    return found[0]


def inside(span, outer):
    """Times are of one machine: a part lies within the whole."""
    assert outer.start <= span.start, (outer, span)
    assert span.end <= outer.end, (outer, span)


def test_from_the_command_line_to_the_provider(stack, collector):
    """A script's trace goes on through one command and all behind it."""
    traceparent, trace_id = parent(1)
    environ = {"TRACEPARENT": traceparent, "TRACESTATE": "shop=1",
               "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN": stack.token("write")}
    done = stack.osapi("client", "network", "dns", "get", "lo", "-T", "w-0",
                       **environ)
    assert "w-0" in done.stdout and done.stderr == ""
    spans = collector.wait(trace_id, 7)
    assert len(spans) == 7, spans
    command = one(spans, service="osapi", kind="internal")
    assert command.name == "osapi client" and command.parent == SPAN
    client = one(spans, kind="client")
    assert client.service == "osapi" and client.parent == command.id
    assert client.name == "GET"
    assert client.attributes["http.response.status_code"] == 200
    assert client.attributes["server.address"] == "127.0.0.1"
    assert client.attributes["server.port"] == stack.port
    assert client.attributes["url.full"] == \
        f"http://127.0.0.1:{stack.port}/api/v1/network/dns/lo"
    server = one(spans, kind="server")
    assert server.service == "osapi-fcgi" and server.parent == client.id
    assert server.name == "GET /api/v1/network/dns/{interface_name}"
    expected = {
        "http.request.method": "GET", "http.response.status_code": 200,
        "http.route": "/api/v1/network/dns/{interface_name}",
        "url.path": "/api/v1/network/dns/lo", "url.scheme": "http",
        "server.address": "127.0.0.1", "server.port": stack.port,
        "network.protocol.version": "1.1", "client.address": "127.0.0.1",
        "enduser.id": "tester"}
    assert expected.items() <= server.attributes.items()
    assert server.attributes["user_agent.original"].startswith("osapi/")
    job_id = server.attributes["osapi.job.id"]
    publish = one(spans, kind="producer")
    assert publish.service == "osapi-fcgi" and publish.parent == server.id
    assert publish.name == "publish jobs.live.query"
    message = {"messaging.system": "nats",
               "messaging.destination.name": "jobs.live.query.host.w-0",
               "osapi.job.id": job_id,
               "osapi.operation": "network.dns.get"}
    assert message.items() <= publish.attributes.items()
    assert publish.attributes["messaging.operation"] == "publish"
    process = one(spans, kind="consumer")
    assert process.service == "osapi-worker" and process.parent == publish.id
    assert process.name == "process jobs.live.query"
    assert message.items() <= process.attributes.items()
    assert process.attributes["messaging.operation"] == "process"
    provider = one(spans, service="osapi-worker", kind="internal")
    assert provider.parent == process.id
    assert provider.name == "network.dns.get"
    assert provider.attributes["osapi.provider"] in ("resolved",
                                                     "resolv.conf")
    wait = one(spans, service="osapi-fcgi", kind="internal")
    assert wait.parent == server.id and wait.name == "wait for job"
    assert wait.attributes["osapi.wake"] == "complete"
    for part, whole in ((client, command), (server, client), (publish, server),
                        (wait, server), (provider, process)):
        inside(part, whole)
    assert publish.start <= process.start <= provider.start
    assert provider.end <= wait.end
    assert not [span for span in spans if span.failed]
    assert {span.state for span in spans} == {"shop=1"}
    assert process.resource["host.name"] == "w-0"
    for span in spans:
        assert span.resource["service.version"]
        assert span.resource["service.instance.id"]


def test_a_job_that_nobody_waits_for(stack, collector):
    """All of `job run`'s requests, and what two workers made of it."""
    done = stack.osapi(
        "-j", "client", "job", "run", "--operation", "system.load.get", "-T",
        "_all", OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN=stack.token("write"))
    job = json.loads(done.stdout)
    assert sorted(job["responses"]) == ["w-0", "w-1"], job
    [created] = told_in_log(stack, "job created", job["id"])
    trace_id = created["trace_id"]
    def roots(spans):
        known = {span.id for span in spans}
        return [span.name for span in spans if span.parent not in known]
    def whole():
        """Each process sends its own when it likes."""
        spans = collector.trace(trace_id)
        return sum(span.kind == "consumer" for span in spans) >= 2 and \
            roots(spans) == ["osapi client"] and spans
    spans = wait_until("all spans from the command's own on", whole)
    assert len({s.id for s in spans}) == len(spans)
    publish = one(spans, kind="producer")
    assert publish.name == "publish jobs.query"
    assert one(spans, id=publish.parent).name == "POST /api/v1/jobs"
    consumers = [span for span in spans if span.kind == "consumer"]
    assert {span.parent for span in consumers} == {publish.id}
    assert {span.resource["host.name"] for span in consumers} == \
        {"w-0", "w-1"}
    servers = [span for span in spans if span.kind == "server"]
    assert {one(spans, id=span.parent).kind for span in servers} == {"client"}


def told_in_log(stack, message, job_id):
    lines = stack.whole_lines("fcgi")
    return [event for event in map(json.loads, lines)
            if event["msg"] == message and event.get("job_id") == job_id]


def test_failures_are_told(collector, writer):
    traceparent, trace_id = parent(2)
    reply = writer.get("/api/v1/network/dns/none0?target_hostname=w-1",
                       headers={"traceparent": traceparent})
    assert reply.status == 500, reply
    spans = collector.wait(trace_id, 5)
    server = one(spans, kind="server")
    assert server.failed and server.attributes["error.type"] == "500"
    assert server.parent == SPAN
    process = one(spans, kind="consumer")
    assert process.failed and "none0" in process.message
    provider = one(spans, service="osapi-worker", kind="internal")
    assert provider.failed and provider.attributes["error.type"]
    assert not one(spans, kind="producer").failed
    traceparent, trace_id = parent(3)
    writer.get("/api/v1/nowhere", headers={"traceparent": traceparent})
    [server] = collector.wait(trace_id, 1)
    assert server.name == "GET" and "http.route" not in server.attributes
    assert server.attributes["http.response.status_code"] == 404
    assert not server.failed


@pytest.mark.parametrize("number,header", enumerate([
    parent(16, sampled=False)[0], parent(17, sampled=False)[0][:-2] + "fe"]))
def test_what_is_not_sampled_leaves_no_span(collector, writer, reader, number,
                                            header):
    """The context goes on all the same: it is in every line of the log."""
    trace_id = header.split("-")[1]
    job_id = submit(writer, target="w-0", headers={"traceparent": header})
    finished(reader, job_id)
    later, later_id = parent(32 + number)
    job_id = submit(writer, target="w-0", headers={"traceparent": later})
    finished(reader, job_id)
    # what came later has arrived from both, so the former would have
    collector.wait(later_id, 4)
    assert collector.trace(trace_id) == []


def test_trace_ids_are_in_every_line(stack, writer, reader, collector):
    header, trace_id = parent(48, sampled=False)
    job_id = submit(writer, target="w-1", headers={"traceparent": header})
    finished(reader, job_id)
    wait_until("the worker has told", lambda: "job answered" in " ".join(
        line for line in stack.whole_lines("worker-1") if job_id in line))
    for name in ("fcgi", "worker-1"):
        lines = [json.loads(line) for line in
                 stack.whole_lines(name)
                 if job_id in line]
        about = [event for event in lines if event["msg"].startswith("job ")]
        assert about and {event["trace_id"] for event in about} == {trace_id}
    access = stack.whole_lines("osapi.access")
    assert [line for line in access
            if json.loads(line)["traceparent"] == header]


@pytest.mark.parametrize("number,header", enumerate([
    "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01",
    f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more"]))
def test_a_broken_header_begins_a_new_trace(stack, collector, reader, number,
                                            header):
    name = f"broken-{number}"
    reply = reader.get(JOBS, headers={"traceparent": header,
                                      "X-Request-Id": name})
    assert reply.status == 200
    def told_line():
        return [json.loads(line) for line in
                stack.whole_lines("fcgi")
                if f'"{name}"' in line]
    [line] = wait_until("its line", told_line)
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert line["trace_id"] != TRACE
    [server] = collector.wait(line["trace_id"], 1)
    assert server.parent is None
    assert server.attributes["osapi.request.id"] == name


def test_hostile_text_stays_text(collector, reader):
    """In all places that end up in a span; the collector checks its form."""
    traceparent, trace_id = parent(64)
    word = "\x1b\"}\\],\xff{" + "x" * 2000
    reader.get("/api/v1/%22%7D\"}\\" + "%ff" * 1000, headers={
        "traceparent": traceparent, "User-Agent": word, "tracestate":
        "a=\"\\}," + ",".join(f"k{n}={'v' * 200}" for n in range(20))})
    [server] = collector.wait(trace_id, 1)
    assert server.attributes["user_agent.original"].startswith("\x1b\"}\\],")
    assert len(server.attributes["user_agent.original"]) <= 256
    assert server.attributes["url.path"].startswith("/api/v1/%22%7D\"}\\%ff")
    assert server.state == "a=\"\\}"


def test_probes_leave_no_trace_of_their_own(stack, collector):
    client = stack.client()
    client.get("/health", headers={"X-Request-Id": "probe-1"})
    traceparent, trace_id = parent(65)
    client.get("/health", headers={"traceparent": traceparent})
    [asked] = collector.wait(trace_id, 1)
    assert asked.name == "GET /health"
    assert not [span for span in collector.spans if
                span.attributes.get("osapi.request.id") == "probe-1"]


def test_a_stop_hands_the_last_spans_on(collector):
    own = Stack(workers=[{"hostname": "w-9"}], processes=1,
                env=settings(collector.url)).start()
    try:
        traceparent, trace_id = parent(80)
        submit(own.client("write"), target="w-9",
               headers={"traceparent": traceparent})
        told_job = wait_until("the worker has told", lambda: "job answered" in
                              (own.logs / "worker-0.log").read_text())
        assert told_job
        for process in (own.workers[0], own.fcgi):
            assert process.stop(signal.SIGTERM) == 0
        spans = collector.wait(trace_id, 4)
        assert sorted(span.kind for span in spans) == \
            ["consumer", "internal", "producer", "server"], spans
    finally:
        own.close()


def test_a_line_a_span_on_stdout():
    own = Stack(workers=[{"hostname": "w-0"}], processes=2,
                env={"OSAPI_TELEMETRY_TRACING_ENABLED": "true"}).start()
    try:
        traceparent, trace_id = parent(81)
        submit(own.client("write"), target="w-0",
               headers={"traceparent": traceparent})
        def spans():
            found = []
            for name in ("fcgi", "worker-0"):
                for line in own.whole_lines(name):
                    event = json.loads(line)
                    if "resourceSpans" in event:
                        found += spans_of(event)
            return [s for s in found if s.trace == trace_id][3:] and found
        wait_until("four spans", spans)
        done = own.osapi("-j", "client", "job", "list",
                         OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN=own.token(
                             "read"))
        assert json.loads(done.stdout)["total_items"] == 1
        command = [span for line in done.stderr.splitlines()
                   for span in spans_of(json.loads(line))]
        assert [span.kind for span in command] == ["client", "internal"]
    finally:
        own.close()


def figure(reader, name):
    """A metric of the pool without labels."""
    reply = reader.get("/metrics")
    assert reply.status == 200, reply
    [line] = [line for line in reply.body.decode().splitlines()
              if line.startswith(name + " ")]
    return float(line.split()[1])


def warnings(stack, text):
    """How often each program's log has that message."""
    return {name: sum(json.loads(line)["msg"] == text for line in
                      stack.whole_lines(name))
            for name in ("fcgi", "worker-0")}


def test_a_slow_collector_slows_nobody(collector, reader, writer):
    """Every request is answered while an exporter waits for its answer."""
    collector.hold.clear()
    try:
        traceparent, trace_id = parent(96)
        submit(writer, target="w-0", headers={"traceparent": traceparent})
        wait_until("exporters wait", lambda: collector.held >= 2)
        ids = [submit(writer, target="w-0") for _ in range(50)]
        for job_id in ids:
            assert finished(reader, job_id)["status"] == "completed"
        assert collector.held >= 2
        assert collector.trace(trace_id) == []
    finally:
        collector.hold.set()
    collector.wait(trace_id, 4)


def test_what_is_refused_is_counted_and_told_once(stack, collector, reader,
                                                  writer):
    lost, sent = "osapi_spans_dropped_total", "osapi_spans_exported_total"
    before, told = figure(reader, lost), "spans cannot be exported"
    assert figure(reader, sent) > 0
    collector.status = 400
    for turn in (1, 2):
        traceparent, trace_id = parent(112 + turn)
        # one process may take them all
        while figure(reader, lost) < before + turn:
            submit(writer, target="w-0", headers={"traceparent": traceparent})
            reader.get(JOBS)
        assert collector.trace(trace_id) == []
    assert warnings(stack, told)["fcgi"] in (1, 2)
    assert wait_until("the worker's too",
                      lambda: warnings(stack, told)["worker-0"]) == 1
    collector.status = 200
    traceparent, trace_id = parent(120)
    finished(reader, submit(writer, target="w-0",
                            headers={"traceparent": traceparent}))
    collector.wait(trace_id, 4)
    wait_until("told that it is over", lambda: warnings(
        stack, "spans are exported again")["worker-0"] == 1)


def test_a_collector_that_is_away_for_a_while(stack, collector, reader,
                                              writer):
    """Nothing but a line of log; what it missed is sent when it is back."""
    collector.close()
    told = "spans cannot be exported, trying again"
    before = warnings(stack, told)
    traceparent, trace_id = parent(128)
    job_id = submit(writer, target="w-0", headers={"traceparent": traceparent})
    assert finished(reader, job_id)["status"] == "completed"
    done = stack.osapi("client", "job", "get", job_id,
                       OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN=stack.token(
                           "read"))
    assert job_id in done.stdout and done.stderr.count("\n") <= 2
    wait_until("the worker tells", lambda: warnings(stack, told)["worker-0"] ==
               before["worker-0"] + 1)
    back = Collector(collector.port)
    try:
        assert len(back.wait(trace_id, 4)) == 4
        assert warnings(stack, told)["worker-0"] == before["worker-0"] + 1
    finally:
        back.close()
