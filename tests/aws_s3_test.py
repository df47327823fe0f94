#!/usr/bin/python3
"""aws_s3_test.py -- S3 by the clients that people have: boto3, the AWS CLI, curl. Every answer that boto3 gets is
held against botocore's own model; hostile requests are written by hand."""
import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import io
import os
import random
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import zlib
from xml.etree import ElementTree

from aws_home import Aws, boto3, error_of, failure_of
from tap import Skip, case, main, until

if boto3:
    import boto3.s3.transfer
    import botocore
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

MB = 1 << 20
KEYS = ["plain.txt", "a b c", "a+b", "a%2Fb", "käse/straße €.txt", "日本/語", " lead", "trail ", "x/../y", "../../etc/passwd",
        "..", ".", "a//b", "/first", "slash/", "q?x=1&y=2", "a#b", "<&>\"'", "tab\there", "%", "a" * 900, "file", "file/below"]


def blob(size, seed=1):
    return random.Random(seed).randbytes(size)


def outside(home):
    """Files of the machine that a key could have reached."""
    parent = os.path.dirname(home.path)
    return {n for n in os.listdir(parent) if n in ("y", "etc", "passwd", "below")}


def code_of(body):
    return ElementTree.fromstring(body).findtext("Code")


# ---- buckets and objects

@case
def buckets_are_made_listed_and_removed(t):
    s3 = Aws(t).client("s3")
    s3.create_bucket(Bucket="data")
    assert "data" in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket="data")["LocationConstraint"] in (None, "us-east-1")
    assert "Status" not in s3.get_bucket_versioning(Bucket="data")
    s3.head_bucket(Bucket="data")
    assert failure_of(s3.create_bucket, Bucket="data")[0::2] == ("BucketAlreadyOwnedByYou", 409)
    assert failure_of(s3.create_bucket, Bucket="Bad_Name")[0::2] == ("InvalidBucketName", 400)
    assert failure_of(s3.head_bucket, Bucket="absent")[0::2] == ("404", 404)
    assert failure_of(s3.list_objects_v2, Bucket="absent")[0::2] == ("NoSuchBucket", 404)
    assert failure_of(s3.put_object, Bucket="absent", Key="k", Body=b"x")[0::2] == ("NoSuchBucket", 404)
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    assert failure_of(s3.delete_bucket, Bucket="data")[0::2] == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="data", Key="k")
    s3.delete_bucket(Bucket="data")
    assert failure_of(s3.delete_bucket, Bucket="data")[0::2] == ("NoSuchBucket", 404)


@case
def objects_come_back_as_they_went(t):
    s3 = Aws(t).client("s3")
    s3.create_bucket(Bucket="data")
    for size in (0, 1, 4096, 65536, 65537, 3 * MB + 7):
        body = blob(size, size)
        put = s3.put_object(Bucket="data", Key=f"k{size}", Body=body, ContentType="text/x-mine", CacheControl="no-cache",
                            Metadata={"Color": "red", "n": "7"}, ContentEncoding="x-own")
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"', put["ETag"]
        got = s3.get_object(Bucket="data", Key=f"k{size}")
        assert got["Body"].read() == body
        head = s3.head_object(Bucket="data", Key=f"k{size}")
        for answer in (got, head):
            assert answer["ContentLength"] == size and answer["ContentType"] == "text/x-mine"
            assert answer["Metadata"] == {"color": "red", "n": "7"} and answer["CacheControl"] == "no-cache"
            assert answer["ETag"] == put["ETag"] and answer["ContentEncoding"] == "x-own"
    s3.put_object(Bucket="data", Key="bare", Body=b"x")
    assert s3.get_object(Bucket="data", Key="bare")["ContentType"] == "binary/octet-stream"
    many = {f"name-{i}": "v" * 20 for i in range(40)}
    s3.put_object(Bucket="data", Key="many", Body=b"x", Metadata=many)
    assert s3.head_object(Bucket="data", Key="many")["Metadata"] == many
    long = {"n" * 200 + "1": "one", "n" * 200 + "2": "two"}
    s3.put_object(Bucket="data", Key="long", Body=b"x", Metadata=long)
    assert s3.head_object(Bucket="data", Key="long")["Metadata"] == long
    assert error_of(s3.put_object, Bucket="data", Key="m", Body=b"x", Metadata={"a": "v" * 2049}) == "MetadataTooLarge"
    assert failure_of(s3.get_object, Bucket="data", Key="absent")[0::2] == ("NoSuchKey", 404)
    assert failure_of(s3.head_object, Bucket="data", Key="absent")[0::2] == ("404", 404)
    assert s3.get_object(Bucket="data", Key="bare", ResponseContentType="text/csv")["ContentType"] == "text/csv"


