#!/usr/bin/python3
"""s3.py -- the S3 front door beside moto's S3 server.

    s3.py OUT.json [--seconds=3] [--gigabyte=1024] [--only=sigv4]

put-4k-Nconn, get-4k-Nconn: requests a second by wrk, signed beforehand by botocore; ours checks each signature and has every put
on disk before it answers, moto checks none and keeps objects in memory. put-1g, get-1g: one stream by curl. list-1000: a page of
1,000 keys out of 100,000. sigv4: one check of a signature, beside botocore making the same one. The peer is the Python folder
that tests/prove/peers.sh moto makes.
"""
import hashlib
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("FETTLE_BENCH_BUILD", os.path.join(ROOT, "build-bench"))
PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
MOTO = os.path.join(PEERS, "moto", "bin", "python")
REGION, KEYS, BLOCK = "us-east-1", 64, bytes(range(256)) * 16
LISTED = 100000

LUA = """
local requests = {}
for line in io.lines("%s") do requests[#requests + 1] = line:gsub("\\\\(%%x%%x)", function(h) return string.char(tonumber(h, 16)) end) end
local i = 0
request = function() i = i %% #requests + 1; return requests[i] end
local bad = 0
response = function(status) if status ~= 200 then bad = bad + 1; if bad == 1 then io.stderr:write("status " .. status .. "\\n") end end end
"""


class Server:
    """Ours or the peer: a process, its port, an access key."""

    def __init__(self, name, command, port, key="k", secret="s", env=None):
        self.name, self.port, self.key, self.secret = name, port, key, secret
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        end = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    sys.exit(f"{name} does not listen")
                time.sleep(0.05)

    def signed(self, method, target, body=b"", query=False):
        """The request signed in its headers; or the address signed in its query."""
        made = botocore.awsrequest.AWSRequest(method, f"http://127.0.0.1:{self.port}{target}", {}, body)
        credentials = botocore.credentials.Credentials(self.key, self.secret)
        if query:
            botocore.auth.S3SigV4QueryAuth(credentials, "s3", REGION, expires=3600).add_auth(made)
            return made.url
        botocore.auth.S3SigV4Auth(credentials, "s3", REGION).add_auth(made)
        return dict(made.headers.items())

    def wire(self, method, target, body=b""):
        head = {"Host": f"127.0.0.1:{self.port}", **self.signed(method, target, body)}
        if body:
            head["Content-Length"] = str(len(body))
        return (f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n").encode() + body

    def ask(self, method, target, body=b""):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        c.request(method, target, body or None, self.signed(method, target, body))
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, text

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ours_start(folder):
    home, port = os.path.join(folder, "home"), free_port()
    env = dict(os.environ, FETTLE_HOME=home, FETTLE_LOG="off")
    subprocess.run([os.path.join(BUILD, "bench", "s3-tool"), "fill", home, "listed", str(LISTED)], check=True)
    added = subprocess.run([os.path.join(BUILD, "fettle"), "keys", "add", "--json"], env=env, capture_output=True, check=True,
                           text=True).stdout
    key, secret = re.search(r'"id":"(\w+)","secret":"(\w+)"', added).groups()
    threads = str(min(4, os.cpu_count()))
    return Server(f"fettle, {threads} threads", [os.path.join(BUILD, "fettle"), "serve", "--port", str(port), "--threads", threads],
                  port, key, secret, env)


def peer_start():
    version = subprocess.run([MOTO, "-c", "import moto; print(moto.__version__)"], capture_output=True, text=True, check=False)
    if version.returncode:
        return None, "moto is not there: tests/prove/peers.sh moto makes it"
    port = free_port()
    command = [MOTO, os.path.join(ROOT, "bench", "peers", "moto_s3.py"), str(port), "listed", str(LISTED)]
    return Server("moto " + version.stdout.strip(), command, port), None


def rate(server, folder, method, connections, seconds):
    """Requests a second."""
    lines, script = os.path.join(folder, "requests"), os.path.join(folder, "load.lua")
    with open(lines, "wb") as f:
        for i in range(KEYS):
            raw = server.wire(method, f"/bench/key-{i:04d}", BLOCK if method == "PUT" else b"")
            f.write(b"".join(b"\\%02x" % b if b < 33 or b > 126 or b == 92 else bytes([b]) for b in raw) + b"\n")
    with open(script, "w", encoding="utf-8") as f:
        f.write(LUA % lines)
    p = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", script,
                        f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in p.stdout or "status" in p.stderr:
        sys.exit(f"{server.name} refused some: {p.stdout}{p.stderr}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", p.stdout).group(1))


