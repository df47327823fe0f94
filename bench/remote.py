#!/usr/bin/python3
"""remote.py -- reading objects of another S3 server: `fettle remote get` beside awscli and boto3, both from our own server on
loopback, into memory (/dev/shm).

    remote.py OUT.json [--megabytes=1024] [--runs=3]

get-Nparts: MB/s of one object, N ranges at a time, nothing cached; the peer is `aws s3 cp` with its ten threads. cpu-awscli,
cpu-boto3: CPU seconds a gigabyte of the client alone (boto3: download_file in a process of its own, start-up counted for all
three). cached: the second read of an object, from the cache. latency-Nparts: 64 MB through a proxy that holds each request back
for 200 ms, as a far server does; the peer is one part at a time.
"""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("FETTLE_BENCH_BUILD", os.path.join(ROOT, "build-bench"))
FETTLE = os.path.join(BUILD, "fettle")
sys.path.insert(0, os.path.join(ROOT, "tests"))
from s3_proxy import Proxy  # noqa: E402

BOTO3 = """
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1])
s3.download_file("bench", sys.argv[2], sys.argv[3])
"""


def measured(command, env):
    """-> seconds, CPU seconds of the client"""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same(a, b):
    if subprocess.run(["cmp", "-s", a, b], check=False).returncode:
        sys.exit(f"{b} is not what was put")


def row(case, ours, peer, unit, runs, bigger=True):
    ours, peer = statistics.median(ours), statistics.median(peer) if peer else None
    ratio = None if peer is None else (ours / peer if bigger else peer / ours)
    return {"case": case, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "runs": runs,
            **({} if peer is not None else {"not_run": "no peer"})}


def main():
    options = dict(a[2:].split("=") for a in sys.argv[2:])
    megabytes, runs = int(options.get("megabytes", 1024)), int(options.get("runs", 3))
    fast = tempfile.mkdtemp(dir="/dev/shm")
    folder = tempfile.mkdtemp()
    env = dict({k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, FETTLE_LOG="off")
    far, near = dict(env, FETTLE_HOME=os.path.join(folder, "far")), dict(env, FETTLE_HOME=os.path.join(folder, "near"))
    server = subprocess.Popen([FETTLE, "serve", "--port", "0"], env=far, stdout=subprocess.PIPE, text=True)
    proxy = None
    try:
        url = re.search(r"http://\S+", server.stdout.readline()).group(0)
        keys = json.loads(subprocess.run([FETTLE, "aws", "env", "--json"], env=far, capture_output=True, check=True).stdout)
        near.update(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID=keys["AWS_ACCESS_KEY_ID"], AWS_REGION="us-east-1",
                    AWS_SECRET_ACCESS_KEY=keys["AWS_SECRET_ACCESS_KEY"], AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="",
                    AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
        aws = ["/usr/bin/aws", "--endpoint-url", url, "s3"]
        subprocess.run([*aws, "mb", "s3://bench"], env=near, check=True, stdout=subprocess.DEVNULL)
        big, out, peer_out = (os.path.join(fast, n) for n in ("big", "out", "peer"))
        for name, size in (("big", megabytes), ("small", 64)):
            with open(big if name == "big" else big + ".small", "wb") as f:
                for _ in range(size):
                    f.write(os.urandom(1 << 20))
            subprocess.run([FETTLE, "remote", "put", f.name, f"s3://bench/{name}"], env=near, check=True,
                           stdout=subprocess.DEVNULL)
        gb = megabytes * (1 << 20) / 1e9
        got = {n: [] for n in (1, 4, 8)}
        cpu, cli, cli_cpu, boto_cpu, cached = [], [], [], [], []
        for _ in range(runs):
            for parts, list_ in got.items():
                seconds, used = measured([FETTLE, "remote", "get", "s3://bench/big", out, "--no-cache", "--parts", str(parts)], near)
                list_.append(gb * 1e3 / seconds)
                if parts == 8:
                    cpu.append(used / gb)
                    same(big, out)
            os.unlink(out)
            seconds, used = measured([*aws, "cp", "--quiet", "s3://bench/big", peer_out], near)
            same(big, peer_out)
            cli.append(gb * 1e3 / seconds), cli_cpu.append(used / gb)
            os.unlink(peer_out)
            _, used = measured(["/usr/bin/python3", "-c", BOTO3, url, "big", peer_out], near)
            boto_cpu.append(used / gb)
            os.unlink(peer_out)
            subprocess.run([FETTLE, "remote", "get", "s3://bench/big", out], env=near, check=True)
            cached.append(gb * 1e3 / measured([FETTLE, "remote", "get", "s3://bench/big", out], near)[0])
            os.unlink(out)
        rows = [row(f"get-{n}parts", v, cli, "MB/s", runs) for n, v in got.items()]
        rows += [row("cpu-awscli", cpu, cli_cpu, "CPU s/GB", runs, False), row("cpu-boto3", cpu, boto_cpu, "CPU s/GB", runs, False),
                 row("cached", cached, cli, "MB/s", runs)]
        proxy = Proxy(url, latency=0.2)
        near["AWS_ENDPOINT_URL"] = proxy.url
        slow = {n: [] for n in (1, 4, 8)}
        for _ in range(runs):
            for parts, list_ in slow.items():
                seconds, _ = measured([FETTLE, "remote", "get", "s3://bench/small", out, "--no-cache", "--parts", str(parts)], near)
                list_.append(67.108864 / seconds)
        same(big + ".small", out)
        rows += [row(f"latency-{n}parts", v, slow[1], "MB/s", runs) for n, v in slow.items()]
        with open(sys.argv[1], "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
    finally:
        if proxy:
            proxy.close()
        server.terminate()
        server.wait()
        shutil.rmtree(fast), shutil.rmtree(folder)


main()
