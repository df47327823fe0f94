"""A training step of ResNet-18 and MobileNetV2 at batch 16 (224 x 224): ours beside torch.

Ours and the peers run by turns in processes of their own; CPU time, medians. torch is Debian's
(1.13), and the newest one where the peers have it (tests/prove/peers.sh torch).

usage: bench/nn_train.py OUT.json [--rounds=N] [--only=NAME] [--tool=PATH]
"""
import json
import os
import statistics
import subprocess
import sys

PYTHON = "/usr/bin/python3"
BATCH, SIDE, STEPS = 16, 224, 2
NAMES = {"resnet18": "resnet-18", "mobilenet_v2": "mobilenet-v2"}

PEER = r"""
import sys, time, torch, torchvision
from torch import nn
name, batch, side, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(1)
m = getattr(torchvision.models, name)(num_classes=1000)
m.train()
x, y = torch.randn(batch, 3, side, side), torch.randint(0, 1000, (batch,))
o = torch.optim.SGD(m.parameters(), 1e-3, 0.9)
def step():
    o.zero_grad()
    loss = nn.functional.cross_entropy(m(x), y)
    loss.backward()
    o.step()
    return float(loss.detach())
step()
print('ready', torch.__version__, flush=True)
for line in sys.stdin:
    n = int(line); cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(n): loss = step()
    print(1e3 * (time.process_time() - cpu) / n, 1e3 * (time.perf_counter() - wall) / n, loss, flush=True)
"""


class Runner:
    def __init__(self, argv, threads):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.DEVNULL, env=env)
        words = self.p.stdout.readline().split()
        self.ok = bool(words) and words[0] == "ready"
        self.version = words[1] if len(words) > 1 else ""
        self.cpu, self.wall = [], []

    def run(self, steps):
        self.p.stdin.write("%d\n" % steps)
        self.p.stdin.flush()
        cpu, wall, _ = map(float, self.p.stdout.readline().split())
        self.cpu.append(cpu)
        self.wall.append(wall)

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def case(name, threads, tool, rounds, peers):
    common = [name, str(BATCH), str(SIDE), str(threads)]
    runners = {math: Runner([tool] + common + [math], threads) for math in ("f32", "bf16")}
    for peer, python in peers.items():
        runners[peer] = Runner([python, "-c", PEER] + common, threads)
    live = {k: r for k, r in runners.items() if r.ok}
    for _ in range(rounds):
        for r in live.values():
            r.run(STEPS)
    rows = []
    for math in ("f32", "bf16"):
        for peer in peers:
            row = {"case": f"{NAMES[name]}-t{threads}-{math}-vs-{peer}", "ours": 0, "peer": None, "ratio": None,
                   "unit": "CPU ms", "runs": rounds}
            if math not in live or peer not in live:
                row["not_run"] = peer + " does not run here" if math in live else "no " + math + " on this processor"
            else:
                row["ours"] = statistics.median(live[math].cpu)
                row["peer"] = statistics.median(live[peer].cpu)
                row["ratio"] = row["peer"] / row["ours"]
                row["ours_wall_ms"], row["peer_wall_ms"] = (statistics.median(live[k].wall) for k in (math, peer))
                row["peer_version"] = live[peer].version
            rows.append(row)
    for r in live.values():
        r.end()
    return rows


def main():
    out = sys.argv[1]
    options = dict(a[2:].split("=", 1) for a in sys.argv[2:] if a.startswith("--") and "=" in a)
    rounds, only = int(options.get("rounds", 5)), options.get("only", "")
    tool = options.get("tool", "build-bench/bench/nn-train")
    newest = os.path.join(os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers")), "torch/bin/python")
    peers = {"torch": PYTHON}
    if os.path.exists(newest):
        peers["torch-newest"] = newest
    rows = []
    for name in NAMES:
        for threads in (1, 2):
            if only not in f"{NAMES[name]}-t{threads}":
                continue
            rows += case(name, threads, tool, rounds, peers)
            print(name, threads, [r["ratio"] and round(r["ratio"], 2) for r in rows], file=sys.stderr)
    with open(out, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
