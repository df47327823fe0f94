"""tap.py -- what the tests that span rooms share: cases in TAP, a home of their own, the program, a server.

    @case
    def jobs_are_listed(t): …
    main()
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", os.path.join(ROOT, "build", "fettle"))
SHARED = os.environ.get("FETTLE_SHARED_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))
FASHION = "/usr/share/datasets/fashion-mnist"
CASES = []


class Skip(Exception):
    """Raised with the reason when something that may truly be absent is absent."""


def case(function):
    CASES.append(function)
    return function


def shared(path):
    full = os.path.join(SHARED, path)
    if not os.path.exists(full):
        raise Skip(f"{path} is not in the shared data")
    return full


class Home:
    """A fresh $FETTLE_HOME and what is done with the program in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="fettle-test-")
        self.env = dict(os.environ, FETTLE_HOME=self.path, FETTLE_LOG="warn", FETTLE_PODMAN="")  # images are not fetched
        self.servers = []

    def run(self, *args, ok=True, stdin=None, timeout=120):
        p = subprocess.run([FETTLE, *map(str, args)], env=self.env, input=stdin, capture_output=True,
                           text=True, timeout=timeout)
        if ok and p.returncode != 0:
            raise AssertionError(f"fettle {' '.join(map(str, args))}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def json(self, *args, **kw):
        return json.loads(self.run(*args, "--json", **kw).stdout)

    def sql(self, text):
        return self.json("sql", text)

    def start(self, *args, **kw):
        return subprocess.Popen([FETTLE, *map(str, args)], env=self.env, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **kw)

    def serve(self, *args):
        p = self.start("serve", "--port", "0", *args)
        self.servers.append(p)
        line = p.stdout.readline()
        m = re.search(r"serving on (\S+)", line)
        if not m:
            p.kill()
            raise AssertionError("no server: " + line + p.stderr.read())
        self.url = m.group(1)
        return p

    def http(self, method, path, body=None, headers=None):
        """-> status, headers, body bytes"""
        data = body.encode() if isinstance(body, str) else body
        req = urllib.request.Request(self.url + path, data=data, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(req, timeout=20) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def close(self):
        for p in self.servers:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                try:
                    p.wait(10)
                except subprocess.TimeoutExpired:
                    p.kill()
        shutil.rmtree(self.path, ignore_errors=True)


def until(condition, seconds=20, what="condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def main():
    chosen = sys.argv[1:]
    cases = [c for c in CASES if not chosen or c.__name__ in chosen]
    print(f"1..{len(cases)}", flush=True)
    failed = 0
    for i, function in enumerate(cases, 1):
        name = function.__name__.replace("_", " ")
        home = Home()
        try:
            function(home)
            print(f"ok {i} - {name}", flush=True)
        except Skip as s:
            print(f"ok {i} - {name} # SKIP {s}", flush=True)
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
                print(f"{name}: {line}", file=sys.stderr)  # what the runner's log shows
            print(f"not ok {i} - {name}", flush=True)
        finally:
            home.close()
    sys.exit(1 if failed else 0)