def stream(server, folder, method, megabytes):
    """MB/s of one object."""
    source = os.path.join(folder, "big")
    url = server.signed(method, "/bench/big", query=True)
    way = ["-T", source, "-H", "Expect:"] if method == "PUT" else ["-o", "/dev/null"]
    began = time.perf_counter()
    subprocess.run(["curl", "-sf", *way, url], check=True, stdout=subprocess.DEVNULL)
    return megabytes / (time.perf_counter() - began)


def page(server, runs=21):
    """Milliseconds of a page, from the middle of the bucket."""
    target = "/listed?list-type=2&start-after=folder-05%2Fpart-00050000.csv&max-keys=1000&encoding-type=url"
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        status, text = server.ask("GET", target)
        took.append((time.perf_counter() - began) * 1000)
        keys = re.findall(rb"<Key>([^<]+)</Key>", text)
        if status != 200 or len(keys) != 1000 or keys[0] != b"folder-05/part-00050001.csv":
            sys.exit(f"{server.name} lists {status} {len(keys)} {keys[:1]}")
    return statistics.median(took)


def botocore_us():
    made = lambda: botocore.awsrequest.AWSRequest(
        "PUT", "http://127.0.0.1:8080/data/folder/object%20name.bin?partNumber=7&uploadId=0123456789abcdef", {}, b"")
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), "s3", REGION)
    took = []
    for _ in range(15):
        began = time.perf_counter()
        for _ in range(200):
            signer.add_auth(made())
        took.append((time.perf_counter() - began) / 200 * 1e6)
    return statistics.median(took)


def check_equal(servers):
    """Both give back what they got, under its MD5."""
    for s in servers:
        s.ask("PUT", "/bench")
        s.ask("PUT", "/bench/check", BLOCK)
        status, body = s.ask("GET", "/bench/check")
        if status != 200 or hashlib.md5(body).digest() != hashlib.md5(BLOCK).digest():
            sys.exit(f"{s.name} does not give back an object")


def row(case, unit, measure, servers, runs, higher, absent):
    figures = [[] for _ in servers]
    for _ in range(runs):
        for i, s in enumerate(servers):
            figures[i].append(measure(s))
    ours = statistics.median(figures[0])
    made = {"case": case, "ours": ours, "peer": None, "unit": unit, "ratio": None, "runs": runs}
    if len(servers) < 2:
        return {**made, "not_run": absent}
    peer = statistics.median(figures[1])
    return {**made, "peer": peer, "ratio": ours / peer if higher else peer / ours, "peer_name": servers[1].name,
            "ours_name": servers[0].name}


def measure_all(folder, servers, absent, seconds, megabytes):
    rows = []
    for method in ("PUT", "GET"):
        for connections in (1, 16):
            rows.append(row(f"{method.lower()}-4k-{connections}conn", "requests/s",
                            lambda s, m=method, c=connections: rate(s, folder, m, c, seconds), servers, 3, True, absent))
    with open(os.path.join(folder, "big"), "wb") as f:
        for _ in range(megabytes):
            f.write(os.urandom(1 << 20))
    for method in ("PUT", "GET"):
        rows.append(row(f"{method.lower()}-1g", "MB/s", lambda s, m=method: stream(s, folder, m, megabytes), servers, 3, True,
                        absent))
    rows.append(row("list-1000", "ms", page, servers, 3, False, absent))
    rows.append(sigv4())
    return rows


def sigv4():
    """One check of a signature: no server is needed for it."""
    tool = [os.path.join(BUILD, "bench", "s3-tool"), "sigv4", "2000"]
    ours = float(subprocess.run(tool, capture_output=True, text=True, check=True).stdout)
    peer = botocore_us()
    return {"case": "sigv4", "ours": ours, "peer": peer, "unit": "us", "ratio": peer / ours, "runs": 15,
            "peer_name": f"botocore {botocore.__version__}, making it"}


def option(name, otherwise):
    return next((int(a.split("=")[1]) for a in sys.argv[1:] if a.startswith(f"--{name}=")), otherwise)


def main():
    import json
    out = next(a for a in sys.argv[1:] if not a.startswith("-"))
    if "--only=sigv4" in sys.argv:
        with open(out, "w", encoding="utf-8") as f:
            json.dump([sigv4()], f, indent=1)
        return
    folder = tempfile.mkdtemp(prefix="fettle-bench-s3-")
    servers = []
    try:
        servers.append(ours_start(folder))
        peer, absent = peer_start()
        if peer:
            servers.append(peer)
        check_equal(servers)
        rows = measure_all(folder, servers, absent, option("seconds", 3), option("gigabyte", 1024))
        with open(out, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
