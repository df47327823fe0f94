#!/usr/bin/python3
"""speech_ear.py -- an ear from outside: Debian's pocketsphinx with its US English model writes down what was said.

Our voices, neutral and in the news style, beside flite's own program with the same voices: 20 Harvard sentences, 200 others
(speech_sentences.txt; every fourth of these 220 has chosen numbers of the news style) and 100 of old books that nothing was
chosen on (speech_books.txt), each with 0.3 s of silence around it (dithered: zeros are no silence to a recogniser). Word errors
(substituted, left out, put in) of 100 words.

The recogniser carries its dither and its idea of the noise from one file to the next: each file is heard by a process of its
own, and equal bytes are heard once. The differences are told with 95 % of a paired bootstrap over the sentences and the words'
errors of the sentences that differ (a sign test over sentences).

PASS when ours are no more than flite's and the news style's no more than the neutral ones and 2, on the first 220; the books are
told beside.
usage: speech_ear.py [--every=N] [--keep=FOLDER] [--only=SYSTEM,…]
"""
import hashlib
import math
import os
import random
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


def lines_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def sentences(every):
    return list(enumerate(lines_of("speech_sentences.txt")))[::every]


def sets(every):
    """(number, text, set) of each sentence."""
    main, books = lines_of("speech_sentences.txt"), lines_of("speech_books.txt")
    named = [(t, "harvard" if i < HARVARD else "others") for i, t in enumerate(main)] + [(t, "books") for t in books]
    return [(i, t, part) for i, (t, part) in enumerate(named)][::every]


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


def hear_once(folder, system, number, known):
    """What a process that hears nothing else writes down; equal bytes are asked for once."""
    name = f"{number:03}"
    with open(os.path.join(folder, system, name + ".wav"), "rb") as f:
        key = hashlib.sha256(f.read()).digest()
    if key not in known:
        own = os.path.join(folder, system, name)
        os.makedirs(own)
        shutil.copy(own + ".wav", os.path.join(own, "x.wav"))
        known[key] = hear(own, ["x"]).get("x", [])
        shutil.rmtree(own)
    return key, known[key]


def measure(folder, system, chosen, pool, known):
    """Of each sentence: wrong words, words, the sound's hash; and seconds of speech."""
    os.makedirs(os.path.join(folder, system))
    seconds = sum(pool.map(lambda c: say(system, c[1], os.path.join(folder, system, f"{c[0]:03}.wav")), chosen))
    heard = pool.map(lambda c: hear_once(folder, system, c[0], known), chosen)
    told = [(errors(words(t), got), len(words(t)), key) for (_, t, _), (key, got) in zip(chosen, heard)]
    return told, seconds


def rate(told):
    return 100 * sum(w for w, _, _ in told) / sum(n for _, n, _ in told)


def compare(a, b):
    """Points more wrong words than the other's, 95 % of a paired bootstrap, p of the sign test, equal sounds."""
    draw, count = random.Random(1), len(a)
    points = []
    for _ in range(2000):
        picked = [draw.randrange(count) for _ in range(count)]
        points.append(100 * sum(a[i][0] - b[i][0] for i in picked) / sum(a[i][1] for i in picked))
    points.sort()
    worse, better = (sum(s * (x[0] - y[0]) > 0 for x, y in zip(a, b)) for s in (1, -1))
    n, k = worse + better, min(worse, better)
    p = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2 ** n)
    return rate(a) - rate(b), points[50], points[-51], p, sum(x[2] == y[2] for x, y in zip(a, b))


def main():
    options = dict(a[2:].split("=") for a in sys.argv[1:])
    for program in ("pocketsphinx_batch", "flite"):
        if not shutil.which(program):
            not_run(f"{program} is not installed")
    if not os.path.isdir(MODEL):
        not_run("pocketsphinx-en-us is not installed")
    chosen = sets(int(options.get("every", 1)))
    folder = options.get("keep") or tempfile.mkdtemp()
    systems = [s for s in SYSTEMS if s in options.get("only", ",".join(SYSTEMS)).split(",")]
    found, known = {}, {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for system in systems:
            told, seconds = measure(folder, system, chosen, pool, known)
            found[system] = told
            each = ", ".join(f"{part} {rate(some):.1f} %" for part in ("harvard", "others", "books")
                             if (some := [t for t, c in zip(told, chosen) if c[2] == part]))
            print(f"{system:<13} word errors {rate(told):5.2f} %  ({each})  {seconds:.0f} s of speech", flush=True)
    if "keep" not in options:
        shutil.rmtree(folder)
    if len(systems) < len(SYSTEMS):
        return 0
    bad = []
    for a, b, slack in (("joanna", "flite-slt", 0), ("matthew", "flite-rms", 0), ("joanna-news", "joanna", SLACK),
                        ("matthew-news", "matthew", SLACK)):
        for judged, parts in ((True, ("harvard", "others")), (False, ("books",))):
            x, y = ([t for t, c in zip(found[k], chosen) if c[2] in parts] for k in (a, b))
            if not x:
                continue
            more, low, high, p, same = compare(x, y)
            print(f"# {a} against {b}, {' and '.join(parts)}: {more:+.2f} points (95 %: {low:+.2f} to {high:+.2f}; "
                  f"sign test p = {p:.2f}), {same} of {len(x)} sentences the same bytes", flush=True)
            if judged and more > slack:
                bad.append(f"{a} {rate(x):.2f} % > {b} {rate(y):.2f} %{f' + {slack:g}' if slack else ''}")
    if bad:
        print("FAIL  " + "; ".join(bad))
        return 1
    print(f"PASS  {len(chosen)} sentences: as few word errors as flite's programs, news within {SLACK:g} points")
    return 0


if __name__ == "__main__":
    sys.exit(main())
