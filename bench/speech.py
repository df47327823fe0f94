#!/usr/bin/python3
"""speech.py -- speech beside the flite and espeak-ng programs.

    speech.py OUT.json [--runs=9]

cpu: CPU seconds of the program for a second of speech, ours beside flite's (the same voices) and espeak-ng's. cold: from the
start of the process to its first byte of sound, flite's to the end of its file (it writes none before). warm: the same
in a process that has its engines open. parallel: eight requests at once; the longest that any of them let its listener wait.
"""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave

FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", "build-bench/fettle")
TOOL = os.environ.get("FETTLE_SPEECH_TOOL", "build-bench/bench/speech")
SENTENCE = "The city council voted to close the bridge for repairs this summer."
TEXT = " ".join([SENTENCE, "Two teams, both from the north, will meet in the final match on Sunday afternoon.",
                 "Heavy rain is expected along the coast, and the roads may close.",
                 "Doctors say that the treatment works best when it begins early."])


def seconds(path):
    with wave.open(path, "rb") as w:
        return w.getnframes() / w.getframerate()


def cpu(command, path):
    """CPU seconds of a program for each second of what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / seconds(path)


def first_byte_ms(command, skip=0):
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        p.stdout.read(skip + 2)
        took = (time.perf_counter() - began) * 1000
        p.stdout.read()
    return took


def whole_ms(command):
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def tool(*words, text=SENTENCE):
    out = subprocess.run([TOOL, *map(str, words)], input=text, capture_output=True, text=True, check=True).stdout
    return [float(line) for line in out.split()]


def row(case, unit, ours, peers, better="less"):
    a = statistics.median(ours)
    out = {"case": case, "ours": a, "peer": None, "unit": unit, "runs": len(ours)}
    if isinstance(peers, str):
        return out | {"not_run": peers}
    if peers:
        out["peer"] = statistics.median(peers)
        out["ratio"] = out["peer"] / a if a else None
    return out


def main():
    runs = next((int(a.split("=")[1]) for a in sys.argv[2:] if a.startswith("--runs=")), 9)
    absent = {p: None if shutil.which(p) else f"{p} is not installed" for p in ("flite", "espeak-ng")}
    rows = []
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "x.wav")
        for ours, peer, command in (
                ("Joanna", "flite", ["flite", "-voice", "slt", "-t", TEXT, "-o", path]),
                ("Matthew", "flite", ["flite", "-voice", "rms", "-t", TEXT, "-o", path]),
                ("Brian", "espeak-ng", ["espeak-ng", "-v", "en-gb", "-w", path, TEXT])):
            mine, theirs = [], []
            for _ in range(runs):
                mine.append(cpu([FETTLE, "speak", "--voice", ours, "--out", path, TEXT], path))
                if not absent[peer]:
                    theirs.append(cpu(command, path))
            rows.append(row(f"cpu-{ours}-vs-{peer}", "CPU s/s", mine, absent[peer] or theirs))
        say = ["speak", "--format", "pcm", "--out", "-", SENTENCE]
        cold = {"Joanna": [], "Lupe": [], "flite": [], "espeak-ng": []}
        for _ in range(runs):
            for voice in ("Joanna", "Lupe"):
                cold[voice].append(first_byte_ms([FETTLE, *say, "--voice", voice]))
            if not absent["flite"]:
                cold["flite"].append(whole_ms(["flite", "-voice", "slt", "-t", SENTENCE, "-o", path]))
            if not absent["espeak-ng"]:
                cold["espeak-ng"].append(first_byte_ms(["espeak-ng", "--stdout", "-v", "es-419", SENTENCE], 44))
    rows.append(row("cold-Joanna-vs-flite", "ms", cold["Joanna"], absent["flite"] or cold["flite"]))
    rows.append(row("cold-Lupe-vs-espeak-ng", "ms", cold["Lupe"], absent["espeak-ng"] or cold["espeak-ng"]))
    for voice in ("Joanna", "Matthew", "Lupe"):
        rows.append(row(f"warm-{voice}", "ms", tool("warm", voice, max(runs, 5)), []))
    gaps = [tool("parallel", "Joanna", 8, text=TEXT) for _ in range(max(runs // 3, 1))]
    rows.append(row("parallel-8-gap", "ms", [g[0] for g in gaps], []))
    rows.append(row("parallel-8-first", "ms", [g[1] for g in gaps], []))
    for r in rows:
        if r["peer"] is None and "not_run" not in r:
            r["not_run"] = "no peer: a bar in ms"
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
