#!/usr/bin/python3
"""perturbed.py -- what the detector of perturbed pictures (rule PerturbedInputs) sees of attacks other than those it was made with.

Its limits come of a thousand clean pictures by `fettle monitor baseline`; it was made with FGSM and PGD of `fettle attack` on signs
seen. Here the attacks are written in torch, on a network trained here in torch: momentum iterative FGSM, PGD within an L2 ball,
Carlini and Wagner's L2, DeepFool, a patch, five pixels, and, written after its last change, translation-invariant FGSM and Square
Attack; and what is no attack: Gaussian noise, JPEG, blur, light. The pictures are
traffic signs, Fashion-MNIST and pieces of the photographs of Debian's opencv-doc. Sent are PNG files to an endpoint that captures;
the verdicts are the rule's. Printed are the shares of pictures taken for perturbed, and how many attacks mislead the network.

usage: perturbed.py [fashion] [signs] [photos] [--out=FILE.json] [--pictures=N]
Bars are for momentum iterative FGSM of half strength and for clean pictures; the others are told. 77: NOT RUN."""
import glob
import io
import json
import os
import random
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/examples/traffic-signs")
DATA = os.environ.get("FETTLE_SHARED_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data")) + "/gtsrb"
PHOTOS = "/usr/share/doc/opencv-doc/examples/data"
BASELINE = 1000
SEEN_AT_LEAST, FALSE_AT_MOST = 0.95, 0.03  # of what changes every pixel as much as it may, momentum iterative FGSM; of clean pictures

try:
    import numpy as np
    import torch
    from PIL import Image, ImageEnhance, ImageFilter
    import walk as W
except ImportError as e:
    print(f"NOT RUN: {e}")
    sys.exit(77)
F = torch.nn.functional


# ---- pictures: (train, test) of [(class, pixels as uint8 HxWxC)]

def set_fashion():
    shape = (28, 28, 1)
    got = []
    for kind in ("train", "t10k"):
        got.append([(y, np.frombuffer(p, np.uint8).reshape(shape)) for y, _, p in W.fashion(kind)])
    return got[0][:12000], got[1]


def set_signs():
    got = []
    for kind in ("train", "test"):
        got.append([(y, np.frombuffer(p, np.uint8).reshape(32, 32, 3)) for y, _, p in W.signs(DATA, kind)])
    return got


