#!/usr/bin/python3
"""media.py -- pictures beside Pillow and torchvision: decode, region + resize, crop + normalise.

Each case: the same pictures and boxes for both sides, runs in turn, medians of CPU seconds, one thread. The first
64 results are compared: equal pixels (floats within 1e-5) or no figure.
usage: media.py OUT.json [--runs=N] [--pictures=N] [--case=NAME]
"""
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

OURS = "build-bench/bench/media"
SIZE, SIDE, RAW, SHOWN = (500, 375), 224, 256, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make_pictures(folder, count):
    """500 x 375 JPEGs of quality 90, about 60 KB each: gradients, discs, soft and fine noise."""
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(1)
    w, h = SIZE
    fine = rng.normal(0, 1, (1024, 1024, 3)).astype(np.float32)
    soft = np.asarray(Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)).resize(
        (1024, 1024), Image.BICUBIC)).astype(np.float32) - 128
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    offset, rows = 0, []
    with open(os.path.join(folder, "jpeg"), "wb") as f:
        for _ in range(count):
            a, b = rng.integers(0, 1024 - h), rng.integers(0, 1024 - w)
            slope = rng.uniform(-0.25, 0.25, (2, 3))
            im = 128 + slope[0] * (x - w / 2)[..., None] + slope[1] * (y - h / 2)[..., None]
            im = im + 0.5 * soft[a:a + h, b:b + w] + 6.5 * fine[a:a + h, b:b + w]
            cx, cy, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(30, 150)
            im[(x - cx) ** 2 + (y - cy) ** 2 < r * r] += rng.uniform(-80, 80, 3)
            out = io.BytesIO()
            Image.fromarray(np.clip(im, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
            f.write(out.getvalue())
            rows.append((offset, out.tell(), *box(rng, w, h), int(rng.integers(0, 2))))
            offset += out.tell()
    write_list(os.path.join(folder, "jpeg.list"), rows)
    print(f"  {count} JPEGs, mean {offset / count / 1024:.1f} KiB", file=sys.stderr)
    one = RAW * RAW * 3
    with open(os.path.join(folder, "raw"), "wb") as f:
        f.write(rng.integers(0, 256, one * 256, dtype=np.uint8).tobytes())
    rows = [(i % 256 * one, one, int(rng.integers(0, RAW - SIDE + 1)), int(rng.integers(0, RAW - SIDE + 1)),
             SIDE, SIDE, int(rng.integers(0, 2))) for i in range(4 * count)]
    write_list(os.path.join(folder, "raw.list"), rows)


def box(rng, width, height):
    """torchvision's RandomResizedCrop.get_params."""
    for _ in range(10):
        area = width * height * rng.uniform(0.08, 1)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h
    return 0, 0, width, height


def write_list(path, rows):
    with open(path, "w", encoding="ascii") as f:
        f.writelines(" ".join(map(str, r)) + "\n" for r in rows)


def read_list(path):
    with open(path, encoding="ascii") as f:
        return [tuple(map(int, line.split())) for line in f]


class Peer:
    """Pillow and torchvision, one thread."""

    def __init__(self, folder):
        import torch
        torch.set_num_threads(1)
        self.folder = folder

    def run(self, case, limit):
        import numpy as np
        import torch
        from PIL import Image
        import torchvision.transforms.functional as F
        kind = "raw" if case.startswith("raw") else "jpeg"
        with open(os.path.join(self.folder, kind), "rb") as f:
            blob = f.read()
        rows = read_list(os.path.join(self.folder, kind + ".list"))[:limit]
        shown = []

        def decode(at, size, x, y, w, h, flip):
            return np.asarray(Image.open(io.BytesIO(blob[at:at + size])).convert("RGB"))

        def region(at, size, x, y, w, h, flip):
            im = Image.open(io.BytesIO(blob[at:at + size])).convert("RGB")
            return np.asarray(F.resized_crop(im, y, x, h, w, (SIDE, SIDE)))

        def train(at, size, x, y, w, h, flip):
            im = Image.open(io.BytesIO(blob[at:at + size])).convert("RGB")
            im = F.resized_crop(im, y, x, h, w, (SIDE, SIDE))
            im = F.hflip(im) if flip else im
            return F.normalize(F.to_tensor(im), MEAN, STD)

        raws = torch.from_numpy(np.frombuffer(bytearray(blob), np.uint8)) if kind == "raw" else None

        def raw_u8(at, size, x, y, w, h, flip):
            im = raws[at:at + size].view(RAW, RAW, 3)[y:y + h, x:x + w]
            return (im.flip(1) if flip else im).contiguous()

        def raw_u8_planes(*row):
            return raw_u8(*row).permute(2, 0, 1).contiguous()

        def raw_f32(*row):
            return F.normalize(raw_u8_planes(*row).float().div_(255), MEAN, STD, inplace=True)

        step = {"decode": decode, "region": region, "train": train, "train-restarts": train, "raw-u8": raw_u8,
                "raw-u8-planes": raw_u8_planes, "raw-f32": raw_f32, "raw-f32-stream": raw_f32}[case]
        step(*rows[0])
        begin = time.process_time()
        for i, row in enumerate(rows):
            out = step(*row)
            if i < SHOWN:
                shown.append(out)
        spent = time.process_time() - begin
        return spent / len(rows), b"".join(np.ascontiguousarray(s).tobytes() for s in shown)


def ours(folder, case):
    kind = "raw" if case.startswith("raw") else "jpeg"
    path = os.path.join(folder, "out")
    text = subprocess.run([OURS, case, os.path.join(folder, kind), os.path.join(folder, kind + ".list"), path],
                          check=True, capture_output=True, text=True).stdout
    with open(path, "rb") as f:
        shown = f.read()
    return float(text) / len(read_list(os.path.join(folder, kind + ".list"))), shown


def same(case, a, b):
    import numpy as np
    if len(a) != len(b):
        return False
    if case in ("train", "train-restarts", "raw-f32", "raw-f32-stream"):
        return bool(np.allclose(np.frombuffer(a, np.float32), np.frombuffer(b, np.float32), atol=1e-5))
    return a == b


def main():
    opts = dict(a[2:].split("=", 1) for a in sys.argv[2:] if "=" in a)
    runs, pictures = int(opts.get("runs", 5)), int(opts.get("pictures", 2000))
    cases = [opts["case"]] if "case" in opts else ["decode", "region", "train", "train-restarts", "raw-f32",
                                                   "raw-f32-stream", "raw-u8", "raw-u8-planes"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(folder, pictures)
        try:
            peer = Peer(folder)
        except ImportError as missing:
            peer, why = None, f"{missing}; install python3-torchvision"
        for case in cases:
            mine, theirs = [], []
            for _ in range(runs):
                cost, shown = ours(folder, case)
                mine.append(cost)
                if not peer:
                    continue
                cost, wanted = peer.run(case, min(pictures, 400))
                theirs.append(cost)
                if not same(case, shown, wanted):
                    sys.exit(f"media {case}: other pixels than the peer's")
            row = {"case": case, "ours": 1 / statistics.median(mine), "peer": None, "unit": "pictures/CPU s",
                   "runs": runs}
            if peer:
                row["peer"] = 1 / statistics.median(theirs)
                row["ratio"] = row["ours"] / row["peer"]
            else:
                row["not_run"] = why
            rows.append(row)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
