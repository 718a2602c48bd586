"""A collector of spans: OTLP/HTTP with JSON, as an OpenTelemetry collector
takes it, which Debian 12 has no package of.

It refuses what the protocol does not allow, so that a test that sees its spans
knows that they were well-formed.
"""

import http.server
import json
import re
import socket
import threading

from stack import free_port, wait_until

ID = {"traceId": re.compile(r"(?!0{32})[0-9a-f]{32}"),
      "spanId": re.compile(r"(?!0{16})[0-9a-f]{16}"),
      "parentSpanId": re.compile(r"(?!0{16})[0-9a-f]{16}")}
NUMBER = re.compile(r"\d{1,20}")
SPAN = {"traceId", "spanId", "parentSpanId", "traceState", "flags", "name",
        "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
        "droppedAttributesCount", "status"}
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer",
         5: "consumer"}


def attributes(pairs):
    """A list of KeyValue as a dict; each value must have one form."""
    found = {}
    for pair in pairs:
        assert set(pair) == {"key", "value"}, pair
        [(form, value)] = pair["value"].items()
        if form == "intValue":
            assert isinstance(value, str) and NUMBER.fullmatch(value), pair
            value = int(value)
        else:
            assert form == "stringValue" and isinstance(value, str), pair
        assert pair["key"] not in found, pair
        found[pair["key"]] = value
    return found


class Span:
    """One span, checked."""

    def __init__(self, span, resource):
        assert set(span) <= SPAN, set(span) - SPAN
        for name, form in ID.items():
            if name in span or name != "parentSpanId":
                assert form.fullmatch(span[name]), span
        self.trace, self.id = span["traceId"], span["spanId"]
        self.parent = span.get("parentSpanId")
        self.state = span.get("traceState", "")
        self.name, self.kind = span["name"], KINDS[span["kind"]]
        assert self.name
        for name in ("startTimeUnixNano", "endTimeUnixNano"):
            assert isinstance(span[name], str) and \
                NUMBER.fullmatch(span[name]), span
        self.start = int(span["startTimeUnixNano"])
        self.end = int(span["endTimeUnixNano"])
        assert 10 ** 18 < self.start <= self.end, span
        assert span["flags"] & 1, "an unsampled span was exported"
        self.attributes = attributes(span["attributes"])
        status = span.get("status", {})
        assert status.get("code", 0) in (0, 2), span
        self.failed = status.get("code") == 2
        self.message = status.get("message", "")
        self.resource = resource
        self.service = resource["service.name"]

    def __repr__(self):
        return (f"<{self.service} {self.kind} {self.name!r} {self.id} of "
                f"{self.parent} {self.attributes}>")


def spans_of(request):
    """The spans of an ExportTraceServiceRequest."""
    found = []
    assert set(request) == {"resourceSpans"}, set(request)
    for one in request["resourceSpans"]:
        assert set(one) == {"resource", "scopeSpans"}, set(one)
        resource = attributes(one["resource"]["attributes"])
        for scope in one["scopeSpans"]:
            assert scope["scope"]["name"]
            found += [Span(span, resource) for span in scope["spans"]]
    return found


class Collector:
    """Listens from its making on; `status` is what it answers, `body` with
    what, and while `hold` is not set it keeps its clients waiting."""

    def __init__(self, port=None):
        self.status, self.body = 200, b"{}"
        self.hold = threading.Event()
        self.hold.set()
        self.spans, self.errors, self.held = [], [], 0
        self.connections = []
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection of an exporter."""
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with collector.lock:
                    collector.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.wait_hold()
                collector.take(self.path, self.headers, body)
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(collector.body)))
                self.end_headers()
                self.wfile.write(collector.body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            """Whose clients may leave early."""
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.port = port or free_port()  # held when it listens no more, too
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)
        self.thread.start()

    def wait_hold(self):
        """`held` is how many exporters wait here."""
        with self.lock:
            self.held += 1
        self.hold.wait(60)
        with self.lock:
            self.held -= 1

    def take(self, path, headers, body):
        """Checks a request; its spans count when it is answered with 200."""
        try:
            assert path == "/v1/traces", path
            assert headers["Content-Type"] == "application/json"
            found = spans_of(json.loads(body))
            assert found, "no span"
        except (AssertionError, KeyError, ValueError, TypeError) as error:
            with self.lock:
                self.errors.append(f"{error!r}: {body[:2000]!r}")
            return
        with self.lock:
            if self.status == 200:
                self.spans += found

    def trace(self, trace_id):
        """What has come of one trace so far."""
        with self.lock:
            assert not self.errors, self.errors[0]
            return [span for span in self.spans if span.trace == trace_id]

    def wait(self, trace_id, count):
        """The spans of a trace when there are so many."""
        def there():
            found = self.trace(trace_id)
            return found if len(found) >= count else None
        try:
            return wait_until(f"{count} spans of {trace_id}", there)
        except Exception as error:
            raise AssertionError(f"{error}: {self.trace(trace_id)}") from error

    def close(self):
        """Listens no more; may be called again."""
        self.hold.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended


def settings(url):
    """What turns tracing to a collector on."""
    return {"OSAPI_TELEMETRY_TRACING_ENABLED": "true",
            "OSAPI_TELEMETRY_TRACING_EXPORTER": "otlp",
            "OSAPI_TELEMETRY_TRACING_OTLP_ENDPOINT": url}
