#!/usr/bin/python3
"""walk.py -- the Model Monitor and Debugger post, end to end: a network is trained, served with half of its requests captured and
its tensors kept; clean requests raise nothing; requests attacked so that they are answered with one class raise an alert; the
alert's page shows pictures, tensors and heat maps side by side.

    walk.py fashion                        on Debian's Fashion-MNIST
    walk.py signs --data FOLDER            on German traffic signs: gtsrb_train32.bin.gz, gtsrb_test32.bin.gz and their index
    walk.py fashion --quick                a few hundred pictures, for a look

Only Python's own library and the program `fettle` are used ($FETTLE, or the one that is built here). What was done and found stands
in FOLDER/walk.json; --keep and --out leave the home, the pictures and the page: `fettle serve --home FOLDER/home` shows them again.
"""
import argparse
import csv
import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FASHION = "/usr/share/datasets/fashion-mnist"
POST = ".*bn|.*bias|.*downsample|.*_input_0|.*image"


# ---- pictures

def put(folder, name, side, pixels, channels):
    """A PGM or PPM file: the plainest picture there is."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + (".pgm" if channels == 1 else ".ppm")), "wb") as f:
        f.write(b"P%d\n%d %d\n255\n" % (5 if channels == 1 else 6, side, side) + pixels)


def fashion(kind):
    """[(class, group, pixels)]"""
    with gzip.open(f"{FASHION}/{kind}-images-idx3-ubyte.gz") as f:
        images = f.read()[16:]
    with gzip.open(f"{FASHION}/{kind}-labels-idx1-ubyte.gz") as f:
        labels = f.read()[8:]
    return [(labels[i], str(i), images[784 * i:784 * i + 784]) for i in range(len(labels))]


def signs(data, kind):
    """The group is the physical sign: frames of one sign never stand on both sides of a division."""
    with gzip.open(f"{data}/gtsrb_{kind}32.bin.gz") as f:
        records = f.read()
    with open(f"{data}/gtsrb_{kind}32.index.csv", encoding="ascii") as f:
        rows = list(csv.DictReader(f))
    got = []
    for i, row in enumerate(rows):
        r = records[3073 * i:3073 * i + 3073]
        group = f"{r[0]}-{row['track']}" if row.get("track") else str(i)
        got.append((r[0], group, r[1:]))
    return got


def write(records, folder, side, channels, by_class):
    for i, (label, group, pixels) in enumerate(records):
        put(f"{folder}/{label:02d}" if by_class else folder, f"{group}-{i:05d}", side, pixels, channels)


# ---- the program

class Walk:
    def __init__(self, args):
        self.args = args
        self.folder = os.path.abspath(args.out or tempfile.mkdtemp(prefix="fettle-signs-"))
        self.home = self.folder + "/home"
        self.program = os.environ.get("FETTLE", os.path.join(ROOT, "build", "fettle"))
        self.env = dict(os.environ, FETTLE_HOME=self.home, FETTLE_LOG="warn")
        self.server = None
        self.found = {}

    def run(self, *words, timeout=3600, quiet=False):
        words = [str(w) for w in words]
        if not quiet:
            print("  $ fettle " + " ".join(words), flush=True)
        p = subprocess.run([self.program, *words], env=self.env, capture_output=True, text=True, timeout=timeout)
        if p.returncode:
            raise SystemExit(f"fettle {' '.join(words)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def json(self, *words, **kw):
        return json.loads(self.run(*words, "--json", **kw).stdout)

    def serve(self):
        self.server = subprocess.Popen([self.program, "serve", "--port", "0"], env=self.env, stdout=subprocess.PIPE, text=True)
        line = self.server.stdout.readline()
        self.url = re.search(r"serving on (\S+)", line).group(1)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=120) as r:
            return r.read().decode()

    def close(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(20)


def monitor_window(w, send):
    """Send, then look at exactly what was sent since."""
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    time.sleep(1.05)  # windows have whole seconds
    send()
    return w.json("monitor", "run", "watched", "--since", begun, quiet=True)


# ---- the walk

SETS = {
    "fashion": dict(side=28, channels=1, arch="cnn28", target=8, eps=48, epochs=3, batch=64),
    "signs": dict(side=32, channels=3, arch="cnn32", target=14, eps=16, epochs=36, batch=64,
                  more=["label_smoothing=0.1", "augment=affine=10:0.08:0.12:5,jitter=0.4:0.4:0.3"]),
}


def prepare(w, a, s):
    train = fashion("train") if a.set == "fashion" else signs(a.data, "train")
    test = fashion("t10k") if a.set == "fashion" else signs(a.data, "test")
    draw = random.Random(a.seed)
    groups = sorted({g for _, g, _ in train})
    held = set(draw.sample(groups, len(groups) // 8))
    learn, judge = [r for r in train if r[1] not in held], [r for r in train if r[1] in held]
    if a.quick:
        learn, judge = draw.sample(learn, min(4000, len(learn))), draw.sample(judge, min(500, len(judge)))
    draw.shuffle(test)
    usual = min(1000 if not a.quick else 500, len(test) // 3)
    for name, records, by_class in (("train", learn, True), ("validation", judge, True), ("baseline", test[:usual], False)):
        write(records, f"{w.folder}/{name}", s["side"], s["channels"], by_class)
    w.traffic = test[usual:]
    w.found.update(train=len(learn), validation=len(judge), baseline=usual, traffic=len(w.traffic))


def pick(w, name, s, seed, many):
    folder = f"{w.folder}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    write(random.Random(seed).sample(w.traffic, min(many, len(w.traffic))), folder, s["side"], s["channels"], False)
    return folder


def attack(w, a, s, folder, out, method="pgd", eps=None):
    rows = json.loads(w.run("attack", w.model, folder, "--method", method, "--target", s["target"], "--eps", eps or s["eps"],
                            "--out", out, "--json").stdout)
    return rows


def send(w, folder, endpoint="watched"):
    shutil.rmtree(w.folder + "/now", ignore_errors=True)
    os.makedirs(w.folder + "/now")
    for name in os.listdir(folder):
        if os.path.isfile(f"{folder}/{name}"):
            os.link(f"{folder}/{name}", f"{w.folder}/now/{name}")
    w.run("invoke", endpoint, "--data", w.folder + "/now", quiet=True)


def walk(w, a):
    s = dict(SETS[a.set], **{k: v for k, v in (("eps", a.eps), ("epochs", a.epochs), ("arch", a.arch)) if v})
    print("1. Pictures")
    prepare(w, a, s)
    if a.model:
        w.model = os.path.abspath(a.model)
        print(f"2. The model is given: {w.model}")
    else:
        print("2. A network is trained")
        begun = time.monotonic()
        more = [word for setting in s.get("more", []) for word in ("--set", setting)]
        p = w.run("train", "image", "--arch", s["arch"], "--train", w.folder + "/train", "--validation", w.folder + "/validation",
                  "--epochs", s["epochs"], "--set", f"batch_size={s['batch']}", *more, "--job", "learns", *a.set_more)
        w.found["train_seconds"] = round(time.monotonic() - begun, 1)
        print("    " + "\n    ".join((p.stdout + p.stderr).strip().splitlines()[-4:]))
        w.model = f"{w.home}/objects/fettle/jobs/learns/output/model"
    w.serve()
    print("3. It is served, half of the requests captured, tensors of every eighth kept")
    w.run("deploy", w.model, "--endpoint", "watched", "--capture", 50, "--tap", POST, "--tap-every", 8)
    w.run("monitor", "baseline", "watched", "--data", w.folder + "/baseline")
    print(f"4. {a.clean_runs} times {a.requests} clean requests")
    raised = 0
    for i in range(a.clean_runs):
        run = monitor_window(w, lambda: send(w, pick(w, "clean", s, a.seed + 100 + i, a.requests)))
        raised += len(run) > 0
        for v in run[:3]:
            print(f"    raised: {v['feature']}: {v['description']}")
    w.found.update(clean_runs=a.clean_runs, clean_raised=raised)
    print(f"    {raised} of them raised a violation")
    print(f"5. {a.requests} requests attacked so that they are answered with class {s['target']}")
    pool = pick(w, "before", s, a.seed + 7, a.requests)
    rows = attack(w, a, s, pool, w.folder + "/attacked")
    w.found.update(attacks=len(rows), landed=sum(r["success"] != "no" for r in rows),
                   already=sum(r["success"] == "already" for r in rows), eps=s["eps"])
    print(f"    {w.found['landed']} of {len(rows)} are in the class now, {w.found['already']} were before")
    run = monitor_window(w, lambda: send(w, w.folder + "/attacked"))
    w.found["attacked_violations"] = len(run)
    w.found["alerts"] = [x["text"] for x in w.json("alerts", "ls", quiet=True)]
    print("    " + "\n    ".join(w.found["alerts"][:4]))
    print("6. The alert's page")
    alerts = w.json("alerts", "ls", quiet=True)
    if alerts:
        number = str(alerts[0].get("lineage", "alert:1")).split(":")[-1]
        page = w.get(f"/endpoints/watched/pictures?alert={number}")
        with open(w.folder + "/alert.html", "w", encoding="utf-8") as f:
            f.write(page)
        w.found["page"] = dict(bytes=len(page), pictures=page.count("data:image/png"), tensors=page.count("gradient/"))
        print(f"    {w.folder}/alert.html: {w.found['page']}")
    if a.detector:
        detector(w, a, s)


def detector(w, a, s):
    """PerturbedInputs' limit comes of clean pictures alone; told is how many pictures it takes for perturbed: clean ones, and
    attacks of another kind and strength than above."""
    print("7. The detector of perturbed pictures")
    rule = w.json("sql", "select params as p from watch where rule = 'PerturbedInputs'", quiet=True)[0]["p"]
    limits = [word for name, limit in json.loads(rule).items() for word in ("--set", f"{name}={limit}")]
    told = {}
    for name, method, eps in (("clean", None, 0), ("noise", "noise", s["eps"] / 2), ("fgsm", "fgsm", s["eps"] / 2),
                              ("pgd", "pgd", s["eps"] / 2), ("fgsm-weak", "fgsm", s["eps"] / 4), ("pgd-weak", "pgd", s["eps"] / 4)):
        folder = pick(w, "probe", s, a.seed + 900, min(200, a.requests))
        if method:
            attack(w, a, s, folder, f"{w.folder}/probed-{name}", method, eps)
            folder = f"{w.folder}/probed-{name}"
        w.run("deploy", w.model, "--endpoint", "probe-" + name, "--capture", 100, quiet=True)
        send(w, folder, "probe-" + name)
        rows = w.json("rules", "try", "PerturbedInputs", "endpoint/probe-" + name, *limits, "--set", "threshold_percent=0",
                      "--set", "min_records=1", quiet=True)
        seen = [r["evidence"] if isinstance(r.get("evidence"), dict) else json.loads(r.get("evidence") or "{}") for r in rows]
        sent = min(200, a.requests)
        told[name] = dict(eps=eps, share=round(sum(e.get("perturbed", 0) for e in seen) / sent, 3))
        print(f"    {name} (eps {eps:g}): {100 * told[name]['share']:.1f} % taken for perturbed")
    w.found["detector"] = told


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("set", choices=sorted(SETS))
    p.add_argument("--data", help="folder of the traffic signs")
    p.add_argument("--model", help="a trained model, instead of training one")
    p.add_argument("--requests", type=int, default=400)
    p.add_argument("--clean-runs", type=int, default=1)
    p.add_argument("--epochs", type=int)
    p.add_argument("--arch")
    p.add_argument("--eps", type=float)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--detector", action="store_true", help="try the detector on attacks of other kinds")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--keep", action="store_true")
    p.add_argument("--out", help="folder (a new one below /tmp when not given)")
    p.add_argument("--set-more", action="append", default=[], help="one more word for fettle train")
    a = p.parse_args()
    if a.set == "signs" and not a.data:
        p.error("signs: --data FOLDER with gtsrb_train32.bin.gz, gtsrb_test32.bin.gz and their .index.csv is needed")
    w = Walk(a)
    try:
        walk(w, a)
        with open(w.folder + "/walk.json", "w", encoding="utf-8") as f:
            json.dump(w.found, f, indent=1)
        print(json.dumps(w.found))
    finally:
        w.close()
        if not a.keep and not a.out:
            shutil.rmtree(w.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
