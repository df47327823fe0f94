#!/usr/bin/python3
"""remote_peer.py [moto|swift] -- our S3 client against servers that others wrote, OpenStack's Swift with its S3 layer (Debian's
packages) and moto, through a proxy that breaks answers: listing in pages, whole and multipart puts, ranged gets under every
fault, a job in three modes. moto is the peer `moto` of peers.sh; one of the two has to be there."""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import tap  # noqa: E402
from s3_proxy import Proxy  # noqa: E402
import swift_server  # noqa: E402

PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
MOTO = os.path.join(PEERS, "moto", "bin", "python")
MIB = 1 << 20


def moto(folder):
    version = subprocess.run([MOTO, "-c", "import moto; print(moto.__version__)"], capture_output=True, text=True,
                             check=False) if os.path.exists(MOTO) else None
    if not version or version.returncode:
        raise OSError("moto is not there: tests/prove/peers.sh moto makes it")
    port = random.randrange(20000, 60000)
    p = subprocess.Popen([MOTO, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
                         stdout=subprocess.DEVNULL, stderr=open(os.path.join(folder, "moto.log"), "w"))
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(url + "/moto-api/", timeout=2).read()
            return p, url, "moto " + version.stdout.strip()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    p.kill()
    sys.exit("moto does not listen")


class Moto:
    key, secret = "k", "s"

    def __init__(self, folder):
        self.process, self.url, self.name = moto(folder)

    def end(self):
        self.process.kill()
        self.process.wait()


class Swift(swift_server.Swift):
    key, secret = swift_server.KEY, swift_server.SECRET

    def __init__(self, folder):
        super().__init__(folder)
        told = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "swift-proxy"], capture_output=True, text=True, check=False)
        self.name = "Swift " + told.stdout


def client(server):
    import boto3
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=server.url, aws_access_key_id=server.key, aws_secret_access_key=server.secret,
                        region_name="us-east-1", config=Config(s3={"addressing_style": "path"}, max_pool_connections=8))


def faults(t, proxy, data):
    checked = 0
    for fault in (None, "cut", "refuse", "503", "500", "short", "delay"):
        proxy.fault = lambda n, method, path, fault=fault: fault if method != "PUT" and n % 3 == 2 else None
        for parts in (1, 8):
            out = os.path.join(t.path, "out")
            told = t.json("remote", "get", "s3://far-data/big", out, "--stats", "--no-cache", "--parts", parts, timeout=300)
            with open(out, "rb") as f:
                assert f.read() == data, f"{fault}, {parts} parts"
            assert told["net_bytes"] == len(data), (fault, parts, told)
            checked += 1
    proxy.fault = lambda n, method, path: "etag" if method == "GET" else None
    p = t.run("remote", "get", "s3://far-data/big", out, "--no-cache", ok=False)
    assert p.returncode and "has changed" in p.stderr, p.stderr
    proxy.fault = lambda n, method, path: None
    return checked + 1


def train(t, source, *args):
    told = t.run("train", "xgboost", "--train", source, "--header", "no", "--set", "num_round=5", "--json", *args)
    uri = json.loads(told.stdout)["model"].rstrip("/")
    return t.run("remote", "get", uri + "/model.json").stdout


def job(t):
    folder = os.path.join(t.path, "rows")
    os.mkdir(folder)
    for k in range(3):
        with open(os.path.join(folder, f"{k}.csv"), "w", encoding="utf-8") as f:
            f.write("".join(f"{(i * 7 + k) % 2},{i % 13},{i % 17}\n" for i in range(500)))
        t.run("remote", "put", os.path.join(folder, f"{k}.csv"), f"s3://far-data/rows/{k}.csv")
    want = train(t, folder)
    for mode in ("file", "pipe", "fastfile"):
        assert train(t, "s3://far-data/rows/", "--input-mode", mode) == want, mode


def pages(t, s3):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: s3.put_object(Bucket="far-data", Key=f"many/{i:05d} &+", Body=b"x"), range(2300)))
    names = [r["uri"] for r in t.json("remote", "ls", "s3://far-data/many/", timeout=120)]
    assert names == [f"s3://far-data/many/{i:05d} &+" for i in range(2300)], names[:3]


def prove(kind):
    t = tap.Home()
    folder = os.path.join(t.path, "server")
    os.mkdir(folder)
    server = None
    try:
        server = kind(folder)
        s3 = client(server)
        s3.create_bucket(Bucket="far-data")
        proxy = Proxy(server.url)
        t.env = dict(t.env, AWS_ENDPOINT_URL=proxy.url, AWS_ACCESS_KEY_ID=server.key, AWS_SECRET_ACCESS_KEY=server.secret,
                     AWS_REGION="us-east-1")
        data = os.urandom(30 * MIB + 77)
        source = os.path.join(t.path, "source")
        with open(source, "wb") as f:
            f.write(data)
        t.run("remote", "put", source, "s3://far-data/big")
        count = faults(t, proxy, data)
        pages(t, s3)
        job(t)
        print(f"PASS  {server.name}: {count} downloads under faults, each byte once; 2,300 keys in pages; a job in three modes")
        return True
    except (OSError, ImportError) as e:
        print(f"NOT RUN: {e}")
        return False
    finally:
        if server:
            server.end()
        t.close()


def main():
    kinds = {"swift": Swift, "moto": Moto}
    done = [prove(kinds[name]) for name in sys.argv[1:] or kinds]
    sys.exit(0 if any(done) else 77)


main()
