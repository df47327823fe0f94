"""aws_shapes.py -- is an answer what botocore's own model of the service says? One generic check for every service.

    check("s3", "ListObjectsV2", status, headers, body)

Walks the operation's output shape over the raw answer: every member must be known, of its type (numbers, timestamps,
booleans, enumerations, blobs, lists, maps, structures), and required members must be there. Error answers must carry a
code and a message where that service's clients look for them. Raises AssertionError with the place.
"""
import base64
import datetime
import email.utils
import functools
import json
import re
import xml.etree.ElementTree as ElementTree

import botocore.loaders
import botocore.model


@functools.lru_cache(maxsize=None)
def model(service):
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def fail(place, why):
    raise AssertionError(f"{place}: {why}")


# ---- scalars, as text (XML, headers) or as JSON values

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$")


def timestamp(value, style, place):
    if style == "unixTimestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fail(place, f"expected epoch seconds, found {value!r}")
        if not 946684800 < value < 4102444800:
            fail(place, f"{value!r} is not in this century: seconds are expected")
    elif style == "rfc822":
        if not isinstance(value, str) or email.utils.parsedate_to_datetime(value) is None or not value.endswith("GMT"):
            fail(place, f"expected an HTTP date, found {value!r}")
    elif not isinstance(value, str) or not ISO.match(value):
        fail(place, f"expected an ISO 8601 time, found {value!r}")
    elif value.endswith("Z"):
        datetime.datetime.fromisoformat(value[:-1])


def scalar_text(shape, text, place, time_style):
    kind = shape.type_name
    if kind in ("integer", "long"):
        if not re.match(r"-?\d+$", text):
            fail(place, f"expected an integer, found {text!r}")
    elif kind in ("float", "double"):
        float(text)
    elif kind == "boolean":
        if text not in ("true", "false"):
            fail(place, f"expected true or false, found {text!r}")
    elif kind == "timestamp":
        timestamp(text, shape.serialization.get("timestampFormat", time_style), place)
    elif kind == "blob":
        base64.b64decode(text, validate=True)
    elif kind == "string":
        if shape.enum and text not in shape.enum:
            fail(place, f"{text!r} is not one of {shape.enum}")
    else:
        fail(place, f"a {kind} as text")


