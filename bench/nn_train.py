"""A training step of ResNet-18 and MobileNetV2 at batch 16 (224 x 224): ours beside torch.

Ours and the peers run by turns in processes of their own, medians: CPU time with one thread (the machine may be shared), wall
time with two. Who is not at its turn is stopped: the threads of a pool look for their next job long after the last one, on the
processor that the next engine needs. torch is Debian's (1.13), and the newest one where the peers have it (tests/prove/peers.sh
torch). Products in bfloat16 are held against torch's float32 where the processor has AMX; elsewhere the row says what they reach.

usage: bench/nn_train.py OUT.json [--rounds=N] [--only=NAME] [--tool=PATH]
"""
import json
import os
import signal
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


class Engine:
    def __init__(self, argv, threads):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, env=env)
        words = self.process.stdout.readline().split()
        self.ok = bool(words) and words[0] == "ready"
        self.version = words[1] if len(words) > 1 else ""
        self.rounds = []
        self.process.send_signal(signal.SIGSTOP)

    def turn(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write("%d\n" % STEPS)
        self.process.stdin.flush()
        self.rounds.append([float(v) for v in self.process.stdout.readline().split()])
        self.process.send_signal(signal.SIGSTOP)

    def median(self, clock):
        return statistics.median(r[clock] for r in self.rounds)

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def have_amx():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return "amx_bf16" in f.read()


def row_of(name, threads, math, peer, engines, rounds):
    ours, other, clock = engines[math], engines.get(peer), 0 if threads == 1 else 1
    row = {"case": f"{NAMES[name]}-t{threads}-{math}-vs-{peer}", "ours": 0, "peer": None, "ratio": None,
           "unit": "CPU ms" if threads == 1 else "ms", "runs": rounds}
    if not ours.ok:
        row["not_run"] = "this processor has no bfloat16" if math == "bf16" else "it did not start"
        return row
    row["ours"] = ours.median(clock)
    if other is None or not other.ok:
        row["not_run"] = "tests/prove/peers.sh torch makes it" if peer == "torch-newest" else "python3-torch is not installed"
        return row
    peer_ms, row["peer_version"] = other.median(clock), other.version
    if math == "bf16" and not have_amx():
        row["not_run"] = (f"this processor has no AMX; with AVX512_BF16 {row['ours']:.0f} {row['unit']} beside {peer_ms:.0f} in "
                          f"float32: {peer_ms / row['ours']:.2f}x")
        return row
    row["peer"], row["ratio"] = peer_ms, peer_ms / row["ours"]
    return row


def case(name, threads, tool, rounds, peers):
    common = [name, str(BATCH), str(SIDE), str(threads)]
    engines = {math: Engine([tool] + common + [math], threads) for math in ("f32", "bf16")}
    for peer, python in peers.items():
        if os.path.exists(python):
            engines[peer] = Engine([python, "-c", PEER] + common, threads)
    for _ in range(rounds):
        for e in engines.values():
            if e.ok:
                e.turn()
    for e in engines.values():
        e.end()
    return [row_of(name, threads, math, peer, engines, rounds) for math in ("f32", "bf16") for peer in peers]


def main():
    out = sys.argv[1]
    options = dict(a[2:].split("=", 1) for a in sys.argv[2:] if a.startswith("--") and "=" in a)
    rounds, only = int(options.get("rounds", 5)), options.get("only", "")
    tool = options.get("tool", "build-bench/bench/nn-train")
    newest = os.path.join(os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers")), "torch/bin/python")
    peers = {"torch": PYTHON, "torch-newest": newest}
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
