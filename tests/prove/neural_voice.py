#!/usr/bin/python3
"""neural_voice.py -- a real neural voice (Piper's en_US joe, medium, CC0) spoken by Fettle and by ONNX Runtime.

1. Without noise, the same text: ONNX Runtime gets the numbers that Piper's rules make of espeak-ng's phonemes; our samples
   are its samples to one or two steps of 16 bits.
2. Word errors of 100 through Debian's pocketsphinx, with the voice's own noise: ours no more than ONNX Runtime's and 2.
3. CPU seconds a second of sound on one thread, beside ONNX Runtime's, the loading of both left out (told, not judged).

usage: neural_voice.py [--every=N]       the voice and ONNX Runtime: peers.sh voice, peers.sh ort
"""
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import wave

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import speech_ear as ear  # noqa: E402

PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
VOICE = os.path.join(PEERS, "voice", "en_US-joe-medium.onnx")
ORT = os.path.join(PEERS, "ort", "bin", "python")
SLACK, NEAR = 2.0, 3

PEER = r"""
import json, sys, time, wave, numpy as np, onnxruntime as ort
ort.set_default_logger_severity(3)
model, config, jobs, quiet = sys.argv[1:5]
c = json.load(open(config)); ids = c["phoneme_id_map"]
o = ort.SessionOptions(); o.intra_op_num_threads = o.inter_op_num_threads = 1
s = ort.InferenceSession(model, o, providers=["CPUExecutionProvider"])
scales = np.array([0, 1, 0] if quiet == "1" else [c["inference"][k] for k in ("noise_scale", "length_scale", "noise_w")], np.float32)
cpu = sound = 0
for path, phonemes in json.load(open(jobs)):
    x = ids["^"] + ids["_"] + [i for p in phonemes for i in ids.get(p, []) + (ids["_"] if p in ids else [])] + ids["$"]
    x = np.array([x], np.int64)
    feed = dict(input=x, input_lengths=np.array([x.shape[1]], np.int64), scales=scales)
    t = time.process_time()
    y = s.run(None, feed)[0].ravel()
    cpu += time.process_time() - t; sound += len(y) / c["audio"]["sample_rate"]
    with wave.open(path, "wb") as w:
        w.setnchannels(1); w.setsampwidth(2); w.setframerate(c["audio"]["sample_rate"])
        w.writeframes(np.clip(np.rint(y.astype(np.float64) * 32767), -32768, 32767).astype("<i2").tobytes())
print(json.dumps([cpu, sound]))
"""


def not_run(why):
    print("NOT RUN:", why)
    sys.exit(77)


def read(path):
    import numpy as np
    with wave.open(path, "rb") as w:
        return np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(int), w.getframerate()


def phonemes(text):
    """A sentence without marks inside, as Piper asks espeak-ng: one clause, its mark behind it."""
    out = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", "en-us", text.rstrip(".")], capture_output=True, text=True, check=True)
    return re.sub(r"\([^)]*\)", "", " ".join(out.stdout.split())) + "."


def peer(folder, pairs, quiet):
    jobs = os.path.join(folder, "jobs.json")
    with open(jobs, "w", encoding="utf-8") as f:
        json.dump(pairs, f)
    out = subprocess.run([ORT, "-c", PEER, VOICE, VOICE + ".json", jobs, "1" if quiet else "0"], capture_output=True, text=True,
                         check=True)
    return json.loads(out.stdout)


def fettle(folder, *args):
    env = dict(os.environ, FETTLE_HOME=os.path.join(folder, "home"))
    subprocess.run([ear.FETTLE, *args], check=True, stdout=subprocess.DEVNULL, env=env)


