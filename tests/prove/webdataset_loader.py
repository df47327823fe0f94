#!/usr/bin/python3
"""webdataset_loader.py -- one tar of JPEGs through WebDataset (PyPI, with Debian's torch and torchvision) and through
python/fettle: the same samples in the same order, the same pixels within a grey level, and images for each CPU second."""
import importlib.util
import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEER = os.path.join(os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers")), "webdataset")
COUNT, BATCH, BAR = 600, 32, 2.5


def stop(code, word):
    print(word)
    sys.exit(code)


def used():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def peer(path, pixels):
    """-> images a CPU second; the first batch of a plain run in `pixels`."""
    sys.path.insert(0, PEER)
    import numpy as np
    import torch
    import torchvision.transforms as T
    import webdataset as wds
    torch.set_num_threads(1)
    plain = wds.WebDataset(path, shardshuffle=False).decode("pil").to_tuple("jpg", "cls")
    first = [(np.asarray(T.functional.resize(image, [224, 224])), label) for image, label in
             (x for x, _ in zip(plain, range(64)))]
    np.savez(pixels, image=np.stack([i for i, _ in first]), label=[int(l) for _, l in first])
    change = T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(),
                        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    data = wds.WebDataset(path, shardshuffle=False).shuffle(200).decode("pil").to_tuple("jpg", "cls").map_tuple(change, int)
    begun, seen = used(), 0
    for image, _ in torch.utils.data.DataLoader(data.batched(BATCH), batch_size=None):
        seen += len(image)
    print(seen, seen / (used() - begun))


def ours(path, pixels):
    sys.path.insert(0, os.path.join(ROOT, "python"))
    import fettle
    import numpy as np
    first = fettle.Loader(path, batch=64, transforms="resize=224:224", dtype="uint8", layout="nhwc").next()
    label = next(name for name in first if name in ("cls", "label"))
    np.savez(pixels, image=first["image" if "image" in first else "jpg"], label=first[label])
    begun, seen = used(), 0
    for batch in fettle.Loader(path, batch=BATCH, shuffle="window", window=200, workers=1,
                               transforms="random_resized_crop=224,flip,normalise=imagenet"):
        seen += batch.count
    print(seen, seen / (used() - begun))


def make(folder):
    sys.path.insert(0, os.path.join(ROOT, "bench"))
    import loader
    pictures, path = os.path.join(folder, "jpeg"), os.path.join(folder, "train.tar")
    loader.make(pictures, COUNT)
    with tarfile.open(path, "w") as tar:
        for i, (name, label) in enumerate(loader.files_of(pictures)):
            tar.add(name, f"{i:06}.jpg")
            text = str(label).encode()
            member = tarfile.TarInfo(f"{i:06}.cls")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


def main():
    if not os.path.isdir(os.path.join(PEER, "webdataset")):
        stop(77, "NOT RUN: no webdataset; tests/prove/peers.sh webdataset makes it")
    if not all(importlib.util.find_spec(m) for m in ("torch", "torchvision", "numpy", "PIL")):
        stop(77, "NOT RUN: no python3-torch, python3-torchvision, python3-numpy or python3-pil")
    import numpy as np
    with tempfile.TemporaryDirectory() as folder:
        path, rates, firsts = make(folder), {"ours": [], "peer": []}, {}
        for _ in range(3):
            for who, into in rates.items():
                pixels = os.path.join(folder, who + ".npz")
                out = subprocess.run([sys.executable, os.path.abspath(__file__), who, path, pixels], check=False,
                                     capture_output=True, text=True)
                if out.returncode:
                    stop(1, f"FAIL  {who}: {(out.stderr.strip().splitlines() or ['no word'])[-1]}")
                seen, rate = map(float, out.stdout.split()[-2:])
                if seen != COUNT:
                    stop(1, f"FAIL  {who}: {seen:.0f} of {COUNT} samples")
                into.append(rate)
                firsts[who] = dict(np.load(pixels))
        worst = np.abs(firsts["ours"]["image"].astype(int) - firsts["peer"]["image"].astype(int)).max()
        same = (firsts["ours"]["label"].ravel() == firsts["peer"]["label"]).all()
        a, b = sorted(rates["ours"])[1], sorted(rates["peer"])[1]
        text = f"{a:.0f} and {b:.0f} images a CPU second: {a / b:.2f} x (bar {BAR} x); largest difference {worst} grey levels"
        stop(0 if worst <= 1 and same and a / b >= BAR else 1,
             f"{'PASS' if worst <= 1 and same and a / b >= BAR else 'FAIL'}  {text}")


if len(sys.argv) == 4:
    {"peer": peer, "ours": ours}[sys.argv[1]](sys.argv[2], sys.argv[3])
else:
    main()
