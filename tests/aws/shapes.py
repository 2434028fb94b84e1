# SPDX-License-Identifier: MIT
"""What botocore makes of AWS's own descriptions of the services that speak REST or the Query protocol, as JSON lines:

  {"service", "operation", "input", "request"}   an example of each operation's input and what botocore sends for it
  {"service", "operation", "answer", "value"}    an example of its answer and what botocore reads in it

usage: shapes.py SERVICE[:OPERATION,...]...   without operations: all of them
"""
import base64
import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

ROOTS = {  # what the models do not say
    "DeleteObjects": "DeleteResult",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjectsV2": "ListBucketResult",
}
TIME = datetime(2026, 11, 24, 10, 0, 0, tzinfo=timezone.utc)
ISO = "2026-11-24T10:00:00Z"
HTTP_DATE = "Tue, 24 Nov 2026 10:00:00 GMT"
DEEPEST = 6  # some shapes contain themselves


def example(shape, name, depth=0):
    """A value for each member, as a caller of boto3 gives it."""
    kind = shape.type_name
    if kind == "structure":
        if depth > DEEPEST:
            return {}
        members = shape.members
        if getattr(shape, "is_tagged_union", False):
            members = dict(list(members.items())[:1])
        return {key: example(member, key, depth + 1) for key, member in members.items()}
    if kind == "list":
        return [] if depth > DEEPEST else [example(shape.member, name, depth + 1) for _ in range(2)]
    if kind == "map":
        return {key: example(shape.value, name, depth + 1) for key in ("one", "two")}
    if kind in ("integer", "long"):
        return 7
    if kind in ("float", "double"):
        return 1.5
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return TIME
    if kind == "blob":
        return b"bytes \x01"
    step = "-" if shape.serialization.get("location") == "uri" and name != "Key" else "/"  # one step of a path
    return (shape.enum or [f"{name} a{step}b&=<é>"])[0]


def plain(value, key="", protocol=""):
    """As our clients take and give it."""
    if isinstance(value, dict):
        return {name: plain(item, name, protocol) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item, key, protocol) for item in value]
    if isinstance(value, datetime):
        return value.timestamp() if protocol == "rest-json" else ISO
    if isinstance(value, bytes):  # whole bodies are texts, bytes inside of JSON are base64
        return value.decode("latin-1") if key in ("Body", "Payload") else base64.b64encode(value).decode()
    return value


def request(serializer, operation, value):
    sent = serializer.serialize_to_request(value, operation)
    body = sent["body"]
    if isinstance(body, dict):  # a form
        body = sorted([key, str(item)] for key, item in body.items())
    elif isinstance(body, (bytes, bytearray)):
        body = bytes(body).decode("utf-8", "replace")
    query = sent.get("query_string") or {}
    pairs = []
    for key, item in query.items():
        pairs += [[key, text] for text in (item if isinstance(item, list) else [item])]
    path, _, constants = sent["url_path"].partition("?")
    pairs += [list(pair) for pair in parse_qsl(constants, keep_blank_values=True)]
    return {
        "method": sent["method"],
        "path": path,
        "query": sorted([key, str(text)] for key, text in pairs),
        "headers": {key: str(text) for key, text in sent["headers"].items()},
        "body": body,
    }


def leaf(shape, value):
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return ISO
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return escape(str(value))


def xml(shape, name, value):
    """The element that a service writes for a value."""
    name = shape.serialization.get("name", name)
    kind = shape.type_name
    if kind == "structure":
        inner = "".join(
            xml(shape.members[key], key, item)
            for key, item in value.items()
            if shape.members[key].serialization.get("location") is None
        )
    elif kind == "list":
        each = shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):
            each = shape.member.serialization.get("name", name)
            return "".join(xml(shape.member, each, item) for item in value)
        inner = "".join(xml(shape.member, each, item) for item in value)
    elif kind == "map":
        inner = "".join(
            "<entry>" + xml(shape.key, "key", key) + xml(shape.value, "value", item) + "</entry>" for key, item in value.items()
        )
    else:
        inner = leaf(shape, value)
    return f"<{name}>{inner}</{name}>"


def answer(protocol, operation):
    """Headers and body of a good answer; what is in it."""
    shape = operation.output_shape
    headers = {}
    if shape is None:
        body = f"<{operation.name}Response/>" if protocol == "query" else ""
        return headers, body
    value = example(shape, operation.name)
    payload = shape.serialization.get("payload")
    for key, member in shape.members.items():
        location = member.serialization.get("location")
        name = member.serialization.get("name", key)
        if location == "header":
            headers[name] = {"timestamp": HTTP_DATE, "boolean": "true"}.get(member.type_name, str(value[key]))
        elif location == "headers":
            headers.update({name + entry: text for entry, text in value[key].items()})
    if protocol == "query":
        wrapper = shape.serialization.get("resultWrapper")
        inner = xml(shape, wrapper, value)
        # The wrapper's own name, whatever the shape is called.
        inner = f"<{wrapper}>" + inner[inner.index(">") + 1 : inner.rindex("<")] + f"</{wrapper}>"
        return headers, f"<{operation.name}Response>{inner}<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation.name}Response>"
    if payload:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            text = value[payload]
            return headers, text.decode("latin-1") if isinstance(text, bytes) else text
        return headers, xml(member, payload, value[payload]) if protocol == "rest-xml" else json.dumps(plain(value[payload], "", protocol))
    body = {key: item for key, item in value.items() if shape.members[key].serialization.get("location") is None}
    if not body:
        return headers, ""
    if protocol == "rest-json":
        return headers, json.dumps(plain(body, "", protocol))
    text = xml(shape, ROOTS.get(operation.name, operation.name + "Result"), body)
    return headers, text


def read(parser, protocol, operation, headers, body):
    response = {"status_code": 200, "headers": headers, "body": body.encode("utf-8" if not body.startswith("bytes") else "latin-1")}
    shape = operation.output_shape
    if shape is not None and shape.serialization.get("payload") and shape.members[shape.serialization["payload"]].type_name == "blob":
        value = dict(parser.parse({**response, "body": b""}, shape))
        value[shape.serialization["payload"]] = response["body"]
    else:
        value = dict(parser.parse(response, shape))
    value.pop("ResponseMetadata", None)
    return plain(value, "", protocol)


for argument in sys.argv[1:]:
    service, _, names = argument.partition(":")
    model = botocore.session.get_session().get_service_model(service)
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    protocol = next(one for one in ("query", "rest-xml", "rest-json") if one in protocols)
    serializer = create_serializer(protocol, include_validation=False)
    parser = create_parser(protocol)
    for name in names.split(",") if names else model.operation_names:
        operation = model.operation_model(name)
        shape = operation.input_shape
        value = example(shape, name) if shape is not None else {}
        value.pop("ContextParam", None)
        print(json.dumps({"service": service, "operation": name, "input": plain(value, "", protocol), "request": request(serializer, operation, value)}))
        headers, body = answer(protocol, operation)
        print(json.dumps({"service": service, "operation": name, "headers": headers, "answer": body, "value": read(parser, protocol, operation, headers, body)}))
