#!/usr/bin/python3
"""loader_test.py -- `fettle data bench` as a user meets it, and training that is killed and goes on elsewhere."""
import json
import os
import random
import signal
import subprocess
import sys

from tap import ROOT, Skip, case, main

PYTHON = os.path.join(ROOT, "python")


def pictures(t, count=40):
    """Class folders of JPEGs in the home."""
    try:
        import numpy as np
        from PIL import Image
    except ImportError as absent:
        raise Skip(str(absent)) from absent
    folder = os.path.join(t.path, "pictures")
    if not os.path.isdir(folder):
        rng = np.random.default_rng(1)
        for i in range(count):
            place = os.path.join(folder, f"class{i % 4}")
            os.makedirs(place, exist_ok=True)
            noise = rng.integers(0, 256, (12, 16, 3), np.uint8)
            Image.fromarray(noise).resize((160, 120)).save(os.path.join(place, f"{i:03}.jpg"), quality=85)
    return folder


@case
def bench_says_what_bounds_the_data(t):
    folder = pictures(t)
    how = ["--transforms", "random_resized_crop=96,flip,normalise=imagenet", "--batch", "8", "--seconds", "0.5"]
    out = t.run("data", "bench", folder, *how).stdout
    for word in ("samples/s", "first batch after", "decode", "CPU ms/batch", "-bound: "):
        assert word in out, out
    row = t.json("data", "bench", folder, *how)[0]
    assert row["samples"] >= 40 and row["samples_per_s"] > 0 and row["decode_ms"] > row["copy_ms"], row
    assert row["bound"] in row["verdict"] and row["gain"] >= 1, row
    slow = t.json("data", "bench", folder, *how, "--compute", "100ms")[0]
    assert slow["bound"] == "compute" and slow["gain"] > 2, slow


@case
def bench_tells_the_quality_of_the_order(t):
    folder = pictures(t)
    stored = t.json("data", "bench", folder, "--quality", "--shuffle", "none")[0]
    assert stored["records"] == 40 and stored["run_longest"] == 10 and stored["displacement"] == 0, stored
    mixed = t.json("data", "bench", folder, "--quality", "--seed", "3")[0]
    assert abs(mixed["neighbour_correlation"]) < 0.7 and mixed["run_mean"] < 3, mixed


@case
def bench_refuses_in_words(t):
    folder = pictures(t)
    for args, words in ((["/nonexistent"], "/nonexistent"), ([folder], "differ in size"),
                        ([folder, "--transforms", "resise=8:8"], "did you mean 'resize'"),
                        ([folder, "--transforms", "resize=8:8", "--workers", "999"], "workers"),
                        ([folder, "--transforms", "resize=8:8", "--compute", "soon"], "soon")):
        p = t.run("data", "bench", *args, ok=False)
        assert p.returncode and words in p.stderr, (args, p.stderr)
    with open(os.path.join(folder, "class1", "broken.jpg"), "wb") as f:
        f.write(b"\xff\xd8\xff\xe0 not much")
    p = t.run("data", "bench", folder, "--transforms", "resize=8:8", ok=False)
    assert p.returncode and "broken.jpg" in p.stderr, p.stderr
    row = t.json("data", "bench", folder, "--transforms", "resize=8:8", "--bad-max", "1", "--seconds", "0.2")[0]
    assert row["bad"] <= 1 and row["samples"] >= 40, row


TRAIN = """
import sys, json, hashlib, os
import fettle
folder, workers, batch, state, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
loader = fettle.Loader(folder, batch=batch, shuffle="full", seed=5, workers=workers, fields="image,label",
                       transforms="random_resized_crop=32,flip,jitter=0.3", dtype="uint8")
if state != "-":
    loader.load_state_dict(json.loads(state))
for batch in loader:
    for image, label in zip(batch["image"], batch["label"]):
        print(hashlib.sha256(image.tobytes() + bytes([label])).hexdigest())
    print(json.dumps(loader.state_dict()), flush=True)
    stop -= 1
    if stop == 0:
        sys.stdin.read()  # until killed
"""


def train(t, workers, batch, state="-", stop=-1):
    """-> hashes of the samples as they came, the last state; killed by SIGKILL after `stop` batches."""
    p = subprocess.Popen([sys.executable, "-c", TRAIN, t.pictures, str(workers), str(batch), state, str(stop)],
                         env=dict(os.environ, PYTHONPATH=PYTHON), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    hashes, last = [], None
    for line in p.stdout:
        if line.startswith("{"):
            last = line.strip()
            stop -= 1
            if stop == 0:
                p.send_signal(signal.SIGKILL)
        else:
            hashes.append(line.strip())
    p.stdin.close()
    assert p.wait() == (-signal.SIGKILL if last and stop == 0 else 0)
    return hashes, last


@case
def killed_at_random_batches_and_gone_on_with_other_workers(t):
    t.pictures = pictures(t)
    broken = os.path.join(t.pictures, "class1", "broken.jpg")
    if os.path.exists(broken):
        os.remove(broken)
    whole, _ = train(t, 2, 3)
    assert len(whole) == 40 and len(set(whole)) == 40
    chance = random.Random(7)
    for workers in (1, 2, 3):
        for stop in chance.sample(range(1, 13), 3):
            done, state = train(t, chance.randrange(4), 3, stop=stop)
            assert done == whole[:stop * 3]
            rest, _ = train(t, workers, chance.choice((2, 3, 7)), state)
            assert rest == whole[stop * 3:], (workers, stop)


@case
def the_state_is_small_and_plain(t):
    t.pictures = pictures(t)
    _, state = train(t, 0, 3, stop=2)
    assert json.loads(state)["position"] == 6 and len(state) < 200, state


main()
