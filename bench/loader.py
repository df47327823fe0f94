#!/usr/bin/python3
"""loader.py -- pictures to batches beside PyTorch's DataLoader with torchvision, on the same files.

2,000 JPEGs of 500 x 375 are made once. Case jpeg: RandomResizedCrop(224), flip, normalise. Case raw: pictures
resized to 256 x 256 beforehand (our shard; a NumPy memory map for the peer), RandomCrop(224), flip, normalise; three
epochs, so that start-up is a small part on both sides. Every case runs at 0, 1 and 2 workers in batches of 32, ours and
the peer's in turn; figures are images for each CPU second of all processes together, medians. Pixels: for 64
pictures of ours, the peer's own functions on the same boxes give the same within one grey level, or there is no figure.
First batch: of 8 pictures, two workers, from opening the files on; of the 2,000 files and of a folder of
10,000 (links to them), which both sides list first. A load of other programs counts fully in these milliseconds, so the
CPU milliseconds of all threads stand beside ours.

usage: loader.py OUT.json [--runs=N] [--images=N] [--folder=KEEP]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

OURS = "build-bench/bench/loader"
JPEG = "random_resized_crop=224,flip,normalise=imagenet"
RAW = "random_crop=224,flip,normalise=imagenet"
BATCH = 32
SELF = os.path.abspath(__file__)


def make(folder, count):
    """Photograph-like pictures: smooth gradients, edges and noise, about 60 KB each."""
    import numpy as np
    from PIL import Image
    r = np.random.default_rng(1)
    y, x = np.mgrid[0:375, 0:500]
    noise = r.normal(0, 1, (375 + 64, 500 + 64, 3))
    for i in range(count):
        place = os.path.join(folder, f"class{i % 10}")
        os.makedirs(place, exist_ok=True)
        a = np.empty((375, 500, 3))
        for c in range(3):
            p = r.random(6)
            a[..., c] = 128 + 70 * np.sin(x * p[0] / 20 + p[1] * 6) * np.cos(y * p[2] / 20) + \
                60 * ((x - 500 * p[3]) ** 2 + (y - 375 * p[4]) ** 2 < 9000 * p[5] + 900)
        dy, dx = r.integers(0, 64, 2)
        a += 11 * noise[dy:dy + 375, dx:dx + 500]
        Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)).save(os.path.join(place, f"{i:05}.jpg"), quality=90)


def files_of(folder):
    """As torchvision's ImageFolder and our folder reader number them: by class, then by name."""
    return [(os.path.join(folder, c, f), k) for k, c in enumerate(sorted(os.listdir(folder)))
            for f in sorted(os.listdir(os.path.join(folder, c)))]


# ---- the peer, in a process of its own: peer KIND FOLDER WORKERS BATCH EPOCHS (0: one batch)

def peer(kind, folder, workers, batch, epochs):
    import resource
    import time
    import numpy as np
    import torch
    import torchvision.transforms as T
    from torchvision.datasets import ImageFolder
    torch.set_num_threads(1)
    normalise = T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

    class Raw(torch.utils.data.Dataset):
        def __init__(self, path):
            self.images = np.load(path, mmap_mode="r")
            self.change = T.Compose([T.RandomCrop(224), T.RandomHorizontalFlip(), T.ConvertImageDtype(torch.float32),
                                     normalise])

        def __len__(self):
            return len(self.images)

        def __getitem__(self, i):
            return self.change(torch.from_numpy(np.array(self.images[i])).permute(2, 0, 1)), i % 10

    if kind == "jpeg":
        data = ImageFolder(folder, T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(),
                                              normalise]))
    else:
        data = Raw(folder)

    def used():
        both = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in both)

    loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, num_workers=workers,
                                         persistent_workers=workers > 0 and epochs > 1)
    begun, cpu, images, first = time.perf_counter(), used(), 0, 0
    for _ in range(max(epochs, 1)):
        for x, _ in loader:
            first = first or time.perf_counter() - begun
            images += len(x)
            if not epochs:
                break
    wall = time.perf_counter() - begun
    del loader  # its workers end and are counted
    print(images, used() - cpu, wall, first * 1e3)


