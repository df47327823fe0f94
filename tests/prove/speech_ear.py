#!/usr/bin/python3
"""speech_ear.py -- an ear from outside: Debian's pocketsphinx with its US English model writes down what was said.

Our voices, neutral and in the news style, beside flite's own program with the same voices: 20 Harvard sentences and 200
others, each with 0.3 s of silence around it (dithered: zeros are no silence to a recogniser). Word errors (substituted, left
out, put in) of 100 words. PASS when ours are no more than flite's and the news style's no more than the neutral ones and 2.
usage: speech_ear.py [--every=N] [--keep=FOLDER]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", os.path.join(HERE, "..", "..", "build", "fettle"))
MODEL = "/usr/share/pocketsphinx/model/en-us"
SILENCE_S, HARVARD, SLACK = 0.3, 20, 2.0

SYSTEMS = {
    "joanna": ["--voice", "Joanna"], "joanna-news": ["--voice", "Joanna", "--style", "news"], "flite-slt": "slt",
    "matthew": ["--voice", "Matthew"], "matthew-news": ["--voice", "Matthew", "--style", "news"], "flite-rms": "rms",
}


def not_run(why):
    print(f"NOT RUN: {why}")
    sys.exit(77)


def sentences(every):
    with open(os.path.join(HERE, "speech_sentences.txt"), encoding="utf-8") as f:
        lines = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    return list(enumerate(lines))[::every]


def say(system, text, path):
    how = SYSTEMS[system]
    if isinstance(how, str):
        command = ["flite", "-voice", how, "-t", text, "-o", path]
    else:
        command = [FETTLE, "speak", *how, "--text", "--rate", "16000", "--out", path, text]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with wave.open(path, "rb") as w:
        rate, sound = w.getframerate(), w.readframes(w.getnframes())
    quiet = bytes(2 * int(rate * SILENCE_S))
    with wave.open(path, "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(rate)
        w.writeframes(quiet + sound + quiet)
    return len(sound) / 2 / rate


def hear(folder, names):
    ctl, hyp = os.path.join(folder, "list"), os.path.join(folder, "heard")
    with open(ctl, "w", encoding="utf-8") as f:
        f.write("\n".join(names) + "\n")
    subprocess.run(["pocketsphinx_batch", "-adcin", "yes", "-adchdr", "44", "-cepdir", folder, "-cepext", ".wav",
                    "-ctl", ctl, "-hyp", hyp, "-hmm", MODEL + "/en-us", "-lm", MODEL + "/en-us.lm.bin",
                    "-dict", MODEL + "/cmudict-en-us.dict", "-dither", "yes", "-seed", "1",
                    "-maxhmmpf", "3000", "-fwdflat", "no", "-pl_window", "5", "-logfn", "/dev/null"], check=True)
    heard = {}
    with open(hyp, encoding="utf-8") as f:
        for line in f:
            text, _, tail = line.rstrip().rpartition("(")
            heard[tail.split()[0]] = words(re.sub(r"\(\d+\)", "", text))
    return heard


def words(text):
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(want, got):
    row = list(range(len(got) + 1))
    for i, w in enumerate(want, 1):
        before, row[0] = row[0], i
        for k, g in enumerate(got, 1):
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, before + (w != g))
    return row[-1]


def measure(job):
    system, folder, chosen = job
    os.makedirs(folder)
    seconds = sum(say(system, text, os.path.join(folder, f"{i:03}.wav")) for i, text in chosen)
    heard = hear(folder, [f"{i:03}" for i, _ in chosen])
    parts = {"harvard": [0, 0], "others": [0, 0]}
    for i, text in chosen:
        part = parts["harvard" if i < HARVARD else "others"]
        part[0] += errors(words(text), heard.get(f"{i:03}", []))
        part[1] += len(words(text))
    return system, parts, seconds


def rate(parts):
    wrong, all_words = (sum(p[k] for p in parts.values()) for k in (0, 1))
    return 100 * wrong / all_words


def main():
    options = dict(a[2:].split("=") for a in sys.argv[1:])
    for program in ("pocketsphinx_batch", "flite"):
        if not shutil.which(program):
            not_run(f"{program} is not installed")
    if not os.path.isdir(MODEL):
        not_run("pocketsphinx-en-us is not installed")
    chosen = sentences(int(options.get("every", 1)))
    folder = options.get("keep") or tempfile.mkdtemp()
    systems = [s for s in SYSTEMS if s in options.get("only", ",".join(SYSTEMS)).split(",")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        told = list(pool.map(measure, [(s, os.path.join(folder, s), chosen) for s in systems]))
    if "keep" not in options:
        shutil.rmtree(folder)
    found = {}
    for system, parts, seconds in told:
        found[system] = rate(parts)
        each = ", ".join(f"{name} {100 * w / n:.1f} %" for name, (w, n) in parts.items() if n)
        print(f"{system:<13} word errors {found[system]:5.1f} %  ({each})  {seconds:.0f} s of speech", flush=True)
    if len(systems) < len(SYSTEMS):
        return 0
    bad = [f"{a} {found[a]:.1f} % > {b} {found[b]:.1f} %{f' + {slack:g}' if slack else ''}" for a, b, slack in (
        ("joanna", "flite-slt", 0), ("matthew", "flite-rms", 0), ("joanna-news", "joanna", SLACK),
        ("matthew-news", "matthew", SLACK)) if found[a] > found[b] + slack]
    if bad:
        print("FAIL  " + "; ".join(bad))
        return 1
    print(f"PASS  {len(chosen)} sentences: as few word errors as flite's programs, news within {SLACK:g} points")
    return 0


if __name__ == "__main__":
    sys.exit(main())
