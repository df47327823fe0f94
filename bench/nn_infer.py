#!/usr/bin/python3
"""nn_infer.py -- networks beside python3-torch (frozen, eager) and the newest ONNX Runtime.

Each network, batch and number of threads: every engine in a process of its own, by turns, on the same pixels and weights (random,
exported by torch); the medians of the rounds are compared, in CPU time with one thread (the machine may be shared), in wall
time with two. A start (weights to first answer, CPU time) is the median of STARTS processes, one after the other: the first of them
pays the host of a virtual machine for memory that nobody had before. An engine that is not at its turn is stopped: the threads
of a pool look for their next job long after the last one, on the processor that the next engine needs. Answers are compared; a
figure without an equal answer is not given.
ONNX Runtime is in a folder of its own: tests/prove/peers.sh ort.

usage: nn_infer.py OUT.json [--rounds=N] [--only=TEXT] [--tool=PROGRAM]
"""
import json
import os
import signal
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
MODELS = os.path.join(PEERS, "nn-models")
NETS = ["resnet18", "mobilenet_v2", "resnet50", "movenet"]
MOVENET = os.path.join(os.environ.get("FETTLE_MODELS", os.path.expanduser("~/.cache/fettle/models")), "movenet-lightning.json")
NAMES = {"resnet18": "ResNet-18", "mobilenet_v2": "MobileNetV2", "resnet50": "ResNet-50", "movenet": "MoveNet"}
SIDES = {"movenet": "192"}
STARTS = 5

EXPORT = """
import sys, warnings, torch, torchvision
warnings.filterwarnings('ignore')
torch.manual_seed(0)
name, folder = sys.argv[1:]
net = getattr(torchvision.models, name)(weights=None).eval()
g = torch.Generator().manual_seed(1)
for m in net.modules():
    if isinstance(m, torch.nn.BatchNorm2d):
        m.running_mean.copy_(torch.randn(m.running_mean.shape, generator=g) * 0.1)
        m.running_var.copy_(torch.rand(m.running_var.shape, generator=g) + 0.5)
torch.save(net.state_dict(), f'{folder}/{name}.pt')
torch.onnx.export(net, torch.randn(1, 3, 224, 224), f'{folder}/{name}.onnx.part', opset_version=13, input_names=['x'],
                  output_names=['y'], dynamic_axes={'x': {0: 'n'}, 'y': {0: 'n'}},
                  training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
import os
os.rename(f'{folder}/{name}.onnx.part', f'{folder}/{name}.onnx')
"""


