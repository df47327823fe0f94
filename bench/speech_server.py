#!/usr/bin/python3
"""speech_server.py -- a warm server that speaks, as its listeners hear it.

    speech_server.py OUT.json [--runs=9]

first: from the request to the first byte of sound over HTTP, the voice being loaded. flite: the same sentence by flite's program, start to
end (it writes nothing before). gap: of eight listeners at once the longest that any of them had to wait after his first sound, if he
plays what has come at once; 0: nobody. ping: how long other requests took meanwhile, the slowest of a hundred.
"""
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", "build-bench/fettle")
SENTENCE = "The city council voted to close the bridge for repairs this summer."
TEXT = ("It was the best of times, it was the worst of times, it was the age of wisdom. " * 12).strip()
RATE = 16000 * 2


def speak(address, text, voice="Joanna", form="pcm"):
    """-> seconds to the first byte, seconds that a listener waited later, bytes"""
    c = http.client.HTTPConnection(address, timeout=120)
    body = json.dumps({"Text": text, "VoiceId": voice, "OutputFormat": form})
    began = time.perf_counter()
    c.request("POST", "/v1/speech", body)
    r = c.getresponse()
    assert r.status == 200, r.read()
    first, late, count = None, 0.0, 0
    while True:
        piece = r.read1(65536)
        now = time.perf_counter()
        if not piece:
            break
        if first is None:
            first = now
        late = max(late, now - first - count / RATE)
        count += len(piece)
    c.close()
    return first - began, late, count


def crowd(address):
    late, slow, end = [], [], threading.Event()

    def listen():
        late.append(speak(address, TEXT)[1])

    def ping():
        c = http.client.HTTPConnection(address, timeout=120)
        while not end.is_set() and len(slow) < 100:
            began = time.perf_counter()
            c.request("GET", "/ping")
            c.getresponse().read()
            slow.append(time.perf_counter() - began)
    threads = [threading.Thread(target=listen) for _ in range(8)] + [threading.Thread(target=ping)]
    for x in threads:
        x.start()
    for x in threads[:8]:
        x.join()
    end.set()
    threads[8].join()
    return max(late) * 1000, max(slow) * 1000


def row(case, ours, peers=None, why="no peer: a bar in ms"):
    a = statistics.median(ours)
    out = {"case": case, "ours": a, "peer": None, "unit": "ms", "runs": len(ours)}
    if not peers:
        return out | {"not_run": why}
    out["peer"] = statistics.median(peers)
    out["ratio"] = out["peer"] / a if a else None
    return out


def main():
    runs = next((int(a.split("=")[1]) for a in sys.argv[2:] if a.startswith("--runs=")), 9)
    rows = []
    with tempfile.TemporaryDirectory() as d:
        server = subprocess.Popen([FETTLE, "serve", "--port", "0"], env=dict(os.environ, FETTLE_HOME=d, FETTLE_LOG="off"),
                                  stdout=subprocess.PIPE, text=True)
        try:
            address = server.stdout.readline().split("//")[1].strip()
            wav = os.path.join(d, "x.wav")
            for voice, peer in (("Joanna", "slt"), ("Matthew", "rms"), ("Lupe", None)):
                speak(address, "Warm.", voice)
                ours, theirs = [], []
                for _ in range(runs):
                    ours.append(speak(address, SENTENCE, voice)[0] * 1000)
                    if peer and shutil.which("flite"):
                        began = time.perf_counter()
                        subprocess.run(["flite", "-voice", peer, "-t", SENTENCE, "-o", wav], check=True)
                        theirs.append((time.perf_counter() - began) * 1000)
                rows.append(row(f"http-first-{voice}", ours, theirs, "flite is not installed" if peer else "no peer: a bar in ms"))
            both = [crowd(address) for _ in range(max(3, runs // 3))]
            rows.append(row("http-8-gap", [x[0] for x in both]))
            rows.append(row("http-8-ping", [x[1] for x in both]))
        finally:
            server.terminate()
            server.wait(20)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