def numbers(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [float(v) for v in out]


def same_pixels(folder, scratch):
    """The largest difference, in grey levels, to torchvision on our boxes."""
    import numpy as np
    import torch
    import torchvision.transforms as T
    import torchvision.transforms.functional as F
    from PIL import Image
    subprocess.run([OURS, "dump", folder, JPEG, "64", os.path.join(scratch, "d")], check=True)
    ours = torch.from_numpy(np.fromfile(os.path.join(scratch, "d.f32"), np.float32).reshape(-1, 3, 224, 224))
    files, std = files_of(folder), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    worst = 0
    with open(os.path.join(scratch, "d.cut"), encoding="utf-8") as f:
        for mine, line in zip(ours, f):
            number, x, y, w, h, flip = map(int, line.split())
            image = F.resized_crop(Image.open(files[number][0]).convert("RGB"), y, x, h, w, [224, 224])
            theirs = F.normalize(F.to_tensor(F.hflip(image) if flip else image), [0.485, 0.456, 0.406],
                                 [0.229, 0.224, 0.225])
            worst = max(worst, float(((mine - theirs) * std).abs().max() * 255))
    return worst


def measure(kind, ours_path, peer_path, transforms, epochs, runs):
    for workers in (0, 1, 2):
        mine, theirs = [], []
        how = [str(workers), str(BATCH), str(epochs)]
        for _ in range(runs):
            mine.append(numbers([OURS, "run", ours_path, transforms, *how]))
            theirs.append(numbers([sys.executable, SELF, "peer", kind, peer_path, *how]))
            if mine[-1][0] != theirs[-1][0]:
                sys.exit(f"{kind}: {mine[-1][0]} images and {theirs[-1][0]}")
        rate = [statistics.median(r[0] / r[1] for r in side) for side in (mine, theirs)]
        yield {"case": f"{kind}-{workers}w", "ours": rate[0], "peer": rate[1], "unit": "images/CPU s",
               "ratio": rate[0] / rate[1], "runs": runs}
        wall = [statistics.median(r[0] / r[2] for r in side) for side in (mine, theirs)]
        yield {"case": f"{kind}-{workers}w-wall", "ours": wall[0], "peer": wall[1], "unit": "images/s",
               "ratio": wall[0] / wall[1], "runs": runs}


def first_batch(name, ours_path, kind, peer_path, transforms, runs):
    mine = [numbers([OURS, "first", ours_path, transforms, "2", "8"]) for _ in range(10 * runs + 1)]
    theirs = [numbers([sys.executable, SELF, "peer", kind, peer_path, "2", "8", "0"])[3] for _ in range(runs)]
    first, peer_first = statistics.median(r[0] for r in mine), statistics.median(theirs)
    print(f"{name}: {statistics.median(r[1] for r in mine):.1f} CPU ms, least {min(r[0] for r in mine):.1f} ms, "
          f"{statistics.median(r[2] for r in mine):.1f} ms of it to open the files")
    return {"case": name, "ours": first, "peer": peer_first, "unit": "ms", "ratio": peer_first / first, "runs": 10 * runs + 1}


def fivefold(folder, to):
    """Five names for each file."""
    import shutil
    for path, _ in files_of(folder):
        place = os.path.join(to, os.path.basename(os.path.dirname(path)))
        os.makedirs(place, exist_ok=True)
        for k in range(5):
            other = os.path.join(place, f"{k}_{os.path.basename(path)}")
            try:
                os.link(path, other)
            except OSError:  # another file system
                shutil.copyfile(path, other)


def bench(out_path, options):
    import importlib.util
    runs, count = int(options.get("runs", 3)), int(options.get("images", 2000))
    if not all(importlib.util.find_spec(m) for m in ("torch", "torchvision", "PIL", "numpy")):
        sys.exit("loader: the peer is absent; install python3-torch python3-torchvision python3-pil python3-numpy")
    import numpy as np
    from PIL import Image
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.get("folder") or os.path.join(scratch, "jpeg")
        if not os.path.isdir(folder) or len(files_of(folder)) != count:
            os.makedirs(folder, exist_ok=True)
            make(folder, count)
        worst = same_pixels(folder, scratch)
        print(f"{count} JPEGs, mean {sum(os.path.getsize(f) for f, _ in files_of(folder)) / count / 1024:.1f} KiB; "
              f"largest difference to torchvision on the same boxes: {worst:.4f} grey levels")
        if worst > 1.001:
            sys.exit("loader: the pixels differ")
        shard, array = os.path.join(scratch, "raw.fts"), os.path.join(scratch, "raw.npy")
        subprocess.run([OURS, "pack", folder, shard, "256"], check=True)
        np.save(array, np.stack([np.asarray(Image.open(f).convert("RGB").resize((256, 256), Image.BILINEAR))
                                 for f, _ in files_of(folder)]))
        many = os.path.join(scratch, "many")
        fivefold(folder, many)
        rows = [*measure("jpeg", folder, folder, JPEG, 1, runs), *measure("raw", shard, array, RAW, 3, runs),
                first_batch("jpeg-first-batch", folder, "jpeg", folder, JPEG, runs),
                first_batch("jpeg-10k-first-batch", many, "jpeg", many, JPEG, runs),
                first_batch("raw-first-batch", shard, "raw", array, RAW, runs)]
    with open(out_path, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        peer(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]))
    else:
        bench(sys.argv[1], dict(a.lstrip("-").split("=", 1) for a in sys.argv[2:] if "=" in a))
