"""Checks openapi/osapi.yaml: what OpenAPI 3.1 asks of it, and that its own
examples fit its own schemas.  Prints every fault with its place."""
import re
import sys

import jsonschema
import yaml

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
faults = []


def fault(place, words):
    faults.append(f"{place}: {words}")


def resolve(document, ref, place):
    node = document
    if not ref.startswith("#/"):
        fault(place, f"$ref {ref}: only references into this document")
        return {}
    for part in ref[2:].split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or part not in node:
            fault(place, f"$ref {ref}: points nowhere")
            return {}
        node = node[part]
    return node


def deref(document, node, place):
    while isinstance(node, dict) and "$ref" in node:
        node = resolve(document, node["$ref"], place)
    return node


def walk_refs(document, node, place):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            resolve(document, node["$ref"], place)
        for key, value in node.items():
            walk_refs(document, value, f"{place}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            walk_refs(document, value, f"{place}/{i}")


def check_schema(document, schema, place):
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        fault(place, f"not a JSON Schema: {error.message}")
    validator = jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver("", document))
    examples = list(schema.get("examples", []))
    if "example" in schema:
        examples.append(schema["example"])
    for example in examples:
        check_example(validator, example, place)
    for name, sub in schema.get("properties", {}).items():
        check_schema(document, sub, f"{place}/{name}")
    if isinstance(schema.get("items"), dict):
        check_schema(document, schema["items"], f"{place}/items")


def check_example(validator, example, place):
    for error in validator.iter_errors(example):
        fault(place, f"its example does not fit: {error.message}")


def check_media(document, content, place):
    for media, body in content.items():
        if "schema" not in body:
            fault(f"{place}/{media}", "no schema")
            continue
        check_schema(document, body["schema"], f"{place}/{media}")
        validator = jsonschema.Draft202012Validator(
            body["schema"], resolver=jsonschema.RefResolver("", document))
        if "example" in body:
            check_example(validator, body["example"], f"{place}/{media}")
        for name, example in body.get("examples", {}).items():
            check_example(validator, example.get("value"),
                          f"{place}/{media}/{name}")


def check_parameters(document, path, parameters, place):
    names = set()
    for raw in parameters:
        parameter = deref(document, raw, place)
        where = f"{place} parameter {parameter.get('name')}"
        if parameter.get("in") not in ("path", "query", "header"):
            fault(where, "in: path, query or header")
        if "schema" not in parameter:
            fault(where, "no schema")
        else:
            check_schema(document, parameter["schema"], where)
        if not parameter.get("description"):
            fault(where, "no description")
        if parameter.get("in") == "path":
            names.add(parameter.get("name"))
            if parameter.get("required") is not True:
                fault(where, "a path parameter is required")
    wanted = set(re.findall(r"\{([^}]*)\}", path))
    if names != wanted:
        fault(place, f"path parameters {sorted(names)}, path has "
                     f"{sorted(wanted)}")


def check_operation(document, path, method, item, shared, seen):
    place = f"{method.upper()} {path}"
    identity = item.get("operationId")
    if not identity:
        fault(place, "no operationId")
    elif identity in seen:
        fault(place, f"operationId {identity} is used twice")
    seen.add(identity)
    if not item.get("summary"):
        fault(place, "no summary")
    check_parameters(document, path, shared + item.get("parameters", []), place)
    body = deref(document, item.get("requestBody", {}), place)
    check_media(document, body.get("content", {}), f"{place} body")
    responses = item.get("responses", {})
    if not any(str(code).startswith("2") for code in responses):
        fault(place, "no 2xx answer")
    for code, raw in responses.items():
        if not re.fullmatch(r"[1-5]\d\d|[1-5]XX|default", str(code)):
            fault(place, f"answer {code}: not a status")
        answer = deref(document, raw, f"{place} {code}")
        if not answer.get("description"):
            fault(f"{place} {code}", "no description")
        check_media(document, answer.get("content", {}), f"{place} {code}")
        if str(code)[0] in "45" and \
                "application/problem+json" not in answer.get("content", {}):
            if not path.startswith("/health"):
                fault(f"{place} {code}", "an error without problem+json")


def main(path):
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    if not str(document.get("openapi", "")).startswith("3.1."):
        fault("openapi", "3.1.x wanted")
    for key in ("title", "version"):
        if not document.get("info", {}).get(key):
            fault("info", f"no {key}")
    walk_refs(document, document, "#")
    components = document.get("components", {})
    for name, schema in components.get("schemas", {}).items():
        check_schema(document, schema, f"schema {name}")
    seen = set()
    for route, item in document.get("paths", {}).items():
        shared = item.get("parameters", [])
        for method in METHODS & item.keys():
            check_operation(document, route, method, item[method], shared, seen)
    for line in faults:
        print(f"{path}: {line}")
    return bool(faults)


sys.exit(main(sys.argv[1]))