def set_photos(side=64, each=80):
    """Which photograph is it? The left part is learnt, the right one asked; two thirds of its pixels a side."""
    draw, train, test, label = random.Random(3), [], [], 0
    for path in sorted(glob.glob(PHOTOS + "/*.jpg")):
        photo = Image.open(path).convert("RGB")
        photo = photo.resize((photo.width * 2 // 3, photo.height * 2 // 3), Image.LANCZOS)
        if min(photo.size) < 200:
            continue
        half = photo.width // 2
        for records, x0, x1 in ((train, 0, half - side), (test, half, photo.width - side)):
            for _ in range(each):
                x, y = draw.randint(x0, x1), draw.randint(0, photo.height - side)
                records.append((label, np.asarray(photo.crop((x, y, x + side, y + side)))))
        label += 1
    return train, test


SETS = {"fashion": (set_fashion, 48), "signs": (set_signs, 16), "photos": (set_photos, 16)}


# ---- the network

def tensors(records):
    x = np.stack([p for _, p in records]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return torch.from_numpy(x), torch.tensor([y for y, _ in records])


def network(channels, classes):
    def block(a, b):
        return [torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.BatchNorm2d(b), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    return torch.nn.Sequential(*block(channels, 24), *block(24, 48), *block(48, 64), torch.nn.AdaptiveAvgPool2d(1),
                               torch.nn.Flatten(), torch.nn.Linear(64, classes))


def learn(x, y, epochs):
    torch.manual_seed(1)
    net = network(x.shape[1], int(y.max()) + 1)
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    steps = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in range(0, len(x), 64):
            at = order[i:i + 64]
            adam.zero_grad()
            F.cross_entropy(net(x[at]), y[at]).backward()
            adam.step()
        steps.step()
    return net.eval()


# ---- attacks; x in 0…1, eps too

def gradient(net, x, y):
    x = x.clone().requires_grad_()
    F.cross_entropy(net(x), y, reduction="sum").backward()
    return x.grad


def mi_fgsm(net, x, y, eps, steps=10):
    g, at = torch.zeros_like(x), x
    for _ in range(steps):
        d = gradient(net, at, y)
        g = g + d / d.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
        at = (x + (at + eps / steps * g.sign() - x).clamp(-eps, eps)).clamp(0, 1)
    return at


def pgd_l2(net, x, y, eps, steps=20):
    """Within the ball whose root mean square is half of eps."""
    room = 0.5 * eps * x[0].numel() ** 0.5
    at = x
    for _ in range(steps):
        d = gradient(net, at, y)
        at = at + 2.5 * room / steps * d / d.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]
        off = at - x
        at = (x + off * (room / off.flatten(1).norm(dim=1).clamp_min(1e-12)).clamp_max(1)[:, None, None, None]).clamp(0, 1)
    return at


def carlini(net, x, y, eps, steps=120, c=5.0):
    """Carlini and Wagner's L2 loss, with a margin; the least change that misleads is the aim, so there is no strength."""
    w = torch.atanh((x * 2 - 1) * 0.999).requires_grad_()
    adam = torch.optim.Adam([w], 0.02)
    own = F.one_hot(y, net(x[:1]).shape[1]).bool()
    for _ in range(steps):
        at = (torch.tanh(w) + 1) / 2
        z = net(at)
        margin = (z[own] - z.masked_fill(own, -1e9).max(1)[0] + 2).clamp_min(0)
        adam.zero_grad()
        (((at - x) ** 2).sum() + c * margin.sum() * 0.1).backward()
        adam.step()
    return ((torch.tanh(w) + 1) / 2).detach()


def deepfool(net, x, y, eps, steps=12, classes=5):
    at = x.clone()
    order = net(x).argsort(1, descending=True)[:, :classes]
    for _ in range(steps):
        p = at.clone().requires_grad_()
        z = net(p).gather(1, order)
        go = z.argmax(1) == 0
        if not go.any():
            break
        grads = [torch.autograd.grad(z[:, k].sum(), p, retain_graph=True)[0] for k in range(classes)]
        best, step = torch.full((len(x),), 1e9), torch.zeros_like(x)
        for k in range(1, classes):
            w, f = grads[k] - grads[0], (z[:, k] - z[:, 0]).detach().abs()
            n = w.flatten(1).norm(dim=1).clamp_min(1e-9)
            better = (f / n) < best
            best = torch.where(better, f / n, best)
            step = torch.where(better[:, None, None, None], ((f + 1e-4) / n ** 2)[:, None, None, None] * w, step)
        at = torch.where(go[:, None, None, None], (at + 1.1 * step).clamp(0, 1), at)
    return at.detach()


def patch(net, x, y, eps, steps=30):
    """A square of a sixth of the side, anything goes in it."""
    n, side = x.shape[-1] // 6, x.shape[-1]
    mask, draw = torch.zeros_like(x), random.Random(5)
    for m in mask:
        i, j = draw.randint(0, side - n), draw.randint(0, side - n)
        m[:, i:i + n, j:j + n] = 1
    at = x
    for _ in range(steps):
        at = (at + 0.1 * gradient(net, at, y).sign() * mask).clamp(0, 1)
    return at


def pixels(net, x, y, eps, many=5):
    """The five pixels of the largest gradients go to the end of their range."""
    at = x.clone()
    for _ in range(many):
        g = gradient(net, at, y)
        where = g.abs().sum(1).flatten(1).argmax(1)
        rows = torch.arange(len(x))
        flat, gf = at.flatten(2), g.flatten(2)
        flat[rows, :, where] = (gf[rows, :, where] > 0).float()
        at = flat.view_as(x)
    return at


# The next two were not there when the measures were last changed: what is told of them is told of attacks unseen.

def ti_fgsm(net, x, y, eps, steps=10):
    """Each step's gradient is smoothed over 7 x 7 pixels: translation-invariant."""
    line = torch.exp(-torch.arange(-3.0, 4) ** 2 / (2 * 1.5 ** 2))
    kernel = (line[:, None] * line / line.sum() ** 2).expand(x.shape[1], 1, 7, 7)
    at = x
    for _ in range(steps):
        d = F.conv2d(gradient(net, at, y), kernel, padding=3, groups=x.shape[1])
        at = (x + (at + eps / steps * 1.5 * d.sign() - x).clamp(-eps, eps)).clamp(0, 1)
    return at


def square(net, x, y, eps, steps=300):
    """Square Attack: random squares of one colour at the edge of the ball, kept where they help; no gradient."""
    draw, n, side = torch.Generator().manual_seed(4), len(x), x.shape[-1]
    at = (x + eps * torch.randint(0, 2, (n, x.shape[1], 1, side), generator=draw).sub(0.5).sign()).clamp(0, 1)

    def margin(p):
        with torch.no_grad():
            z = net(p)
        own = F.one_hot(y, z.shape[1]).bool()
        return z[own] - z.masked_fill(own, -1e9).max(1)[0]

    best = margin(at)
    for step in range(steps):
        width = max(1, int(side * (0.1 * (1 - step / steps)) ** 0.5))
        new = at.clone()
        for k in range(n):
            i, j = torch.randint(0, side - width + 1, (2,), generator=draw).tolist()
            sign = torch.randint(0, 2, (x.shape[1], 1, 1), generator=draw).sub(0.5).sign()
            place = (k, slice(None), slice(i, i + width), slice(j, j + width))
            new[place] = (x[place] + eps * sign).clamp(0, 1)
        found = margin(new)
        better = found < best
        at, best = torch.where(better[:, None, None, None], new, at), torch.minimum(found, best)
    return at


# ---- what is no attack; a PIL picture

def noisy(sigma):
    def one(p, r):
        a = np.asarray(p).astype(np.float32) + r.normal(0, sigma, np.asarray(p).shape)
        return Image.fromarray(a.round().clip(0, 255).astype(np.uint8))
    return one


def jpeg(quality):
    def one(p, r):
        b = io.BytesIO()
        p.save(b, "JPEG", quality=quality)
        return Image.open(b).copy()
    return one


def shot(p, r):
    """The noise of counted light: its deviation is 1 at half of the range, and follows the root of the light."""
    a = np.asarray(p).astype(np.float32)
    return Image.fromarray((a + r.normal(0, 1, a.shape) * np.sqrt(a / 128)).round().clip(0, 255).astype(np.uint8))


def webp(p, r):
    b = io.BytesIO()
    p.save(b, "WEBP", quality=80)
    return Image.open(b).copy().convert(p.mode)


def gamma(p, r):
    return p.point([int(255 * (i / 255) ** 0.75 + 0.5) for i in range(256)] * len(p.getbands()))


def rescaled(factor):
    def one(p, r):
        small = p.resize((round(p.width * factor), round(p.height * factor)), Image.BICUBIC)
        return small.resize(p.size, Image.BICUBIC)
    return one


# The first three rows stood here when the measures were made; the others came later.
CONTROLS = {
    "noise-1": noisy(1), "noise-2": noisy(2), "noise-4": noisy(4), "jpeg-90": jpeg(90), "jpeg-60": jpeg(60),
    "blur": lambda p, r: p.filter(ImageFilter.GaussianBlur(0.7)),
    "darker": lambda p, r: ImageEnhance.Brightness(p).enhance(0.8),
    "brighter": lambda p, r: ImageEnhance.Brightness(p).enhance(1.2),
    "contrast": lambda p, r: ImageEnhance.Contrast(p).enhance(1.2),
    "smaller": rescaled(0.8),
    "shot-noise": shot, "webp-80": webp, "gamma": gamma,
    "turned": lambda p, r: p.rotate(3, Image.BICUBIC), "colourful": lambda p, r: ImageEnhance.Color(p).enhance(1.25),
}
# Told is whether the rule's threshold, one picture in ten, is kept on these.
ORDINARY = [k for k in CONTROLS if k not in ("noise-2", "noise-4")]


# ---- the endpoint

def picture(a):
    a = (a.detach().numpy().transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(a[:, :, 0] if a.shape[2] == 1 else a)


def write(folder, pictures):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for i, p in enumerate(pictures):
        p.save(f"{folder}/{i:04d}.png")
    return folder


def seen(w, name, folder):
    """The share of a folder's pictures that the rule, with the baseline's limits, takes for perturbed."""
    rule = w.json("sql", "select params as p from watch where rule = 'PerturbedInputs'", quiet=True)[0]["p"]
    limits = [word for k, v in json.loads(rule).items() for word in ("--set", f"{k}={v}")]
    w.run("deploy", w.model, "--endpoint", name, "--capture", 100, quiet=True)
    W.send(w, folder, name)
    rows = w.json("rules", "try", "PerturbedInputs", "endpoint/" + name, *limits, "--set", "threshold_percent=0", "--set",
                  "min_records=1", quiet=True)
    told = [r["evidence"] if isinstance(r.get("evidence"), dict) else json.loads(r.get("evidence") or "{}") for r in rows]
    return sum(e.get("perturbed", 0) for e in told) / len(os.listdir(folder))


def misled(net, folder, y):
    """By the pictures as they were written."""
    x = np.stack([np.atleast_3d(np.asarray(Image.open(p))) for p in sorted(glob.glob(folder + "/*.png"))])
    with torch.no_grad():
        z = net(torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32) / 255))
    return (z.argmax(1) != y).float().mean().item()


def judge(name, many, folder):
    load, strength = SETS[name]
    train, test = load()
    random.Random(11).shuffle(test)
    net = learn(*tensors(train), {"fashion": 3, "signs": 10, "photos": 6}[name])
    xs, ys = tensors(test[BASELINE:])
    with torch.no_grad():
        right = torch.cat([net(x).argmax(1) for x in xs.split(500)]) == ys
    print(f"{name}: {len(train)} pictures learnt, {100 * right.float().mean().item():.1f} % of {len(xs)} others right", flush=True)
    x, y = xs[right][:many], ys[right][:many]
    args = type("Args", (), {"out": folder + "/" + name})
    w, told = W.Walk(args), {}
    os.makedirs(w.folder)
    try:
        w.model = w.folder + "/model.onnx"
        torch.onnx.export(net, x[:1], w.model, input_names=["image"], output_names=["scores"], opset_version=13)
        w.serve()
        w.run("deploy", w.model, "--endpoint", "watched", "--capture", 100, quiet=True)
        base = write(w.folder + "/baseline", [picture(p) for p in tensors(test[:BASELINE])[0]])
        w.run("monitor", "baseline", "watched", "--data", base, quiet=True)
        clean = [picture(p) for p in x]
        r = np.random.RandomState(2)
        jobs = [("clean", None, lambda: clean)]
        for part, word in ((2, "half"), (4, "quarter")):
            for a in (mi_fgsm, pgd_l2):
                jobs.append((f"{a.__name__.replace('_', '-')}-{word}", a, lambda a=a, part=part: [
                    picture(p) for p in a(net, x, y, strength / 255 / part)]))
        for a in (ti_fgsm, square):
            jobs.append((f"{a.__name__.replace('_', '-')}-half", a, lambda a=a: [picture(p) for p in a(net, x, y, strength / 255 / 2)]))
        for a in (carlini, deepfool, patch, pixels):
            jobs.append((a.__name__, a, lambda a=a: [picture(p) for p in a(net, x, y, 0)]))
        for k, change in CONTROLS.items():
            jobs.append((k, None, lambda change=change: [change(p, r) for p in clean]))
        for k, a, make in jobs:
            made = write(f"{w.folder}/{k}", make())
            size = np.mean([np.abs(np.asarray(Image.open(f"{made}/{i:04d}.png")).astype(int) - np.asarray(clean[i])).mean()
                            for i in range(len(clean))])
            told[k] = dict(kind="attack" if a else "control", seen=round(seen(w, k, made), 3), misled=round(misled(net, made, y), 3),
                           mean_change=round(float(size), 2))
            print(f"    {k:16} {told[k]['kind']:8} {100 * told[k]['seen']:5.1f} % seen, {100 * told[k]['misled']:5.1f} % mislead, "
                  f"mean change {told[k]['mean_change']}", flush=True)
    finally:
        w.close()
        shutil.rmtree(w.folder, ignore_errors=True)
    return told


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    o = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
    there = {"fashion": os.path.isdir(W.FASHION), "signs": os.path.isdir(DATA), "photos": os.path.isdir(PHOTOS)}
    names = [n for n in (words or SETS) if there[n]]
    for n in set(words or SETS) - set(names):
        print(f"{n}: its pictures are not here")
    if not names:
        print("NOT RUN: no pictures")
        return 77
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="fettle-perturbed-") as folder:
        told = {n: judge(n, int(o.get("pictures", 400)), folder) for n in names}
    if "out" in o:
        json.dump(told, open(o["out"], "w"), indent=1)
    worst = min(t["mi-fgsm-half"]["seen"] for t in told.values())
    false = max(t["clean"]["seen"] for t in told.values())
    usual, kind = max((t[k]["seen"], f"{k} of {n}") for n, t in told.items() for k in ORDINARY)
    print(f"what is no attack: at most {100 * usual:.1f} % of a kind ({kind}) are taken for perturbed (an alert: more than 10)")
    print(f"momentum iterative FGSM of half strength: {100 * worst:.1f} % seen at the least ({100 * SEEN_AT_LEAST:g}); clean pictures: "
          f"{100 * false:.1f} % taken for perturbed at most ({100 * FALSE_AT_MOST:g})")
    return 0 if worst >= SEEN_AT_LEAST and false <= FALSE_AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
