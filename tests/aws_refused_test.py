#!/usr/bin/python3
"""aws_refused_test.py -- requests that no SDK would send, on a bare socket: what is hardly HTTP, what nobody
signed, what no operation is at. Each is refused in the words of the service that it is for, as far as that
can be told, and the server goes on."""
import json
import re
import socket
import urllib.parse
import xml.etree.ElementTree as ET

from tap import case, main

SCOPE = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261122/us-east-1/%s/aws4_request, SignedHeaders=host, Signature=" + 64 * "0"


def send(home, raw):
    """-> status, headers (lower case), body of the one answer; the server closes."""
    at = urllib.parse.urlsplit(home.url)
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(raw)
        s.settimeout(20)
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
                head, end, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                if end and length and len(body) >= int(length[1]):
                    break
        except ConnectionResetError:
            pass
    head, _, body = got.partition(b"\r\n\r\n")
    assert head, raw[:60]
    lines = head.decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}, body.decode()


def request(line, *headers, body=b"", host="Host: x"):
    return "\r\n".join([line, *([host] if host else []), *headers, "", ""]).encode("latin-1") + body


def s3_code(body):
    assert body.startswith("<?xml"), repr(body)
    root = ET.fromstring(body)
    assert root.tag == "Error", body
    assert root.find("Message").text and root.find("RequestId").text, body
    return root.find("Code").text


def signed(service):
    return "Authorization: " + SCOPE % service


@case
def what_is_hardly_http_is_refused_in_the_services_words(t):
    t.serve()
    long = "x-amz-meta-a: " + 9000 * "a"
    for line, headers, body, status, code in [
        ("PUT /bucket/key HTTP/1.1", ["no colon"], b"", 400, "BadRequest"),
        ("PUT /bucket/key HTTP/1.1", [long, long.replace("-a:", "-b:")], b"", 400, "RequestHeaderSectionTooLarge"),
        ("PUT /bucket/key HTTP/1.1", ["Content-Length: 99999999999999999999999999"], b"", 413, "EntityTooLarge"),
        ("PUT /bucket/key HTTP/1.1", ["Content-Length: many"], b"", 400, "BadRequest"),
        ("PUT /bucket/key HTTP/1.1", ["Content-Length: 1", "Content-Length: 2"], b"aa", 400, "BadRequest"),
        ("PUT /bucket/key HTTP/1.1", ["Transfer-Encoding: chunked"], b"zz\r\n", 400, "BadRequest"),
        ("PUT /bucket/%zz HTTP/1.1", ["Content-Length: 0"], b"", 400, "InvalidURI"),
    ]:
        got, head, text = send(t, request(line, signed("s3"), *headers, body=body))
        assert (got, head["content-type"], s3_code(text)) == (status, "application/xml", code), (line, headers, got, text)
    # The signature stands behind what was too long, and was not read: the path is a bucket's.
    got, head, text = send(t, request("PUT /bucket/key HTTP/1.1", "x-amz-meta-a: " + 17000 * "a", signed("s3")))
    assert (got, s3_code(text)) == (400, "RequestHeaderSectionTooLarge"), (got, text)
    # Nor was anything, where the target alone is too long; the headers behind it tell whom it was for.
    far = "GET /bucket/" + 20000 * "a" + " HTTP/1.1"
    got, head, text = send(t, request(far, signed("s3")))
    assert (got, head["content-type"], s3_code(text)) == (400, "application/xml", "RequestHeaderSectionTooLarge"), (got, head, text)
    got, head, text = send(t, request(far, signed("sagemaker"), "x-amz-target: SageMaker.ListModels"))
    assert got == 414 and json.loads(text)["__type"] == "ValidationException", (got, head, text)
    for service, target, headers in [("sagemaker", "x-amz-target: SageMaker.ListModels", ["no colon"]),
                                     ("sagemaker", "x-amz-target: SageMaker.ListModels", [long, long]),
                                     ("sagemaker", "x-amz-target: SageMaker.ListModels", ["Content-Length: x"])]:
        got, head, text = send(t, request("POST / HTTP/1.1", signed(service), target, *headers))
        assert got in (400, 431) and head["content-type"] == "application/x-amz-json-1.1", (got, head, text)
        said = json.loads(text)
        assert said["__type"] == "ValidationException" and said["message"], text
    got, head, text = send(t, request("POST / HTTP/1.1", signed("sns"), "no colon"))
    assert got == 400 and "<ErrorResponse" in text and "<Code>ValidationE" in text, text
    got, head, text = send(t, request("POST /endpoints/e/invocations HTTP/1.1", signed("sagemaker"), "no colon"))
    assert got == 400 and head["x-amzn-errortype"] == "ValidationException" and json.loads(text)["message"], text


@case
def what_is_for_nobody_is_refused_in_plain_words(t):
    t.serve()
    for raw, status in [(request("GET /jobs HTTP/1.1", "no colon"), 400),
                        (request("GET /jobs HTTP/1.1", "Cookie: " + 20000 * "a"), 431),
                        (request("GET /" + 20000 * "a" + " HTTP/1.1"), 414),
                        (request("GET /jobs HTTP/3.0"), 505),
                        (request("GET /jobs HTTP/1.1", host=None), 400)]:
        got, head, text = send(t, raw)
        assert got == status and head["content-type"] == "application/json", (raw[:40], got, head, text)
        assert len(json.loads(text)["error"]["message"]) > 10, text
        assert "html" not in text.lower(), text
    assert t.http("GET", "/jobs")[0] == 200


main()