@case
def any_key_works_and_none_leaves_the_home(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    before = outside(t)
    for key in KEYS:
        s3.put_object(Bucket="data", Key=key, Body=key.encode())
    for key in KEYS:
        assert s3.get_object(Bucket="data", Key=key)["Body"].read() == key.encode(), key
        assert s3.head_object(Bucket="data", Key=key)["ContentLength"] == len(key.encode())
    want = sorted(KEYS, key=lambda k: k.encode())
    got = [o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(Bucket="data", PaginationConfig={"PageSize": 3})
           for o in p.get("Contents", [])]
    assert got == want, (got, want)
    v1 = [o["Key"] for p in s3.get_paginator("list_objects").paginate(Bucket="data", PaginationConfig={"PageSize": 4})
          for o in p.get("Contents", [])]
    assert v1 == want, v1
    for key in KEYS:
        s3.copy_object(Bucket="data", Key="copy/" + key, CopySource={"Bucket": "data", "Key": key})
        assert s3.get_object(Bucket="data", Key="copy/" + key)["Body"].read() == key.encode(), key
    # A blank at the end of a key is part of it, in XML too.
    gone = s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": k} for k in KEYS if "\t" not in k]})
    assert not gone.get("Errors") and len(gone["Deleted"]) == len(KEYS) - 1, gone
    left = {o["Key"] for o in s3.list_objects_v2(Bucket="data")["Contents"]}
    assert {k for k in left if not k.startswith("copy/")} == {"tab\there"}, left
    assert outside(t) == before and not os.path.exists("/tmp/below")
    assert error_of(s3.put_object, Bucket="data", Key="k" * 1025, Body=b"") == "KeyTooLongError"
    status, _, body = aws.raw("PUT", "/data/%FF%FE", b"x")
    assert status == 400 and code_of(body) == "InvalidURI", body


@case
def ranges_are_served(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    body = blob(100000)
    s3.put_object(Bucket="data", Key="k", Body=body)
    for text, want in (("bytes=0-9", (0, 10)), ("bytes=99990-", (99990, 100000)), ("bytes=-5", (99995, 100000)),
                       ("bytes=5-200000", (5, 100000)), ("bytes=0-0", (0, 1)), ("bytes=-200000", (0, 100000))):
        got = s3.get_object(Bucket="data", Key="k", Range=text)
        assert got["Body"].read() == body[want[0]:want[1]], text
        assert got["ContentRange"] == f"bytes {want[0]}-{want[1] - 1}/100000", got["ContentRange"]
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert s3.head_object(Bucket="data", Key="k", Range=text)["ContentLength"] == want[1] - want[0]
    assert failure_of(s3.get_object, Bucket="data", Key="k", Range="bytes=100000-")[0::2] == ("InvalidRange", 416)
    for odd in ("bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=0-1,5-6", "bytes="):
        assert len(s3.get_object(Bucket="data", Key="k", Range=odd)["Body"].read()) == 100000, odd
    s3.put_object(Bucket="data", Key="empty", Body=b"")
    assert error_of(s3.get_object, Bucket="data", Key="empty", Range="bytes=0-1") == "InvalidRange"
    assert s3.get_object(Bucket="data", Key="empty")["Body"].read() == b""


@case
def conditions_are_kept(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    tag = s3.put_object(Bucket="data", Key="k", Body=b"one")["ETag"]
    now = s3.head_object(Bucket="data", Key="k")["LastModified"]
    hour = datetime.timedelta(hours=1)
    for call in (s3.get_object, s3.head_object):
        assert call(Bucket="data", Key="k", IfMatch=tag)["ETag"] == tag
        assert failure_of(call, Bucket="data", Key="k", IfMatch='"0"')[2] == 412
        assert failure_of(call, Bucket="data", Key="k", IfNoneMatch=tag)[2] == 304
        assert failure_of(call, Bucket="data", Key="k", IfModifiedSince=now)[2] == 304
        assert failure_of(call, Bucket="data", Key="k", IfUnmodifiedSince=now - hour)[2] == 412
        assert call(Bucket="data", Key="k", IfModifiedSince=now - hour)["ETag"] == tag
    # A 304 has no body: the connection goes on.
    c = aws.connect()
    for _ in range(3):
        c.request("GET", "/data/k", headers=aws.sign("GET", "/data/k", headers={"If-None-Match": tag}))
        r = c.getresponse()
        assert (r.status, r.read()) == (304, b"")
    c.close()
    # Puts: only when absent, only over what one has seen.
    put = lambda headers, key="k": aws.raw("PUT", "/data/" + key, b"two", headers)
    status, _, body = put({"If-None-Match": "*"})
    assert status == 412 and code_of(body) == "PreconditionFailed", body
    assert put({"If-None-Match": "*"}, "new")[0] == 200
    assert put({"If-Match": '"0"'})[0] == 412 and put({"If-Match": tag})[0] == 200
    assert put({"If-Match": tag})[0] == 412, "it has another ETag now"
    assert put({"If-Match": tag}, "absent")[0] == 404
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == b"two"


@case
def objects_are_copied(t):
    s3 = Aws(t).client("s3")
    for b in ("data", "other"):
        s3.create_bucket(Bucket=b)
    tag = s3.put_object(Bucket="data", Key="k", Body=b"one", ContentType="text/csv", Metadata={"a": "b"})["ETag"]
    source = {"Bucket": "data", "Key": "k"}
    made = s3.copy_object(Bucket="other", Key="c", CopySource=source)["CopyObjectResult"]
    assert made["ETag"] == tag
    head = s3.head_object(Bucket="other", Key="c")
    assert head["ContentType"] == "text/csv" and head["Metadata"] == {"a": "b"}
    s3.copy_object(Bucket="data", Key="k", CopySource=source, MetadataDirective="REPLACE", Metadata={"x": "y"})
    assert s3.head_object(Bucket="data", Key="k")["Metadata"] == {"x": "y"}
    assert error_of(s3.copy_object, Bucket="data", Key="k", CopySource=source) == "InvalidRequest"
    assert error_of(s3.copy_object, Bucket="data", Key="c", CopySource={"Bucket": "data", "Key": "no"}) == "NoSuchKey"
    assert error_of(s3.copy_object, Bucket="data", Key="c", CopySource={"Bucket": "none", "Key": "k"}) == "NoSuchBucket"
    assert error_of(s3.copy_object, Bucket="data", Key="c", CopySource=source,
                    CopySourceIfMatch='"0"') == "PreconditionFailed"
    assert error_of(s3.copy_object, Bucket="data", Key="c", CopySource=source,
                    CopySourceIfNoneMatch=tag) == "PreconditionFailed"


@case
def a_long_copy_holds_nobody_up(t):
    """One thread answers: others are answered while it copies, joins parts, or copies one."""
    aws = Aws(t, "--threads", "1")
    s3 = aws.client("s3", read_timeout=120)
    s3.create_bucket(Bucket="data")
    body, done = blob(8 * MB) * 24, []
    source = {"Bucket": "data", "Key": "big"}
    s3.put_object(Bucket="data", Key="big", Body=body, ContentType="text/csv", Metadata={"a": "b"})

    def beside(what):
        """-> what it gave, and how many others were answered meanwhile."""
        got = []
        thread = threading.Thread(target=lambda: got.append(what()))
        thread.start()
        answered = 0
        while thread.is_alive():
            assert t.http("GET", "/endpoints")[0] == 200
            answered += thread.is_alive()
        return got[0], answered

    made, answered = beside(lambda: s3.copy_object(Bucket="data", Key="copy", CopySource=source))
    assert answered >= 3, answered
    head = s3.head_object(Bucket="data", Key="copy")
    assert head["ETag"] == made["CopyObjectResult"]["ETag"] and head["ContentLength"] == len(body)
    assert head["ContentType"] == "text/csv" and head["Metadata"] == {"a": "b"}
    who = {"Bucket": "data", "Key": "joined"}
    who["UploadId"] = s3.create_multipart_upload(**who)["UploadId"]
    half = len(body) // 2
    for part, (first, last) in enumerate(((0, half - 1), (half, len(body) - 1)), 1):
        made, answered = beside(lambda: s3.upload_part_copy(
            **who, PartNumber=part, CopySource=source, CopySourceRange=f"bytes={first}-{last}"))
        assert answered >= 3, answered
        done.append({"PartNumber": part, "ETag": made["CopyPartResult"]["ETag"]})
    made, answered = beside(lambda: s3.complete_multipart_upload(**who, MultipartUpload={"Parts": done}))
    assert answered >= 3, answered
    assert made["ETag"].endswith('-2"') and s3.get_object(Bucket="data", Key="joined")["Body"].read() == body
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload={"Parts": done}) == "NoSuchUpload"
    assert error_of(s3.upload_part_copy, **who, PartNumber=1, CopySource=source) == "NoSuchUpload"


@case
def many_objects_are_deleted_at_once(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    for i in range(50):
        s3.put_object(Bucket="data", Key=f"k{i}", Body=b"x")
    gone = s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": f"k{i}"} for i in range(60)]})
    assert len(gone["Deleted"]) == 60 and s3.list_objects_v2(Bucket="data")["KeyCount"] == 0
    quiet = s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": "k1"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    s3.delete_object(Bucket="data", Key="never there")
    bomb = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>'
    secret = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>'
    deep = b"<a>" * 5000 + b"</a>" * 5000
    for text in (bomb, secret, deep, b"", b"<Delete>", b"<Delete/>", b"no xml", b"<Other><Object/></Other>",
                 b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>"):
        status, _, body = aws.raw("POST", "/data?delete", text)
        assert status == 400 and code_of(body) == "MalformedXML", (status, body)
        assert b"root:" not in body
    status, _, body = aws.raw("POST", "/data?delete", b"<Delete><Object><Key>k</Key></Object></Delete>",
                              {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()})
    assert status == 400 and code_of(body) == "BadDigest", body


# ---- listings

@case
def listings_are_in_byte_order_with_delimiter_and_pages(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    rng = random.Random(5)
    keys = sorted({"/".join(rng.choice(["a", "b", "a-", "a.", "é", "Z", "0"]) for _ in range(rng.randint(1, 4)))
                   for _ in range(120)}, key=str.encode)
    for k in keys:
        s3.put_object(Bucket="data", Key=k, Body=b"")

    def model(prefix, delimiter, after):
        """What S3 documents, on the list of all keys."""
        out = []
        for k in keys:
            if not k.startswith(prefix):
                continue
            rest = k[len(prefix):]
            name = prefix + rest[:rest.index(delimiter) + 1] if delimiter and delimiter in rest else k
            if name != after and (not out or out[-1] != name) and k.encode() > after.encode():
                out.append(name)
        return out

    for prefix in ("", "a", "a/", "b/a", "é", "none"):
        for delimiter in ("", "/"):
            for after in ("", "a", "a/b", "é"):
                for size in (1, 7, 1000):
                    got = []
                    extra = {"StartAfter": after} if after else {}
                    for page in s3.get_paginator("list_objects_v2").paginate(
                            Bucket="data", Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}, **extra):
                        assert page["KeyCount"] == len(page.get("Contents", [])) + len(page.get("CommonPrefixes", []))
                        assert page["KeyCount"] <= size
                        got += sorted([o["Key"] for o in page.get("Contents", [])] +
                                      [p["Prefix"] for p in page.get("CommonPrefixes", [])], key=str.encode)
                    want = model(prefix, delimiter, after)  # a group that goes on behind `after` is there
                    assert got == want, (prefix, delimiter, after, size, got, want)
    page = s3.list_objects(Bucket="data", Delimiter="/", MaxKeys=3)
    assert page["IsTruncated"] and page["NextMarker"]
    page = s3.list_objects(Bucket="data", MaxKeys=3)
    assert page["IsTruncated"] and "NextMarker" not in page
    assert s3.list_objects_v2(Bucket="data", MaxKeys=0)["KeyCount"] == 0
    assert failure_of(s3.list_objects_v2, Bucket="data", ContinuationToken="zz")[0::2] == ("InvalidArgument", 400)
    for query in ("max-keys=-1", "max-keys=x", "encoding-type=other"):
        status, _, body = aws.raw("GET", "/data?list-type=2&" + query)
        assert status == 400 and code_of(body) == "InvalidArgument", (query, body)
    plain = ElementTree.fromstring(aws.raw("GET", "/data?list-type=2&prefix=%C3%A9")[2])
    names = [e.text for e in plain.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")]
    assert names and all(n.startswith("é") for n in names), names


# ---- multipart

@case
def an_object_comes_in_parts(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    parts = [blob(5 * MB, 1), blob(5 * MB + 3, 2), blob(10, 3)]
    made = s3.create_multipart_upload(Bucket="data", Key="big", ContentType="text/x-big", Metadata={"a": "b"})
    who = {"Bucket": "data", "Key": "big", "UploadId": made["UploadId"]}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        tags = list(pool.map(lambda i: s3.upload_part(**who, PartNumber=i + 1, Body=parts[i])["ETag"], (2, 0, 1)))
    tags = [tags[1], tags[2], tags[0]]
    assert tags == [f'"{hashlib.md5(p).hexdigest()}"' for p in parts]
    assert error_of(s3.head_object, Bucket="data", Key="big") == "404", "parts are not visible"
    assert "Contents" not in s3.list_objects_v2(Bucket="data")
    seen = s3.list_parts(**who)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in seen] == [(1, 5 * MB), (2, 5 * MB + 3), (3, 10)]
    page = s3.list_parts(**who, MaxParts=2)
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 2
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket="data")["Uploads"]] == [made["UploadId"]]
    listed = lambda *order: {"Parts": [{"PartNumber": n, "ETag": tags[n - 1]} for n in order]}
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload=listed(2, 1, 3)) == "InvalidPartOrder"
    wrong = {"Parts": [{"PartNumber": 1, "ETag": tags[1]}]}
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload=wrong) == "InvalidPart"
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload={
        "Parts": [{"PartNumber": 3, "ETag": tags[2]}, {"PartNumber": 7, "ETag": tags[0]}]}) in ("InvalidPart", "EntityTooSmall")
    # Conditions, as for a put; what they refuse stays open. (This botocore has no such members yet.)
    conditions = {}
    s3.meta.events.register("before-call.s3.CompleteMultipartUpload", lambda params, **kw: params["headers"].update(conditions))
    for conditions, code in (({"If-Match": '"0"'}, "NoSuchKey"), ({"If-None-Match": '"0"'}, "NotImplemented")):
        assert error_of(s3.complete_multipart_upload, **who, MultipartUpload=listed(1, 2, 3)) == code
    conditions = {"If-None-Match": "*"}
    done = s3.complete_multipart_upload(**who, MultipartUpload=listed(1, 2, 3))
    md5s = b"".join(hashlib.md5(p).digest() for p in parts)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"', done["ETag"]
    got = s3.get_object(Bucket="data", Key="big")
    assert got["Body"].read() == b"".join(parts) and got["ContentType"] == "text/x-big" and got["Metadata"] == {"a": "b"}
    assert error_of(s3.upload_part, **who, PartNumber=1, Body=b"x") == "NoSuchUpload"
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload=listed(1)) == "NoSuchUpload"
    # Abort, and small parts before the last.
    who["UploadId"] = s3.create_multipart_upload(Bucket="data", Key="big")["UploadId"]
    last = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(**who, PartNumber=1, Body=b"last")["ETag"]}]}
    for conditions in ({"If-None-Match": "*"}, {"If-Match": '"0"'}):
        assert error_of(s3.complete_multipart_upload, **who, MultipartUpload=last) == "PreconditionFailed"
    conditions = {}
    small = [{"PartNumber": i, "ETag": s3.upload_part(**who, PartNumber=i, Body=b"x")["ETag"]} for i in (1, 2)]
    assert error_of(s3.complete_multipart_upload, **who, MultipartUpload={"Parts": small}) == "EntityTooSmall"
    assert error_of(s3.upload_part, **who, PartNumber=10001, Body=b"x") == "InvalidArgument"
    s3.abort_multipart_upload(**who)
    assert error_of(s3.abort_multipart_upload, **who) == "NoSuchUpload"
    assert error_of(s3.list_parts, **who) == "NoSuchUpload"
    assert s3.get_object(Bucket="data", Key="big")["ContentLength"] == 10 * MB + 13, "the old object stays"
    # Parts out of another object.
    who["UploadId"] = s3.create_multipart_upload(Bucket="data", Key="big2")["UploadId"]
    who["Key"] = "big2"
    copied = [s3.upload_part_copy(**who, PartNumber=i + 1, CopySource={"Bucket": "data", "Key": "big"}, CopySourceRange=r)
              for i, r in enumerate((f"bytes=0-{6 * MB - 1}", f"bytes={6 * MB}-{10 * MB + 12}"))]
    assert error_of(s3.upload_part_copy, **who, PartNumber=3, CopySource={"Bucket": "data", "Key": "big"},
                    CopySourceRange=f"bytes=0-{99 * MB}") == "InvalidArgument"
    s3.complete_multipart_upload(**who, MultipartUpload={
        "Parts": [{"PartNumber": i + 1, "ETag": c["CopyPartResult"]["ETag"]} for i, c in enumerate(copied)]})
    assert s3.get_object(Bucket="data", Key="big2")["Body"].read() == b"".join(parts)


