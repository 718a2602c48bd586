"""Judges real answers by openapi/osapi.yaml, more strictly than OpenAPI does:
a member or header that is not described is a fault, too."""

import copy
import datetime
import ipaddress
import json
import re
import uuid

import jsonschema

PLAIN = {"server", "date", "connection", "content-type", "content-length",
         "content-encoding", "cache-control", "vary", "x-content-type-options",
         "transfer-encoding", "allow"}
CHECKER = jsonschema.FormatChecker(formats=())


@CHECKER.checks("uuid", raises=ValueError)
def is_uuid(text):
    return str(uuid.UUID(text)) == text


@CHECKER.checks("date-time", raises=ValueError)
def is_time(text):
    datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return re.fullmatch(r".*\.\d{3}Z", text) is not None


@CHECKER.checks("ip", raises=ValueError)
def is_ip(text):
    return ipaddress.ip_address(text) is not None


def strict(schema):
    """The schema, without room for members that it does not name."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


class Description:
    """The document, and which of its answers were seen."""

    def __init__(self, document):
        self.document = document
        self.strict = copy.deepcopy(document)
        self.strict["components"]["schemas"] = strict(
            document["components"]["schemas"])
        self.seen = set()

    def deref(self, node):
        while "$ref" in node:
            found = self.strict
            for part in node["$ref"][2:].split("/"):
                found = found[part]
            node = found
        return node

    def operations(self):
        """(method, path template, operation) of each."""
        for path, item in self.strict["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    yield method.upper(), path, operation

    def find(self, method, path):
        """The template and operation of a request; None: not described."""
        template = self.template(path)
        return template, self.strict["paths"].get(template, {}).get(
            method.lower())

    def template(self, path):
        """The path of the document that this is; a literal one goes first."""
        path = path.partition("?")[0]
        found = [template for template in self.strict["paths"] if
                 re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)]
        return min(found, key=lambda template: template.count("{"),
                   default=None)

    def methods(self, path):
        """What Allow says of a path."""
        have = {method.upper() for method in
                self.strict["paths"][self.template(path)]} - {"PARAMETERS"}
        return have | {"OPTIONS"} | ({"HEAD"} if "GET" in have else set())

    def described(self):
        """Every (method, template, status) that the document names."""
        return {(method, path, status)
                for method, path, operation in self.operations()
                for status in operation["responses"] if status != "default"}

    def validate(self, schema, value):
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=CHECKER,
            resolver=jsonschema.RefResolver("", self.strict))
        faults = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in validator.iter_errors(value)]
        assert not faults, f"{faults} in {json.dumps(value)[:3000]}"

    def judge(self, method, path, reply):
        """AssertionError where the answer is not one of those described."""
        what = f"{method} {path}: {reply.status}"
        template, operation = self.find(method, path)
        status = str(reply.status)
        if operation is None:
            response = self.strict["components"]["responses"]["Problem"]
        else:
            assert status in operation["responses"] or \
                reply.status in (405, 502), f"{what} is not described: {reply}"
            response = self.deref(operation["responses"].get(
                status, operation["responses"]["default"]))
            self.seen.add((method, template, status))
        self.judge_headers(what, response, reply)
        content = response.get("content")
        if content is None:
            assert reply.body == b"", what
            assert "Content-Type" not in reply.headers, what
            return reply
        kind = reply.headers["Content-Type"]
        text = reply.body.decode("utf-8")
        is_text = kind.startswith(("text/plain;",
                                   "application/openmetrics-text;"))
        if is_text:
            kind, _, parameters = kind.partition("; ")
            assert "charset=utf-8" in parameters, what
        assert kind in content, f"{what}: {kind} is not in {list(content)}"
        value = text if is_text else json.loads(text)
        self.validate(content[kind]["schema"], value)
        if kind == "application/problem+json":
            assert value["status"] == reply.status, what
            assert value["detail"] == value["error"], what
            assert value["request_id"] == reply.headers["X-Request-Id"], what
        return reply

    def judge_headers(self, what, response, reply):
        described = {name.lower(): self.deref(header) for name, header in
                     response.get("headers", {}).items()}
        assert "x-request-id" in described, what
        for name in reply.headers:
            assert name.lower() in described or name.lower() in PLAIN, \
                f"{what}: the header {name} is not described"
            assert len(reply.headers.get_all(name)) == 1 or name == "Vary", \
                f"{what}: {name} comes twice"
        for name, header in described.items():
            assert name in reply.headers, f"{what}: {name} is missing"
            value = reply.headers[name]
            assert value, f"{what}: {name} is empty"
            if header["schema"]["type"] == "integer":
                assert re.fullmatch(r"\d+", value), f"{what}: {name}: {value}"
        assert reply.headers["Cache-Control"] == "no-store", what
        assert ("Allow" in reply.headers) == (reply.status == 405), what
        if reply.headers["Transfer-Encoding"] == "chunked":
            assert "Content-Length" not in reply.headers, what
        elif reply.status != 204:
            assert int(reply.headers["Content-Length"]) == len(reply.body), \
                what