class Engine:
    def __init__(self, command, threads, runs):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().split()
        self.start = float(line[1]) if line else None
        self.runs, self.rounds = runs, []
        self.process.send_signal(signal.SIGSTOP)

    def turn(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{self.runs}\n")
        self.process.stdin.flush()
        self.rounds.append([float(v) for v in self.process.stdout.readline().split()])
        self.process.send_signal(signal.SIGSTOP)

    def median(self, clock):
        return statistics.median(r[clock] for r in self.rounds)

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def starts(commands, threads):
    """Of each engine, until its first answer: CPU ms, the median."""
    took = {}
    for k, command in commands.items():
        engines = []
        for _ in range(STARTS):
            engines.append(Engine(command, threads, 1))
            engines[-1].end()
        began = [e.start for e in engines if e.start is not None]
        if began:
            took[k] = statistics.median(began)
    return took


def floats(path):
    import array
    a = array.array("f")
    with open(path, "rb") as f:
        a.frombytes(f.read())
    return a


def far(a, b):
    return max(abs(x - y) / max(1, abs(y)) for x, y in zip(a, b)) if len(a) == len(b) else float("inf")


def top1(a, b, batch):
    k = len(a) // batch
    return sum(max(range(k), key=lambda i: a[n * k + i]) == max(range(k), key=lambda i: b[n * k + i])
               for n in range(batch)) / batch


def have_amx():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return "amx_bf16" in f.read()


def engines_of(net, batch, threads, tool, work, math):
    at = [SIDES.get(net, "224")] * 2 + [str(threads)]
    model, source = os.path.join(MODELS, net), os.path.join(work, "x.f32")
    ort = os.path.join(PEERS, "ort", "bin", "python")
    peer = os.path.join(HERE, "peers", "nn.py")
    all_ = {"ours": [tool, model + ".onnx", source, str(batch), *at, math, os.path.join(work, "ours")]}
    if net == "movenet":  # torch has none; ONNX Runtime runs what our exporter writes
        if os.path.exists(ort):
            all_["ort"] = [ort, peer, "ort", model + ".onnx", source, str(batch), *at, os.path.join(work, "ort")]
        return all_
    if math == "bf16":
        all_["torch-bf16"] = [PYTHON, peer, "torch-bf16", model, source, str(batch), *at, os.path.join(work, "torch-bf16")]
        all_["f32"] = [tool, model + ".onnx", source, str(batch), *at, "f32", os.path.join(work, "f32")]
        return all_
    for name in ("torch-frozen", "torch-eager"):
        all_[name] = [PYTHON, peer, name, model, source, str(batch), *at, os.path.join(work, name)]
    if os.path.exists(ort):
        all_["ort"] = [ort, peer, "ort", model + ".onnx", source, str(batch), *at, os.path.join(work, "ort")]
    return all_


def case(net, batch, threads, tool, work, rounds, math):
    name = f"{NAMES[net]}-b{batch}-t{threads}-{math}"
    engines = engines_of(net, batch, threads, tool, work, math)
    began = starts({k: c for k, c in engines.items() if k in ("ours", "ort")}, threads) if batch == 1 and math == "f32" else {}
    running = {k: Engine(c, threads, 1 if batch > 1 or net == "resnet50" else 4) for k, c in engines.items()}
    for _ in range(rounds):
        for e in running.values():
            if e.start is not None:
                e.turn()
    for e in running.values():
        e.end()
    ours, clock, rows = running["ours"], 0 if threads == 1 else 1, []
    peers = ("ort",) if net == "movenet" else ("torch-frozen", "torch-eager", "ort")
    for peer in peers if math == "f32" else ("torch-bf16",):
        row = {"case": f"{name}-vs-{peer}", "ours": ours.median(clock), "peer": None, "ratio": None,
               "unit": "CPU ms" if threads == 1 else "ms", "runs": rounds}
        e = running.get(peer)
        if e is None or e.start is None:
            row["not_run"] = "tests/prove/peers.sh ort makes it" if peer == "ort" else "it did not start"
        else:
            truth = peer if math == "f32" else "f32"
            a, b = floats(os.path.join(work, "ours")), floats(os.path.join(work, truth))
            row["difference"] = far(a, b)
            if math == "bf16":
                row["top1_agreement"] = top1(a, b, batch)
            elif row["difference"] > 1e-3:
                row["not_run"] = f"answers differ by {row['difference']:.2g}"
                rows.append(row)
                continue
            row["peer"] = e.median(clock)
            row["ratio"] = row["peer"] / row["ours"]
        rows.append(row)
    if began:
        ours, peer = began.get("ours"), began.get("ort")
        rows.append({"case": f"{name}-start", "ours": ours, "peer": peer, "ratio": peer / ours if peer and ours else None,
                     "unit": "CPU ms", "runs": STARTS, **({} if peer else {"not_run": "tests/prove/peers.sh ort makes it"})})
    return rows


def main():
    import array
    import random
    import tempfile
    out = sys.argv[1]
    options = dict(a[2:].split("=", 1) for a in sys.argv[2:] if a.startswith("--") and "=" in a)
    rounds, only = int(options.get("rounds", 12)), options.get("only", "")
    tool = options.get("tool", "build-bench/bench/nn-infer")
    os.makedirs(MODELS, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as work:
        random.seed(1)
        with open(os.path.join(work, "x.f32"), "wb") as f:
            array.array("f", (random.gauss(0, 1) for _ in range(16 * 3 * 224 * 224))).tofile(f)
        for net in NETS:
            if net == "movenet":
                if not os.path.exists(MOVENET):
                    rows.append({"case": "MoveNet-b1-t1-f32-vs-ort", "ours": 0, "peer": None, "ratio": None, "unit": "ms",
                                 "runs": 0, "not_run": "./run setup models fetches it"})
                    continue
                subprocess.run([tool, MOVENET, "write", os.path.join(MODELS, "movenet.onnx")], check=True)
            elif not os.path.exists(os.path.join(MODELS, net + ".onnx")):
                subprocess.run([PYTHON, "-c", EXPORT, net, MODELS], check=True, stderr=subprocess.DEVNULL)
            for batch in (1,) if net == "movenet" else (1, 16):
                for threads in (1, 2):
                    for math in ("f32",) if net == "movenet" else ("f32", "bf16"):
                        name = f"{NAMES[net]}-b{batch}-t{threads}-{math}"
                        if only not in name:
                            continue
                        if math == "bf16" and not have_amx():
                            rows.append({"case": name + "-vs-torch-bf16", "ours": 0, "peer": None, "ratio": None,
                                         "unit": "ms", "runs": 0, "not_run": "this processor has no AMX"})
                            continue
                        rows += case(net, batch, threads, tool, work, rounds, math)
                        print(name, [r["ratio"] and round(r["ratio"], 2) for r in rows if r["case"].startswith(name)],
                              file=sys.stderr)
    with open(out, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


main()