@case
def parts_of_an_object_are_told_apart(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    who = {"Bucket": "data", "Key": "big"}
    parts = [blob(5 * MB, 1), blob(5 * MB + 3, 2), blob(10, 3)]
    upload = dict(who, UploadId=s3.create_multipart_upload(**who)["UploadId"])
    tags = [s3.upload_part(**upload, PartNumber=i + 1, Body=p)["ETag"] for i, p in enumerate(parts)]
    s3.complete_multipart_upload(**upload, MultipartUpload={
        "Parts": [{"PartNumber": i + 1, "ETag": e} for i, e in enumerate(tags)]})
    first = 0
    for i, part in enumerate(parts):
        got = s3.get_object(**who, PartNumber=i + 1)
        assert got["Body"].read() == part and got["PartsCount"] == 3, got
        assert got["ContentRange"] == f"bytes {first}-{first + len(part) - 1}/{10 * MB + 13}", got
        head = s3.head_object(**who, PartNumber=i + 1)
        assert (head["ContentLength"], head["PartsCount"], head["ResponseMetadata"]["HTTPStatusCode"]) == (len(part), 3, 206)
        first += len(part)
    assert failure_of(s3.get_object, **who, PartNumber=4)[0::2] == ("InvalidPartNumber", 416)
    assert failure_of(s3.head_object, **who, PartNumber=4)[0::2] == ("416", 416)
    assert failure_of(s3.get_object, **who, PartNumber=0)[0::2] == ("InvalidArgument", 400)
    assert failure_of(s3.get_object, **who, PartNumber=1, Range="bytes=0-1")[0::2] == ("InvalidRequest", 400)
    assert "PartsCount" not in s3.get_object(**who)
    said = s3.get_object_attributes(**who, ObjectAttributes=["ETag", "ObjectParts", "ObjectSize", "StorageClass", "Checksum"])
    assert said["ETag"] == s3.head_object(**who)["ETag"].strip('"') and said["ETag"].endswith("-3"), said
    assert said["ObjectParts"] == {"TotalPartsCount": 3} and said["ObjectSize"] == 10 * MB + 13, said
    assert said["StorageClass"] == "STANDARD" and said["LastModified"] == s3.head_object(**who)["LastModified"], said
    assert failure_of(s3.get_object_attributes, **who, ObjectAttributes=["Color"])[0::2] == ("InvalidArgument", 400)
    assert failure_of(s3.get_object_attributes, **who, ObjectAttributes=[])[2] == 400
    assert failure_of(s3.get_object_attributes, Bucket="data", Key="absent", ObjectAttributes=["ETag"])[0::2] == ("NoSuchKey", 404)
    # What comes whole is its own part 1, also where there was one of parts.
    for body in (b"whole", b""):
        s3.put_object(**who, Body=body)
        got = s3.get_object(**who, PartNumber=1)
        assert got["Body"].read() == body and "PartsCount" not in got, got
        assert failure_of(s3.get_object, **who, PartNumber=2)[2] == 416
        said = s3.get_object_attributes(**who, ObjectAttributes=["ObjectParts", "ObjectSize"])
        assert "ObjectParts" not in said and "ETag" not in said and said["ObjectSize"] == len(body), said


@case
def open_uploads_are_listed_by_delimiter(t):
    s3 = Aws(t).client("s3")
    s3.create_bucket(Bucket="data")
    for key in ("a", "dir/1", "dir/2", "dir/2", "é b/1", "z"):
        s3.create_multipart_upload(Bucket="data", Key=key)
    all_of = s3.list_multipart_uploads(Bucket="data", Delimiter="/")
    assert [u["Key"] for u in all_of["Uploads"]] == ["a", "z"] and all_of["Delimiter"] == "/", all_of
    assert [p["Prefix"] for p in all_of["CommonPrefixes"]] == ["dir/", "é b/"], all_of
    below = s3.list_multipart_uploads(Bucket="data", Delimiter="/", Prefix="dir/")
    assert [u["Key"] for u in below["Uploads"]] == ["dir/1", "dir/2", "dir/2"] and "CommonPrefixes" not in below, below
    for size in (1, 2, 3):
        seen = []
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket="data", Delimiter="/", PaginationConfig={"PageSize": size})
        for page in pages:
            shown = [u["Key"] for u in page.get("Uploads", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
            assert 1 <= len(shown) <= size, page
            seen += shown
        assert sorted(seen) == ["a", "dir/", "z", "é b/"], (size, seen)


@case
def a_hundred_megabytes_go_up_and_down_in_parallel(t):
    aws = Aws(t, "--threads", "4")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    source, target = os.path.join(t.path, "up"), os.path.join(t.path, "down")
    body = blob(100 * MB + 12345, 9)
    with open(source, "wb") as f:
        f.write(body)
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=8 * MB, multipart_chunksize=8 * MB, max_concurrency=10)
    s3.upload_file(source, "data", "big", Config=config)
    assert s3.head_object(Bucket="data", Key="big")["ETag"].endswith('-13"')
    s3.download_file("data", "big", target, Config=config)
    with open(target, "rb") as f:
        assert f.read() == body
    aws.cli("s3", "cp", source, "s3://data/by-cli")
    os.remove(target)
    aws.cli("s3", "cp", "s3://data/by-cli", target)
    with open(target, "rb") as f:
        assert f.read() == body
    aws.cli("s3", "cp", "s3://data/by-cli", "s3://data/copied")
    assert s3.head_object(Bucket="data", Key="copied")["ContentLength"] == len(body)


# ---- the command line

@case
def the_aws_command_line_does_its_everyday_work(t):
    aws = Aws(t, "--threads", "2")
    aws.cli("s3", "mb", "s3://daily")
    assert b"daily" in aws.cli("s3", "ls").stdout
    folder = os.path.join(t.path, "tree")
    for i in range(2000):
        path = os.path.join(folder, f"d{i % 20}", f"file {i}+ä.txt")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{i}\n" * (i % 7))
    out = aws.cli("s3", "sync", folder, "s3://daily/tree", "--no-progress").stdout
    assert out.count(b"upload: ") == 2000, out.count(b"upload: ")
    assert not aws.cli("s3", "sync", folder, "s3://daily/tree").stdout.strip(), "nothing is left to do"
    listed = aws.cli("s3", "ls", "s3://daily/tree/", "--recursive").stdout.decode().splitlines()
    assert len(listed) == 2000 and listed[0].endswith("tree/d0/file 0+ä.txt"), listed[:2]
    assert b"PRE d7/" in aws.cli("s3", "ls", "s3://daily/tree/").stdout
    back = os.path.join(t.path, "back")
    aws.cli("s3", "sync", "s3://daily/tree", back, "--no-progress")
    assert subprocess.run(["diff", "-r", folder, back], check=False).returncode == 0
    aws.cli("s3", "mv", "s3://daily/tree/d3/file 3+ä.txt", "s3://daily/moved €.txt")
    assert aws.cli("s3", "cp", "s3://daily/moved €.txt", "-").stdout == b"3\n" * 3
    aws.cli("s3", "cp", "-", "s3://daily/from stdin", stdin=b"piped")
    assert aws.cli("s3", "cp", "s3://daily/from stdin", "-").stdout == b"piped"
    p = aws.cli("s3", "cp", "s3://daily/absent", "-", ok=False)
    assert p.returncode != 0 and b"404" in p.stderr, p.stderr
    p = aws.cli("s3", "rb", "s3://daily", ok=False)
    assert p.returncode != 0 and b"BucketNotEmpty" in p.stderr, p.stderr
    url = aws.cli("s3", "presign", "s3://daily/from stdin").stdout.decode().strip()
    assert subprocess.run(["curl", "-sf", url], capture_output=True, check=True).stdout == b"piped"
    aws.cli("s3", "rm", "s3://daily/tree", "--recursive", "--only-show-errors")
    aws.cli("s3", "rb", "s3://daily", "--force")
    assert b"daily" not in aws.cli("s3", "ls").stdout
    p = aws.cli("s3", "ls", ok=False, AWS_SECRET_ACCESS_KEY="wrong")
    assert p.returncode != 0 and b"SignatureDoesNotMatch" in p.stderr, p.stderr


# ---- who may, and how it is sent

@contextlib.contextmanager
def clock_off_by(minutes):
    """botocore's signer has a wrong clock; older versions ask datetime, newer ones a function of theirs."""
    off = datetime.timedelta(minutes=minutes)

    class Shifted(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return datetime.datetime.utcnow() + off

    name = "get_current_datetime" if hasattr(botocore.auth, "get_current_datetime") else "datetime"
    real = getattr(botocore.auth, name)
    fake = (lambda *a, **k: real(*a, **k) + off) if callable(real) else type("m", (), {"datetime": Shifted})
    setattr(botocore.auth, name, fake)
    try:
        yield
    finally:
        setattr(botocore.auth, name, real)


@case
def wrong_keys_and_times_are_refused(t):
    aws = Aws(t)
    aws.client("s3").create_bucket(Bucket="data")
    bad = aws.client("s3", secret="wrong")
    assert failure_of(bad.list_buckets)[0::2] == ("SignatureDoesNotMatch", 403)
    assert failure_of(bad.put_object, Bucket="data", Key="k", Body=b"x")[0::2] == ("SignatureDoesNotMatch", 403)
    nobody = aws.client("s3", key="AKIANOBODY")
    assert failure_of(nobody.list_buckets)[0::2] == ("InvalidAccessKeyId", 403)
    assert failure_of(nobody.put_object, Bucket="data", Key="k", Body=b"x")[0::2] == ("InvalidAccessKeyId", 403)
    unsigned = aws.client("s3", signature_version=botocore.UNSIGNED)
    assert failure_of(unsigned.list_buckets)[0::2] == ("AccessDenied", 403)
    assert failure_of(unsigned.put_object, Bucket="data", Key="k", Body=b"x")[0::2] == ("AccessDenied", 403)

    signed = aws.sign("PUT", "/data/k", b"x")
    send = lambda **changed: aws.raw("PUT", changed.pop("target", "/data/k"), changed.pop("body", b"x"),
                                     {**signed, **{k.replace("_", "-"): v for k, v in changed.items()}}, sign=False)
    assert send()[0] == 200
    for what, want in (({"body": b"y"}, "XAmzContentSHA256Mismatch"), ({"target": "/data/other"}, "SignatureDoesNotMatch"),
                       ({"target": "/data/k?x=1"}, "SignatureDoesNotMatch"),
                       ({"X_Amz_Date": "20200101T000000Z"}, None), ({"Authorization": "AWS4-HMAC-SHA256 nonsense"}, None),
                       ({"Authorization": signed["Authorization"].replace("us-east-1", "eu-west-1")}, "SignatureDoesNotMatch"),
                       ({"X_Amz_Content_SHA256": "0" * 64}, "SignatureDoesNotMatch"),
                       ({"X_Amz_Content_SHA256": "nonsense"}, None)):
        status, _, body = send(**what)
        assert 400 <= status < 500 and (want is None or code_of(body) == want), (what, status, body)
    # A clock that is wrong by 16 minutes, before and after.
    for minutes in (-16, 16):
        with clock_off_by(minutes):
            status, _, body = aws.raw("GET", "/data/k")
        assert status == 403 and code_of(body) == "RequestTimeTooSkewed", (minutes, body)
    t.run("keys", "rm", aws.key)
    assert code_of(aws.raw("GET", "/data/k")[2]) == "InvalidAccessKeyId", "a removed key is refused at once"


@case
def presigned_addresses_work_without_a_client(t):
    aws = Aws(t)
    body = b"presigned"
    aws.client("s3").create_bucket(Bucket="data")

    def curl(url, *args):
        p = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", *args, url], capture_output=True, check=True)
        text, _, status = p.stdout.rpartition(b"\n")
        return int(status), text

    for version in ("s3v4", "s3"):
        s3 = aws.client("s3", signature_version=version)
        for key in ("plain", "a b+c/ä€"):
            who = {"Bucket": "data", "Key": key}
            status, text = curl(s3.generate_presigned_url("put_object", Params=who), "-X", "PUT", "-H", "Content-Type:",
                                "--data-binary", "presigned")
            assert status == 200, (version, key, text)
            url = s3.generate_presigned_url("get_object", Params=who, ExpiresIn=60)
            assert curl(url) == (200, body), (version, key, curl(url))
            broken = url.replace("Signature=", "Signature=A", 1)
            status, text = curl(broken)
            assert status in (400, 403), (status, text)
            status, text = curl(url.replace("data/", "data/other-", 1))
            assert status == 403 and code_of(text) == "SignatureDoesNotMatch", text
            assert curl(url, "-X", "DELETE")[0] == 403, "it is for GET alone"
            typed = s3.generate_presigned_url("get_object", Params={**who, "ResponseContentType": "text/csv"})
            head = subprocess.run(["curl", "-s", "-D", "-", "-o", "/dev/null", typed], capture_output=True, check=True)
            assert b"text/csv" in head.stdout, head.stdout
        gone = s3.generate_presigned_url("get_object", Params={"Bucket": "data", "Key": "plain"}, ExpiresIn=1)
        until(lambda: curl(gone)[0] == 403, 10, "expiry")
        status, text = curl(gone)
        assert code_of(text) == "AccessDenied" and b"expired" in text, text
    make = aws.client("s3", signature_version="s3v4").generate_presigned_url
    plain = {"Bucket": "data", "Key": "plain"}
    status, text = curl(make("get_object", Params=plain) + "0")
    assert status == 403 and code_of(text) == "SignatureDoesNotMatch", text
    good = make("get_object", Params=plain)
    stamp = re.search("X-Amz-Date=([0-9TZ]*)", good).group(1)
    for url, words in ((make("get_object", Params=plain, ExpiresIn=604801), b"must be less than a week"),
                       (good.replace("X-Amz-Expires=3600", "X-Amz-Expires=-1"), b"must be non-negative"),
                       (good.replace("X-Amz-Expires=3600", "X-Amz-Expires=soon"), b"should be a number"),
                       (good.replace(stamp, "today"), b"ISO8601 Long Format"),
                       (good.replace("X-Amz-Date=", "X-Amz-Day="), b"requires the X-Amz-Algorithm"),
                       (good.replace("aws4_request", "aws5"), b"Credential is mal-formed"),
                       (good.replace("AWS4-HMAC-SHA256", "AWS9"), b"only supports")):
        status, text = curl(url)
        assert status == 400 and code_of(text) == "AuthorizationQueryParametersError" and words in text, (words, text)


@case
def what_was_not_signed_is_refused(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="secret", Body=b"secret")
    host = urllib.parse.urlsplit(aws.url).netloc

    def send(target, headers, method="PUT", body=b"x", first=()):
        c = aws.connect()
        with contextlib.closing(c):
            c.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in [*first, ("Host", host), *headers, ("Content-Length", str(len(body)))]:
                c.putheader(name, value)
            c.endheaders(body)
            r = c.getresponse()
            return r.status, r.read()

    unsigned = b"There were headers present in the request which were not signed"
    added = [("x-amz-copy-source", "data/secret"), ("x-amz-meta-a", "b"), ("X-Amz-Acl", "private")]
    for version, who in (("s3v4", {"Bucket": "data", "Key": "made"}), ("s3", {"Bucket": "data", "Key": "made"})):
        url = aws.client("s3", signature_version=version).generate_presigned_url("put_object", Params=who)
        target = url[len(aws.url):]
        for header in added:
            status, body = send(target, [header], body=b"")
            assert (status, code_of(body)) == (403, "AccessDenied") and unsigned in body, (version, header, body)
        for name, value in (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("X-Amzn-Trace-Id", "Root=1"), ("X-Other", "1")):
            assert send(target, [(name, value)])[0] == 200, (version, name)
    # A link to an object is no key to the other services.
    url = aws.client("s3", signature_version="s3v4").generate_presigned_url("get_object", Params=who)
    status, body = send(url[len(aws.url):], [("X-Amz-Target", "SageMaker.ListModels")], "GET", b"{}")
    assert status == 403 and b"scoped" in body, (status, body)
    s3.delete_object(Bucket="data", Key="made")

    made = aws.sign("PUT", "/data/made", b"x", {"x-amz-meta-a": "1"})
    signed = list(made.items())
    for header in [("x-amz-meta-b", "2"), *added[:1]]:
        status, body = send("/data/made", signed + [header])
        assert (status, code_of(body)) == (403, "AccessDenied") and unsigned in body, (header, body)
    # Every value of a name is signed.
    for extra, first in (([("x-amz-meta-a", "2")], ()), ([], [("x-amz-meta-a", "2")]),
                         ([], [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")])):
        status, body = send("/data/made", signed + extra, first=first)
        assert (status, code_of(body)) == (403, "SignatureDoesNotMatch"), (extra, first, body)
    status, body = send("/data/made", signed, first=[("Host", "other.s3.amazonaws.com")])
    assert status == 400, (status, body)
    assert error_of(s3.head_object, Bucket="data", Key="made") == "404"
    both = dict(aws.sign("PUT", "/data/made", b"x", {"x-amz-meta-a": "1,2"}))
    del both["x-amz-meta-a"]
    status, body = send("/data/made", [("x-amz-meta-a", "1"), *both.items(), ("x-amz-meta-a", "2")])
    assert status == 200, body
    assert s3.head_object(Bucket="data", Key="made")["Metadata"] == {"a": "1,2"}


@case
def an_object_without_a_signature_is_denied(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    s3.create_bucket(Bucket="jobs")
    s3.put_object(Bucket="data", Key="a/b", Body=b"x")
    for method, target in (("GET", "/data/a/b"), ("GET", "/data"), ("PUT", "/data/a/c"), ("DELETE", "/data/a/b"), ("GET", "/data/none")):
        status, _, body = aws.raw(method, target, b"x" if method == "PUT" else b"", sign=False)
        assert status == 403 and code_of(body) == "AccessDenied", (method, target, status, body)
    assert aws.raw("HEAD", "/data/a/b", sign=False)[0] == 403
    status, _, body = aws.raw("GET", "/jobs", sign=False)  # Fettle's own paths stay its own
    assert status == 200 and body[:1] in b"[{", body
    for target in ("/nothing/here", "/nothing", "/nothing?list-type=2"):  # what may be a bucket's name is S3's
        status, _, body = aws.raw("GET", target, sign=False)
        assert status == 404 and code_of(body) == "NoSuchBucket", (target, status, body)
    for target, accept in (("/endpoints/nothing/here", "*/*"), ("/No-Bucket", "*/*"), ("/nothing", "text/html,*/*"),
                           ("/nothing", "application/json")):
        status, _, body = aws.raw("GET", target, headers={"Accept": accept}, sign=False)
        assert status == 404 and body[:1] == b"{", (target, body)


@case
def names_and_numbers_out_of_bounds_are_refused(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    code, text, status = failure_of(s3.list_objects_v2, Bucket="data", MaxKeys=2147483648)
    assert (code, status) == ("InvalidArgument", 400) and "2147483647" in text, (code, text, status)
    assert s3.list_objects_v2(Bucket="data", MaxKeys=2147483647)["KeyCount"] == 0
    for call, more in ((s3.put_object, {"Body": b"x"}), (s3.get_object, {}), (s3.delete_object, {})):
        code, text, status = failure_of(call, Bucket="data", Key="a\0b", **more)
        assert (code, status) == ("InvalidURI", 400) and "%00" in text, (call, code, text, status)
    s3.put_object(Bucket="data", Key="k", Body=b"x")  # the connection goes on
    for headers, code in (({"x-amz-storage-class": "ZAP"}, "InvalidStorageClass"),
                          ({"x-amz-storage-class": "ZAP", "x-amz-copy-source": "data/k"}, "InvalidStorageClass"),
                          ({"x-amz-metadata-directive": "ZAP", "x-amz-copy-source": "data/k"}, "InvalidArgument")):
        status, _, body = aws.raw("PUT", "/data/no", headers=headers)
        assert (status, code_of(body)) == (400, code), (headers, status, body)
    assert error_of(s3.head_object, Bucket="data", Key="no") == "404"
    s3.put_object(Bucket="data", Key="k", Body=b"x", StorageClass="STANDARD_IA")
    for name in ("dab", "other"):
        s3.create_bucket(Bucket=name)
    names, token = [], ""
    while token is not None:  # boto3 of this machine knows no pages of buckets
        root = ElementTree.fromstring(aws.raw("GET", "/?max-buckets=1&prefix=da" + token)[2])
        page = [n.text for n in root.iter() if n.tag.endswith("}Name")]
        assert len(page) == 1, page
        names += page
        more = [n.text for n in root.iter() if n.tag.endswith("}ContinuationToken")]
        token = f"&continuation-token={more[0]}" if more else None
    assert names == ["dab", "data"], names
    assert code_of(aws.raw("GET", "/?max-buckets=0")[2]) == "InvalidArgument"
    assert t.http("GET", "/jobs/%00")[0] == 400


@case
def a_bucket_may_stand_in_the_host(t):
    aws = Aws(t)
    aws.client("s3").create_bucket(Bucket="my.data")
    aws.client("s3").put_object(Bucket="my.data", Key="a/b c", Body=b"v")

    def request(method, host, path, body=b""):
        made = botocore.awsrequest.AWSRequest(method, f"http://{host}{path}", {}, body)
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(aws.key, aws.secret), "s3", "us-east-1").add_auth(made)
        return aws.raw(method, path, body, {**dict(made.headers.items()), "Host": host}, sign=False)

    for host in ("my.data.s3.amazonaws.com", "my.data.s3.us-east-1.amazonaws.com", "my.data.s3-us-west-2.amazonaws.com"):
        assert request("GET", host, "/a/b%20c")[::2] == (200, b"v")
        assert request("PUT", host, "/new", b"by host")[0] == 200
        assert request("GET", host, "/new")[2] == b"by host"
        assert b"<Key>a/b c</Key>" in request("GET", host, "/")[2]
    assert b"<Name>my.data</Name>" in request("GET", "s3.us-east-1.amazonaws.com", "/")[2]
    status, _, body = aws.raw("GET", "/k", headers={"Host": "no.s3.amazonaws.com"}, sign=False)
    assert status == 404 and code_of(body) == "NoSuchBucket", body
    status, _, body = aws.raw("GET", "/k", headers={"Host": "my.data.s3.amazonaws.com"}, sign=False)
    assert status == 403 and code_of(body) == "AccessDenied", body


@case
def buckets_of_localhost_are_addressed_by_clients(t):
    """As SDKs do with addressing_style=virtual and an endpoint on this machine: http://bucket.localhost:PORT/key."""
    aws = Aws(t)
    aws.url = aws.url.replace("127.0.0.1", "localhost")
    known = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *a, **k: known("127.0.0.1" if str(host).endswith("localhost") else host, *a, **k)
    try:
        s3 = aws.client("s3", s3={"addressing_style": "virtual"})
        hosts = []
        s3.meta.events.register("before-send.s3", lambda request, **_: hosts.append(urllib.parse.urlsplit(request.url).hostname))
        s3.create_bucket(Bucket="my-data")
        s3.put_object(Bucket="my-data", Key="a/b c", Body=b"v", Metadata={"x": "y"})
        assert s3.get_object(Bucket="my-data", Key="a/b c")["Body"].read() == b"v"
        assert [o["Key"] for o in s3.list_objects_v2(Bucket="my-data", Prefix="a/")["Contents"]] == ["a/b c"]
        s3.copy_object(Bucket="my-data", Key="copy", CopySource={"Bucket": "my-data", "Key": "a/b c"})
        s3.upload_fileobj(io.BytesIO(blob(9 * MB)), "my-data", "parts")
        assert s3.head_object(Bucket="my-data", Key="parts")["ContentLength"] == 9 * MB
        for version in ("s3v4", "s3"):
            made = aws.client("s3", s3={"addressing_style": "virtual"}, signature_version=version)
            url = made.generate_presigned_url("get_object", Params={"Bucket": "my-data", "Key": "copy"})
            got = aws.raw("GET", url.split("localhost", 1)[1].split("/", 1)[1].join(["/", ""]), sign=False,
                          headers={"Host": urllib.parse.urlsplit(url).netloc})
            assert got[::2] == (200, b"v"), (version, url, got)
        s3.delete_objects(Bucket="my-data", Delete={"Objects": [{"Key": k} for k in ("copy", "a/b c", "parts")]})
        s3.delete_bucket(Bucket="my-data")
        assert "my-data.localhost" in hosts, hosts
    finally:
        socket.getaddrinfo = known
    assert t.http("GET", "/jobs", headers={"Host": "board.localhost"})[0] == 200  # the server's own stays its own


def chunked(body, pieces=65536, trailer=None):
    out = b""
    for i in range(0, len(body), pieces):
        p = body[i:i + pieces]
        out += b"%x\r\n" % len(p) + p + b"\r\n"
    return out + b"0\r\n" + (trailer or b"") + b"\r\n"


@case
def bodies_in_pieces_are_checked(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    body = blob(300000, 4)
    good = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4, "big")) + b"\r\n"
    bad = b"x-amz-checksum-crc32:" + base64.b64encode(b"abcd") + b"\r\n"

    def put(raw, kind="STREAMING-UNSIGNED-PAYLOAD-TRAILER", length=len(body), trailer="x-amz-checksum-crc32", key="k"):
        made = botocore.awsrequest.AWSRequest("PUT", f"{aws.url}/data/{key}", {
            "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(length), "X-Amz-Trailer": trailer,
            "X-Amz-Content-SHA256": kind}, raw)
        made.context["payload_signing_enabled"] = False

        class Signer(botocore.auth.S3SigV4Auth):
            def payload(self, request):
                return kind
        Signer(botocore.credentials.Credentials(aws.key, aws.secret), "s3", "us-east-1").add_auth(made)
        return aws.raw("PUT", f"/data/{key}", raw, dict(made.headers.items()), sign=False)

    assert put(chunked(body, trailer=good))[0] == 200
    got = s3.get_object(Bucket="data", Key="k")
    assert got["Body"].read() == body and "ContentEncoding" not in got
    for raw, want in ((chunked(body, trailer=bad), "BadDigest"), (chunked(body, trailer=good)[:-400], "IncompleteBody"),
                      (b"zz\r\nabc\r\n0\r\n\r\n", "InvalidRequest"), (chunked(b"short"), "IncompleteBody"),
                      (b"ffffffffffffffff\r\nabc", "InvalidRequest"), (chunked(body), "MalformedTrailerError"),
                      (chunked(body, trailer=b"x-amz-checksum-crc32:no base64\r\n"), "InvalidDigest")):
        status, _, text = put(raw, key="never")
        assert status == 400 and code_of(text) == want, (raw[:20], want, text)
    assert put(chunked(body, trailer=b"x-amz-checksum-md6:AAAA\r\n"), trailer="x-amz-checksum-md6", key="never")[0] == 501
    for name in ("sha1", "sha256"):
        digest = base64.b64encode(hashlib.new(name, body).digest())
        line = b"x-amz-checksum-" + name.encode() + b":" + digest + b"\r\n"
        status, headers, text = put(chunked(body, trailer=line), trailer="x-amz-checksum-" + name)
        assert status == 200 and headers["x-amz-checksum-" + name] == digest.decode(), (headers, text)
        for raw, want in ((chunked(body), "MalformedTrailerError"), (chunked(body, trailer=line[:-6] + b"AA=\r\n"), "BadDigest")):
            status, _, text = put(raw, trailer="x-amz-checksum-" + name, key="never")
            assert status == 400 and code_of(text) in (want, "InvalidDigest"), (name, want, text)
    # Without trailers: checksums as headers.
    for name, value in (("crc32", zlib.crc32(b"123456789").to_bytes(4, "big")),
                        ("crc32c", bytes.fromhex("e3069283")), ("crc64nvme", bytes.fromhex("ae8b14860a799888")),
                        ("sha1", hashlib.sha1(b"123456789").digest()), ("sha256", hashlib.sha256(b"123456789").digest())):
        header = {f"x-amz-checksum-{name}": base64.b64encode(value).decode()}
        status, headers, _ = aws.raw("PUT", "/data/sum", b"123456789", header)
        assert status == 200 and headers[f"x-amz-checksum-{name}"] == header[f"x-amz-checksum-{name}"], (name, headers)
        status, _, text = aws.raw("PUT", "/data/never", b"12345678", header)
        assert status == 400 and code_of(text) == "BadDigest", (name, text)
    md5 = {"Content-MD5": base64.b64encode(hashlib.md5(b"v").digest()).decode()}
    assert aws.raw("PUT", "/data/md5", b"v", md5)[0] == 200
    assert code_of(aws.raw("PUT", "/data/never", b"w", md5)[2]) == "BadDigest"
    assert code_of(aws.raw("PUT", "/data/never", b"w", {"Content-MD5": "xx"})[2]) == "InvalidDigest"
    assert error_of(s3.head_object, Bucket="data", Key="never") == "404"


@case
def waiting_clients_are_told_to_go_on_and_cut_uploads_leave_nothing(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    host = urllib.parse.urlsplit(aws.url)

    def begin(headers, target="/data/slow"):
        s = socket.create_connection((host.hostname, host.port))
        s.settimeout(10)
        lines = [f"PUT {target} HTTP/1.1", f"Host: {host.netloc}"] + [f"{k}: {v}" for k, v in headers.items()]
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return s

    body = blob(200000, 8)
    signed = aws.sign("PUT", "/data/slow", body)
    began = time.monotonic()
    s = begin({**signed, "Content-Length": len(body), "Expect": "100-continue"})
    assert s.recv(4096).startswith(b"HTTP/1.1 100"), "no 100 Continue"
    assert time.monotonic() - began < 0.9, "the client would have gone on by itself"
    s.sendall(body[:100000])
    time.sleep(0.05)
    assert error_of(s3.head_object, Bucket="data", Key="slow") == "404", "nothing is visible before the end"
    s.close()  # cut
    s = begin({**signed, "Content-Length": len(body)})
    s.sendall(body)
    assert s.recv(4096).startswith(b"HTTP/1.1 200")
    s.close()
    assert s3.get_object(Bucket="data", Key="slow")["Body"].read() == body
    wrong = {**signed, "Authorization": signed["Authorization"].replace("Signature=", "Signature=0")}
    for target, headers, code in (("/data/slow", wrong, "SignatureDoesNotMatch"),
                                  ("/absent/k", aws.sign("PUT", "/absent/k", body), "NoSuchBucket")):
        s = begin({**headers, "Content-Length": len(body), "Expect": "100-continue"}, target)
        answer = b"".join(iter(lambda: s.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 40") and code.encode() in answer, answer
        s.close()
    s = begin({k: v for k, v in signed.items()})  # no length at all
    answer = s.recv(65536)
    assert b" 411 " in answer.split(b"\r\n")[0] and b"MissingContentLength" in answer, answer
    s.close()
    temp = os.path.join(t.path, "objects", ".tmp")
    until(lambda: not os.listdir(temp), 10, "the cut upload's file is gone")


@case
def two_writers_of_one_key_leave_one_whole_object(t):
    aws = Aws(t, "--threads", "4")
    s3 = aws.client("s3", max_pool_connections=16)
    s3.create_bucket(Bucket="data")
    bodies = [bytes([65 + i]) * (1000 + 37 * i) for i in range(8)]
    s3.put_object(Bucket="data", Key="k", Body=bodies[0])
    stop = threading.Event()
    wrong = []

    def write(i):
        while not stop.is_set():
            s3.put_object(Bucket="data", Key="k", Body=bodies[i])

    def read():
        while not stop.is_set():
            got = s3.get_object(Bucket="data", Key="k")
            body = got["Body"].read()
            if body not in bodies or got["ETag"] != f'"{hashlib.md5(body).hexdigest()}"':
                wrong.append((len(body), got["ETag"]))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        jobs = [pool.submit(write, i) for i in range(5)] + [pool.submit(read) for _ in range(4)]
        time.sleep(2)
        stop.set()
        for job in jobs:
            job.result()
    assert not wrong, wrong[:3]
    wins = []
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        put = lambda i: aws.raw("PUT", "/data/once", bodies[i], {"If-None-Match": "*"})[0]
        wins = list(pool.map(put, range(8)))
    assert sorted(wins) == [200] + [412] * 7, wins


@case
def what_is_not_done_here_is_said(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    for call, more in ((s3.get_bucket_acl, {}), (s3.get_bucket_policy, {}), (s3.get_object_acl, {"Key": "k"}),
                       (s3.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Enabled"}}),
                       (s3.list_object_versions, {}), (s3.get_bucket_lifecycle_configuration, {}),
                       (s3.put_object_tagging, {"Key": "k", "Tagging": {"TagSet": []}}),
                       (s3.get_object, {"Key": "k", "VersionId": "7"}),
                       (s3.put_object, {"Key": "k", "Body": b"", "Tagging": "a=b"})):
        code, message, status = failure_of(call, Bucket="data", **more)
        assert (code, status) == ("NotImplemented", 501), (call, code, status)
    assert s3.get_object_tagging(Bucket="data", Key="k")["TagSet"] == []
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == b"x"
    status, _, body = aws.raw("PATCH", "/data/k")
    assert status in (405, 501), (status, body)


@case
def it_works_over_tls(t):
    if subprocess.run(["sh", "-c", "command -v openssl"], capture_output=True, check=False).returncode:
        raise Skip("openssl is not installed")
    aws = Aws(t, "--tls")
    assert aws.url.startswith("https://")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data")
    body = blob(9 * MB)
    s3.put_object(Bucket="data", Key="k", Body=body)
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == body
    aws.cli("s3", "cp", "-", "s3://data/cli", stdin=b"by cli")
    assert aws.cli("s3", "cp", "s3://data/cli", "-").stdout == b"by cli"
    bundle = aws.bundle
    p = subprocess.run(["curl", "-sS", "--cacert", bundle, aws.url + "/data/cli"], capture_output=True, text=True, check=False)
    assert code_of(p.stdout) == "AccessDenied", p
    key, given = os.path.join(t.path, "key.pem"), os.path.join(t.path, "given.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1", "-keyout", key, "-out", given],
                   capture_output=True, check=True)
    t.servers[0].terminate()
    t.servers[0].wait(20)
    t.serve("--tls-cert", given, "--tls-key", key)  # one's own certificate
    aws.url, aws.bundle = t.url, given
    assert aws.client("s3").get_object(Bucket="data", Key="k")["Body"].read() == body
    assert aws.client("sagemaker").list_models()["Models"] == [] and aws.client("sts").get_caller_identity()["Account"]
    aws.bundle = bundle  # nobody there vouches for this one
    try:
        aws.client("s3", checked=False).list_buckets()
        raise AssertionError("a certificate of nobody's was taken")
    except botocore.exceptions.SSLError:
        pass
    signed = aws.client("s3").generate_presigned_url("get_object", Params={"Bucket": "data", "Key": "cli"})
    for ca, good in ((given, True), (bundle, False)):
        p = subprocess.run(["curl", "-sS", "--cacert", ca, signed], capture_output=True, check=False)
        assert (p.returncode == 0 and p.stdout == b"by cli") == good, p
    t.servers[1].terminate()
    t.servers[1].wait(20)
    p = t.run("serve", "--port", "0", "--tls-cert", "/dev/null", "--tls-key", "/dev/null", ok=False)
    assert p.returncode != 0 and "PEM" in p.stderr, p.stderr
    p = t.run("serve", "--port", "0", "--tls-cert", "x", ok=False)
    assert p.returncode != 0 and "belong together" in p.stderr, p.stderr


@case
def unchanged_code_is_caught_by_its_environment(t):
    aws = Aws(t)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    env = {**aws.env, "PYTHONPATH": os.path.join(root, "examples", "aws")}
    code = ("import boto3\nboto3.client('s3').create_bucket(Bucket='caught')\n"
            "boto3.resource('s3').Object('caught', 'k').put(Body=b'v')\n"
            "print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()['Account'])")
    p = subprocess.run(["/usr/bin/python3", "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 0 and p.stdout.strip() == "123456789012", p.stderr[-2000:]
    if os.path.exists("/usr/bin/aws"):
        p = subprocess.run(["/usr/bin/aws", "s3", "ls", "s3://caught"], env=env, capture_output=True, text=True,
                           timeout=60, check=False)
        assert p.returncode == 0 and p.stdout.strip().endswith(" k"), (p.stdout, p.stderr)
    shell = subprocess.run(["sh", "-c", f'eval "$({os.environ.get("FETTLE_PROGRAM_UNDER_TEST", root + "/build/fettle")} aws env)"; '
                            'echo $AWS_ENDPOINT_URL $AWS_EC2_METADATA_DISABLED'], env=t.env, capture_output=True, text=True,
                           check=True)
    assert shell.stdout.strip() == f"{aws.url} true", shell.stdout


@case
def access_keys_are_made_listed_and_removed(t):
    made = t.json("keys", "add", "--note", "mine")
    assert made["id"].startswith("AKIA") and len(made["id"]) == 20 and len(made["secret"]) == 40, made
    t.run("keys", "add", "OWNID")
    assert t.run("keys", "add", "OWNID", ok=False).returncode != 0
    assert t.run("keys", "add", "bad id", ok=False).returncode != 0
    rows = t.json("keys", "ls")
    assert [r["id"] for r in rows] == [made["id"], "OWNID"] and rows[0]["note"] == "mine"
    assert made["secret"] not in t.run("keys", "ls").stdout
    t.run("keys", "rm", "OWNID")
    assert t.run("keys", "rm", "OWNID", ok=False).returncode != 0
    assert t.run("aws", "env", ok=False).returncode != 0, "no server runs"
    p = t.run("aws", "env", "--url", "http://x", "--key", "AKIANOPE", ok=False)
    assert p.returncode == 66 and "no access key AKIANOPE" in p.stderr, (p.returncode, p.stderr)
    assert [r["id"] for r in t.json("keys", "ls")] == [made["id"]], "no key was made"
    assert t.json("aws", "env", "--url", "http://x", "--key", made["id"])["AWS_SECRET_ACCESS_KEY"] == made["secret"]


main()
