"""serving.py -- what serve.py and start.py share: a model of 100 trees over 30 features with its answers, our server and the
peer as processes, and how their processor time and memory are read."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"
BUILD = os.environ.get("FETTLE_BENCH_BUILD", os.path.join(ROOT, "build-bench"))
FETTLE = os.path.join(BUILD, "fettle")
CLIENT = os.path.join(BUILD, "bench", "serve-client")
PEER = os.path.join(ROOT, "bench", "peers", "fastapi_xgboost.py")

MODEL = """
import sys
import numpy, xgboost
r = numpy.random.default_rng(7)
x = r.normal(size=(20000, 30)).astype(numpy.float32)
y = (x[:, 0] * x[:, 1] + numpy.sin(3 * x[:, 2]) + 0.5 * x[:, 3] + 0.3 * r.normal(size=len(x)) > 0).astype(int)
b = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 2, "tree_method": "hist"},
                  xgboost.DMatrix(x, y), 100)
b.save_model(sys.argv[1])
b = xgboost.Booster(model_file=sys.argv[1])
with open(sys.argv[2], "w") as f:
    for row in x[:1000]:
        text = ",".join("%.6g" % v for v in row)
        sent = numpy.array([float(v) for v in text.split(",")], dtype=numpy.float32).reshape(1, -1)
        f.write("%s\\t%.9g\\n" % (text, float(b.inplace_predict(sent)[0])))
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def missing(*modules):
    """The first module that the Debian Python lacks, or None."""
    for m in modules:
        if subprocess.run([PYTHON, "-c", f"import {m}"], stderr=subprocess.DEVNULL).returncode:
            return m
    return None


class Bench:
    """A folder with the model, its pairs of rows and answers, and a home."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="fettle-bench-")
        self.model = os.path.join(self.dir, "model.json")
        self.pairs = os.path.join(self.dir, "pairs")
        self.home = os.path.join(self.dir, "home")
        subprocess.run([PYTHON, "-c", MODEL, self.model, self.pairs], check=True)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.processes:
            self.stop(p)
        shutil.rmtree(self.dir, ignore_errors=True)

    def env(self):
        return dict(os.environ, FETTLE_HOME=self.home, FETTLE_LOG="off", OMP_NUM_THREADS="1")

    def start(self, command):
        p = subprocess.Popen(command, env=self.env(), stdout=subprocess.DEVNULL, start_new_session=True)
        self.processes.append(p)
        return p

    def stop(self, p):
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGTERM)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()

    def fettle(self, *arguments):
        subprocess.run([FETTLE, *arguments], env=self.env(), stdout=subprocess.DEVNULL, check=True)

    def row(self):
        with open(self.pairs, encoding="ascii") as f:
            body, answer = f.readline().split("\t")
        return body, float(answer)


def ask(port, path, body, timeout=60):
    """One POST until it is answered with 200; the answer's text."""
    request = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nConnection: close\r\n"
               f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(request)
                answer = b""
                while piece := s.recv(65536):
                    answer += piece
            if answer.startswith(b"HTTP/1.1 200"):
                return answer.split(b"\r\n\r\n", 1)[1].decode()
        except OSError:
            pass
        time.sleep(0.0005)
    sys.exit(f"port {port} did not answer {path}")


def cpu_seconds(pid):
    """User and system time of a process, all its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(l.split()[1]) for l in f if l.startswith("VmRSS:")) / 1024


def pin(pid, cpu):
    """Every thread of a process on one processor."""
    for t in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(t), {cpu})


def write(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
