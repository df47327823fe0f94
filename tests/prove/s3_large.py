#!/usr/bin/python3
"""s3_large.py -- what is too large for every day's tests: an object of 5 GB up and down, as one stream and in parts, in a server
whose memory stays what it was; a bucket of 1,000,000 keys whose pages come in 10 ms wherever they begin. Needs 13 GB of disk.

    s3_large.py [object] [keys]
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

from aws_home import Aws, boto3, botocore  # noqa: E402
from tap import FETTLE, Home  # noqa: E402

GB5, MB, KEYS, PAGES = 5 * 10**9, 1 << 20, 1000000, 30
MEMORY_MB, PAGE_MS = 100, 10
TOOL = os.path.join(os.path.dirname(FETTLE), "bench", "s3-tool")
BLOCK = os.urandom(MB)


class Stream:
    """So many bytes to read: a block, again and again."""

    def __init__(self, size):
        self.left, self.at, self.size = size, 0, size

    def read(self, count=-1):
        count = min(count if count and count > 0 else self.left, self.left)
        out = bytearray()
        while len(out) < count:
            begin = (self.at + len(out)) % MB
            out += BLOCK[begin:begin + count - len(out)]
        self.left -= count
        self.at += count
        return bytes(out)


class Unsigned(botocore.auth.S3SigV4Auth if boto3 else object):
    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def same(body):
    """Does the stream give what Stream gave?"""
    want, total = Stream(GB5), 0
    for piece in body.iter_chunks(8 * MB):
        if piece != want.read(len(piece)):
            return False
        total += len(piece)
    return total == GB5


def peak_mb(home):
    with open(f"/proc/{home.servers[0].pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def put_whole(aws, target):
    made = botocore.awsrequest.AWSRequest("PUT", aws.url + target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"")
    Unsigned(botocore.credentials.Credentials(aws.key, aws.secret), "s3", "us-east-1").add_auth(made)
    c, stream = aws.connect(600), Stream(GB5)
    c.putrequest("PUT", target)
    for name, value in {**dict(made.headers.items()), "Content-Length": str(GB5)}.items():
        c.putheader(name, value)
    c.endheaders()
    while stream.left:
        c.send(stream.read(MB))
    status = c.getresponse().status
    c.close()
    return status


def objects(home):
    aws = Aws(home)
    s3 = aws.client("s3", checked=False, read_timeout=600)
    s3.create_bucket(Bucket="large")
    took = []
    for way in ("one stream", "parts"):
        began = time.monotonic()
        if way == "parts":
            s3.upload_fileobj(Stream(GB5), "large", "o", Config=boto3.s3.transfer.TransferConfig(multipart_chunksize=64 * MB))
        elif put_whole(aws, "/large/o") != 200:
            return ["PutObject of 5 GB was refused"]
        up = time.monotonic() - began
        answer = s3.get_object(Bucket="large", Key="o")
        if answer["ContentLength"] != GB5 or not same(answer["Body"]):
            return [f"5 GB as {way} came back as something else"]
        took.append(f"{way}: up in {up:.0f} s, down in {time.monotonic() - began - up:.0f} s")
        s3.delete_object(Bucket="large", Key="o")
    peak = peak_mb(home)
    print(f"5 GB, {'; '.join(took)}; the server's memory at its peak: {peak:.0f} MB")
    return [f"the server took {peak:.0f} MB, {MEMORY_MB} are allowed"] if peak > MEMORY_MB else []


def keys(home):
    began = time.monotonic()
    subprocess.run([TOOL, "fill", home.path, "many", str(KEYS)], check=True, timeout=1200)
    print(f"{KEYS} keys in {time.monotonic() - began:.0f} s")
    aws = Aws(home)
    c, bad = aws.connect(), []
    for name, query in [("first", ""), ("middle", "&start-after=folder-50/part-00500000.csv"), ("last", "&start-after=folder-99/part-00998999.csv"),
                        ("prefix", "&prefix=folder-73/"), ("folders", "&delimiter=%2F"), ("folders from the middle", "&delimiter=%2F&start-after=folder-49/"),
                        ("version 1", "&marker=folder-50/part-00500000.csv")]:
        target = "/many?" + ("list-type=2&" if name != "version 1" else "") + "max-keys=1000" + query.replace("/", "%2F")
        ms = []
        for _ in range(PAGES):
            headers = aws.sign("GET", target)
            began = time.perf_counter()
            c.request("GET", target, headers=headers)
            answer = c.getresponse()
            text = answer.read()
            ms.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                return [f"page {name}: {answer.status} {text[:200]}"]
        found = text.count(b"<Key>") + text.count(b"<CommonPrefixes>")
        print(f"page {name}: {found} found, {statistics.median(ms):.2f} ms")
        if statistics.median(ms) > PAGE_MS or not found:
            bad.append(f"page {name}: {found} found in {statistics.median(ms):.2f} ms")
    return bad


def main():
    chosen = sys.argv[1:] or ["object", "keys"]
    if boto3 is None or not os.path.exists(TOOL):
        print("NOT RUN: python3-boto3 or the build's bench programs are not there")
        sys.exit(77)
    if shutil.disk_usage("/tmp").free < 13 * 10**9:
        print("NOT RUN: less than 13 GB of disk are free")
        sys.exit(77)
    bad = []
    for name, part in (("object", objects), ("keys", keys)):
        if name in chosen:
            home = Home()
            try:
                bad += part(home)
            finally:
                home.close()
    for text in bad:
        print("FAIL " + text)
    sys.exit(1 if bad else 0)


main()