def scalar_json(shape, value, place, time_style):
    kind = shape.type_name
    if kind == "timestamp":
        timestamp(value, shape.serialization.get("timestampFormat", time_style), place)
    elif kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            fail(place, f"expected an integer, found {value!r}")
    elif kind in ("float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fail(place, f"expected a number, found {value!r}")
    elif kind == "boolean":
        if not isinstance(value, bool):
            fail(place, f"expected true or false, found {value!r}")
    elif not isinstance(value, str):
        fail(place, f"expected text, found {value!r}")
    else:
        scalar_text(shape, value, place, time_style)


# ---- JSON

def walk_json(shape, value, place, time_style="unixTimestamp"):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            fail(place, f"expected an object, found {value!r}")
        names = {m.serialization.get("name", n): (n, m) for n, m in shape.members.items()}
        for name, item in value.items():
            if name not in names:
                fail(place, f"the model has no member {name!r}")
            if item is None:
                fail(f"{place}.{name}", "null: absent members are left out")
            walk_json(names[name][1], item, f"{place}.{name}", time_style)
        for wire, (name, _) in names.items():
            if name in shape.required_members and wire not in value:
                fail(place, f"the required member {name!r} is missing")
    elif kind == "list":
        if not isinstance(value, list):
            fail(place, f"expected an array, found {value!r}")
        for i, item in enumerate(value):
            walk_json(shape.member, item, f"{place}[{i}]", time_style)
    elif kind == "map":
        if not isinstance(value, dict):
            fail(place, f"expected an object, found {value!r}")
        for key, item in value.items():
            walk_json(shape.value, item, f"{place}[{key!r}]", time_style)
    else:
        scalar_json(shape, value, place, time_style)


# ---- XML

def local(tag):
    return tag.rsplit("}", 1)[-1]


def walk_xml(shape, node, place, query):
    kind = shape.type_name
    if kind == "structure":
        walk_xml_structure(shape, node, place, query)
    elif kind == "list":
        want = shape.member.serialization.get("name", "member")
        for i, item in enumerate(node):
            if local(item.tag) != want:
                fail(place, f"expected <{want}>, found <{local(item.tag)}>")
            walk_xml(shape.member, item, f"{place}[{i}]", query)
    elif kind == "map":
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        for i, item in enumerate(node):
            if [local(x.tag) for x in item] != [key, value]:
                fail(f"{place}[{i}]", f"expected <{key}> and <{value}>")
            walk_xml(shape.value, item[1], f"{place}[{i}]", query)
    else:
        if len(node):
            fail(place, "expected text, found elements")
        scalar_text(shape, node.text or "", place, "iso8601")


def walk_xml_structure(shape, node, place, query, body_only=False):
    names = {}
    for name, member in shape.members.items():
        if body_only and member.serialization.get("location"):
            continue
        flat = member.type_name == "list" and member.serialization.get("flattened")
        wire = member.serialization.get("name", name)
        if flat:
            wire = member.member.serialization.get("name", wire)
            wire = member.serialization.get("name", wire)
        names[wire] = (name, member, flat)
    seen = set()
    for child in node:
        tag = local(child.tag)
        if tag not in names:
            fail(place, f"the model has no element <{tag}>")
        name, member, flat = names[tag]
        if tag in seen and not flat:
            fail(place, f"<{tag}> is there twice")
        seen.add(tag)
        walk_xml(member.member if flat else member, child, f"{place}.{name}", query)
    for wire, (name, _, flat) in names.items():
        if name in shape.required_members and wire not in seen and not flat:
            fail(place, f"the required member {name!r} is missing")


# ---- whole answers

def check_headers(shape, headers, place):
    lower = {k.lower(): v for k, v in headers.items()}
    for name, member in shape.members.items():
        if member.serialization.get("location") != "header":
            continue
        value = lower.get(member.serialization.get("name", name).lower())
        if value is None:
            if name in shape.required_members:
                fail(place, f"the required header {name!r} is missing")
            continue
        scalar_text(member, value, f"{place}.{name}", "rfc822")


def check_xml_root(operation, shape, root, place):
    protocol = operation.service_model.metadata["protocol"]
    if protocol == "query":
        if local(root.tag) != operation.name + "Response":
            fail(place, f"the root is <{local(root.tag)}>")
        parts = {local(x.tag): x for x in root}
        if "ResponseMetadata" not in parts or parts["ResponseMetadata"][0].text is None:
            fail(place, "no request id in ResponseMetadata")
        if shape is not None and shape.members:
            wrapper = shape.serialization.get("resultWrapper", operation.name + "Result")
            if wrapper not in parts:
                fail(place, f"no <{wrapper}>")
            walk_xml_structure(shape, parts[wrapper], place, True)
        return
    if "payload" in shape.serialization:
        member = shape.members[shape.serialization["payload"]]
        walk_xml(member, root, place, False)
    elif operation.name == "GetBucketLocation":  # its one member is the root itself
        scalar_text(shape.members["LocationConstraint"], root.text or "us-west-1", place, "iso8601")
    else:
        walk_xml_structure(shape, root, place, False, body_only=True)


def check(service, operation, status, headers, body):
    op = model(service).operation_model(operation)
    protocol = op.service_model.metadata["protocol"]
    place = f"{service} {operation}"
    if status >= 300:
        return check_error(place, protocol, status, headers, body)
    shape = op.output_shape
    if shape is not None:
        check_headers(shape, headers, place)
    if protocol == "json":
        value = json.loads(body) if body else {}
        if shape is None:
            if value:
                fail(place, f"no output is expected, found {value!r}")
        else:
            walk_json(shape, value, place)
        return None
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload and shape.members[payload].type_name in ("blob", "string"):
        return None  # the bytes themselves
    if protocol == "rest-json":
        if shape is not None and body:
            inner = shape.members[payload] if payload else body_part(shape)
            walk_json(inner, json.loads(body), place, "unixTimestamp")
        return None
    if shape is None and protocol == "rest-xml" or (protocol == "rest-xml" and not body):
        has_body = [m for m in (shape.members.values() if shape else []) if not m.serialization.get("location")]
        if body:
            fail(place, "no body is expected")
        if has_body and operation not in ("HeadObject",):
            fail(place, "a body is expected")
        return None
    return check_xml_root(op, shape, ElementTree.fromstring(body), place)


class Part:
    """A structure without the members that travel in headers or the status."""

    type_name = "structure"

    def __init__(self, shape):
        self.members = {n: m for n, m in shape.members.items() if not m.serialization.get("location")}
        self.required_members = [n for n in shape.required_members if n in self.members]
        self.serialization = shape.serialization


def body_part(shape):
    return Part(shape)


def check_error(place, protocol, status, headers, body):
    lower = {k.lower(): v for k, v in headers.items()}
    if protocol in ("json", "rest-json"):
        value = json.loads(body)
        if not isinstance(value.get("message", value.get("Message")), str):
            fail(place, f"error {status} without a message: {body[:200]!r}")
        code = value.get("__type") if protocol == "json" else lower.get("x-amzn-errortype")
        if not code:
            fail(place, f"error {status} without a code: {body[:200]!r}")
    elif status == 304 or (not body and protocol == "rest-xml"):
        return
    else:
        root = ElementTree.fromstring(body)
        error = root if protocol == "rest-xml" else next((x for x in root if local(x.tag) == "Error"), None)
        if error is None or local(error.tag) != "Error":
            fail(place, f"error {status} without <Error>")
        parts = {local(x.tag): x.text for x in error}
        if not parts.get("Code") or "Message" not in parts:
            fail(place, f"error {status} without code or message")


def watch(client):
    """Every answer that this boto3 client gets is checked as it comes."""
    service = client.meta.service_model.service_name

    def received(response_dict=None, context=None, exception=None, **more):
        if response_dict is None:
            return
        operation = more["event_name"].rsplit(".", 1)[-1]
        body = response_dict["body"]
        if not isinstance(body, bytes):
            body = b""  # a stream is the caller's
        check(service, operation, response_dict["status_code"], response_dict["headers"], body)

    client.meta.events.register("response-received", received)
    return client