def cpu_of(do):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    do()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same_samples(folder, texts):
    """The worst difference, in steps of 16 bits, over the sound of the words."""
    import numpy as np
    with open(VOICE + ".json", encoding="utf-8") as f:
        config = json.load(f)
    config["inference"].update(noise_scale=0, noise_w=0)
    with open(os.path.join(folder, "quiet.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    fettle(folder, "voices", "add", "Quiet", VOICE, "--config", os.path.join(folder, "quiet.json"))
    peer(folder, [[os.path.join(folder, f"q{i}.wav"), phonemes(t)] for i, t in enumerate(texts)], True)
    worst = 0
    for i, text in enumerate(texts):
        path = os.path.join(folder, "ours.wav")
        fettle(folder, "speak", "--voice", "Quiet", "--text", "--rate", "22050", "--out", path, text)
        (ours, rate), (theirs, theirs_rate) = read(path), read(os.path.join(folder, f"q{i}.wav"))
        assert rate == theirs_rate == 22050, (rate, theirs_rate)
        # We begin up to 30 ms before the first sound, the network's frames before it are left out; silence is put behind.
        best = None
        for lead in range(0, 8 * 256):
            n = min(len(theirs) - lead, len(ours))
            off = int(np.abs(theirs[lead:lead + 4000] - ours[:4000]).max())
            if off <= NEAR:
                best = int(np.abs(theirs[lead:lead + n] - ours[:n]).max())
                break
        if best is None:
            return f"'{text}' is another sound than ONNX Runtime's"
        worst = max(worst, best)
    return worst


def main():
    every = 4
    for arg in sys.argv[1:]:
        every = int(arg.split("=")[1])
    if not os.path.exists(VOICE):
        not_run(f"{VOICE} is not there: tests/prove/peers.sh voice")
    if not os.path.exists(ORT):
        not_run("ONNX Runtime is not there: tests/prove/peers.sh ort")
    for program in ("espeak-ng", "pocketsphinx_batch"):
        if not shutil.which(program):
            not_run(f"{program} is not installed")
    texts = [(i, t) for i, t in ear.sentences(1) if re.fullmatch(r"[A-Za-z' ]+\.", t)][::every]
    with tempfile.TemporaryDirectory() as folder:
        return judge(folder, texts)


def judge(folder, texts):
    worst = same_samples(folder, [t for _, t in texts[:8]])
    print(f"# without noise: {worst if isinstance(worst, str) else f'{worst} of 32768 apart at most'}", flush=True)
    fettle(folder, "voices", "add", "Joe", VOICE)
    names = {"fettle": [], "ort": []}
    for i, _ in texts:
        for who in names:
            names[who].append(f"{who}{i}")
    cpu, sound = peer(folder, [[os.path.join(folder, f"ort{i}.wav"), phonemes(t)] for i, t in texts], False)
    for i, t in texts:
        path = os.path.join(folder, f"fettle{i}.wav")
        fettle(folder, "speak", "--voice", "Joe", "--text", "--rate", "16000", "--out", path, t)
    for who, list_of in names.items():
        for name in list_of:
            path = os.path.join(folder, name + ".wav")
            pad = os.path.join(folder, "pad.wav")
            subprocess.run(["sox", "-V1", path, "-r", "16000", pad, "pad", str(ear.SILENCE_S), str(ear.SILENCE_S)], check=True)
            os.replace(pad, path)
    heard = {who: ear.hear(folder, list_of) for who, list_of in names.items()}
    rate = {}
    for who in names:
        wrong = sum(ear.errors(ear.words(t), heard[who].get(f"{who}{i}", [])) for i, t in texts)
        rate[who] = 100 * wrong / sum(len(ear.words(t)) for _, t in texts)
    text = " ".join(t for _, t in texts[:12])
    one, all_of = os.path.join(folder, "one.wav"), os.path.join(folder, "all.wav")
    start = cpu_of(lambda: fettle(folder, "speak", "--voice", "Joe", "--text", "--out", one, "A."))
    ours = cpu_of(lambda: fettle(folder, "speak", "--voice", "Joe", "--text", "--out", all_of, text))
    samples, hz = read(all_of)
    print(f"# word errors of 100, {len(texts)} sentences: ours {rate['fettle']:.1f}, ONNX Runtime's {rate['ort']:.1f}")
    print(f"# CPU seconds a second of sound: ours {(ours - start) / (len(samples) / hz):.3f} (start {start:.2f} s), "
          f"ONNX Runtime's network alone {cpu / sound:.3f}")
    good = not isinstance(worst, str) and worst <= NEAR and rate["fettle"] <= rate["ort"] + SLACK
    print(f"{'PASS' if good else 'FAIL'}  a Piper voice as ONNX Runtime speaks it")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
