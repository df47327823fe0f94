#!/usr/bin/python3
"""tfjs_models.py -- pose and person networks (`./run setup models`) beside TensorFlow.js: each runs on photographs of Debian's
opencv-doc, by Fettle and by TensorFlow.js's own kernels (the peer `tfjs` of peers.sh), from the same input items. Every output
must have the peer's name, type and shape, and agree to 1e-3 of its largest item, or of 1 where that is less.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("FETTLE_BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
FETTLE = os.path.join(BUILD, "fettle")
PEER = os.path.join(os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers")), "tfjs")
MODELS = os.environ.get("FETTLE_MODELS", os.path.expanduser("~/.cache/fettle/models"))
PICTURES = "/usr/share/doc/opencv-doc/examples/data"
TOLERANCE = 1e-3

# A row: the model, its side in pixels, the type of its items, what a pixel of 0 to 255 is scaled and moved by.
ROWS = [
    ("movenet-lightning", 192, "int32", 1, 0),
    ("movenet-thunder", 256, "int32", 1, 0),
    ("blazepose-lite", 256, "float32", 1 / 255, 0),
    ("posenet", 385, "float32", 1 / 127.5, -1),
    ("centernet", 512, "float32", 1, 0),
]
PHOTOGRAPHS = ["messi5.jpg", "basketball1.png", "fruits.jpg"]


def not_run(why):
    print("NOT RUN:", why)
    sys.exit(77)


try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    not_run(f"{missing.name} is not installed")


def check_present():
    if not os.path.exists(FETTLE):
        not_run(f"{FETTLE} is not built")
    if not shutil.which("node") or not os.path.isdir(os.path.join(PEER, "node_modules", "@tensorflow", "tfjs")):
        not_run("TensorFlow.js is not there: tests/prove/peers.sh tfjs makes it")
    if not os.path.exists(os.path.join(MODELS, "movenet-lightning.json")):
        not_run("the models are not there: ./run setup models installs them")
    if not os.path.exists(os.path.join(PICTURES, PHOTOGRAPHS[0])):
        not_run("the photographs are not there: Debian's opencv-doc has them")


def items(photograph, side, dtype, scale, shift):
    with Image.open(os.path.join(PICTURES, photograph)) as picture:
        pixels = np.asarray(picture.convert("RGB").resize((side, side), Image.BILINEAR))[None]
    return (pixels * scale + shift).astype(dtype)


def by_peer(model, x, folder):
    """-> the version of the peer, its outputs as (name, array)."""
    os.mkdir(folder)
    x.tofile(os.path.join(folder, "in"))
    subprocess.run(["node", os.path.join(HERE, "tfjs_run.js"), PEER, model, os.path.join(folder, "in"), folder], check=True,
                   timeout=600)
    with open(os.path.join(folder, "outputs.json"), encoding="utf-8") as f:
        told = json.load(f)
    return told["version"], [(o["name"], np.fromfile(os.path.join(folder, str(i)), o["dtype"]).reshape(o["shape"]))
                             for i, o in enumerate(told["outputs"])]


def by_fettle(model, x, folder):
    np.save(folder + ".npy", x)
    p = subprocess.run([FETTLE, "run", model, folder + ".npy", "--out-folder", folder, "--json"], check=True, timeout=600,
                       capture_output=True, text=True)
    return [(o["output"], np.load(os.path.join(folder, f"{i}.npy"))) for i, o in enumerate(json.loads(p.stdout))]


def difference(ours, theirs):
    """The largest difference of two runs, each output's beside its largest item; infinite where they are not alike."""
    if [(n, a.dtype, a.shape) for n, a in ours] != [(n, a.dtype, a.shape) for n, a in theirs]:
        return float("inf")
    most = 0.0
    for (_, a), (_, b) in zip(ours, theirs):
        off = np.abs(a.astype(float) - b).max() / max(1.0, np.abs(b).max())
        most = max(most, off if np.isfinite(off) else float("inf"))
    return most


def main():
    check_present()
    failed, worst, version = [], 0.0, ""
    with tempfile.TemporaryDirectory() as folder:
        for name, *form in ROWS:
            model = os.path.join(MODELS, name + ".json")
            for photograph in PHOTOGRAPHS:
                x, at = items(photograph, *form), os.path.join(folder, f"{name}-{photograph}-")
                try:
                    version, theirs = by_peer(model, x, at + "peer")
                    off = difference(by_fettle(model, x, at + "ours"), theirs)
                except (subprocess.SubprocessError, OSError, ValueError) as e:
                    print(f"# {name} {photograph}: {e}; {getattr(e, 'stderr', None) or ''}")
                    off = float("inf")
                print(f"# {name:<18} {photograph:<16} off by {off:.2g}", flush=True)
                worst = max(worst, off)
                if off > TOLERANCE:
                    failed.append(f"{name} on {photograph}")
    if failed:
        print("FAIL ", "; ".join(failed))
        sys.exit(1)
    print(f"PASS  {len(ROWS)} networks on {len(PHOTOGRAPHS)} photographs as TensorFlow.js {version}, off by {worst:.2g} at most")


if __name__ == "__main__":
    main()
