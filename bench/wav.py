#!/usr/bin/python3
"""wav.py -- 600 s of PCM into WAV, and into 8 kHz µ-law, beside sox.

    wav.py OUT.json [--runs=9]

Wall and CPU seconds of the programs, in turn, over files in memory. The WAVs must be the same bytes, the µ-law files nearly the same sound.
`cp` of the samples is what no program that writes a file of its own can do without: the row `wav-cp` has it for the peer.
"""
import array
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", "build-bench/fettle")
SECONDS, RATE = 600, 16000


def make(path):
    """A voice-like sound: tones that glide, louder and softer."""
    one = array.array("h", (int(7000 * math.sin(i * i * 5.5e-6) * math.sin(i * 6e-4) + 2000 * math.sin(i * 0.31))
                            for i in range(RATE * 6)))
    with open(path, "wb") as f:
        for _ in range(SECONDS // 6):
            f.write(one.tobytes())


def run(command):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def samples(path):
    raw = subprocess.run(["sox", "-V0", path, "-t", "raw", "-e", "signed", "-b", "16", "-"], check=True,
                         capture_output=True).stdout
    return array.array("h", raw)


def check(folder):
    with open(os.path.join(folder, "ours.wav"), "rb") as a, open(os.path.join(folder, "sox.wav"), "rb") as b:
        if a.read() != b.read():
            sys.exit("wav: other bytes than sox's")
    a, b = (samples(os.path.join(folder, n))[4000:84000] for n in ("ours.ulaw.wav", "sox.ulaw.wav"))
    error = sum((x - y) ** 2 for x, y in zip(a, b)) / sum(x * x for x in a)
    if error > 1e-3:
        sys.exit(f"µ-law: {10 * math.log10(error):.1f} dB from sox's")


def main():
    runs = next((int(a.split("=")[1]) for a in sys.argv[2:] if a.startswith("--runs=")), 9)
    rows = []
    # In memory where there is such a folder: the disk is the same for both and noisy.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as d:
        pcm = os.path.join(d, "in.pcm")
        make(pcm)
        raw = ["-t", "raw", "-r", str(RATE), "-e", "signed", "-b", "16", "-c", "1", pcm]
        cases = {"wav": ([FETTLE, "convert", pcm, d + "/ours.wav"], ["sox", "-D", *raw, d + "/sox.wav"]),
                 "ulaw-8k": ([FETTLE, "convert", "--to-rate", "8000", pcm, d + "/ours.ulaw.wav"],
                             ["sox", "-V1", "-D", *raw, "-r", "8000", "-e", "mu-law", d + "/sox.ulaw.wav"]),
                 "wav-cp": ([FETTLE, "convert", pcm, d + "/ours.wav"], ["cp", pcm, d + "/cp.pcm"])}
        for case, (ours, peer) in cases.items():
            a, b = [], []
            for _ in range(runs):
                a.append(run(ours))
                if shutil.which(peer[0]):
                    b.append(run(peer))
            for k, name in ((0, ""), (1, "-cpu")):
                mine = statistics.median(x[k] for x in a)
                row = {"case": case + name, "ours": mine, "peer": None, "unit": "ms", "runs": runs}
                if b:
                    row["peer"] = statistics.median(x[k] for x in b)
                    row["ratio"] = row["peer"] / mine
                else:
                    row["not_run"] = f"{peer[0]} is not installed"
                rows.append(row)
        if shutil.which("sox"):
            check(d)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
