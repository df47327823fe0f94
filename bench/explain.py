#!/usr/bin/python3
"""explain.py -- FullGrad of ResNet-18 at 128 x 128 beside PyTorch (bench/explain_torch.py) and the post's own loop, which zooms
every channel of every layer by itself. One thread each, by turns, medians of CPU milliseconds; maps are compared. Ours is a process
of its own that is stopped while PyTorch has its turn; PyTorch waits in a read while ours has.

usage: explain.py OUT.json [--rounds=N] [--tool=PROGRAM]
"""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = 128


def timed(run, *of):
    begun = time.process_time()
    run(*of)
    return 1e3 * (time.process_time() - begun)


def main():
    out = sys.argv[1]
    options = dict(a[2:].split("=", 1) for a in sys.argv[2:])
    rounds, tool = int(options.get("rounds", 12)), options.get("tool", "build-bench/bench/explain")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        sys.path.insert(0, HERE)
        import numpy as np
        import torch
        import torchvision
        import explain_torch as E
    except ImportError as e:
        rows = [{"case": c, "ours": 0, "peer": None, "ratio": None, "unit": "CPU ms", "runs": 0, "not_run": str(e)}
                for c in ("fullgrad-vs-torch", "fullgrad-vs-post")]
        json.dump(rows, open(out, "w"))
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as d:
        net = E.random_model(torchvision.models.resnet18)
        torch.save(net.state_dict(), d + "/model.pth")
        with open(d + "/network.json", "w") as f:
            json.dump(dict(size=SIDE), f)
        x = torch.from_numpy(np.random.RandomState(3).randn(1, 3, SIDE, SIDE).astype(np.float32))
        x.numpy().tofile(d + "/x.f32")
        tapped = E.Tapped(net)
        truth = E.fullgrad(tapped, x)[0]
        post = E.post_loop(tapped, x)
        ours = subprocess.Popen([tool, d + "/model.pth", d + "/x.f32", str(SIDE), d + "/map.f32"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        incompleteness = float(ours.stdout.readline().split()[1])
        got = np.fromfile(d + "/map.f32", np.float32).reshape(SIDE, SIDE)
        took = dict(ours=[], torch=[], post=[])
        for _ in range(rounds):
            ours.stdin.write("4\n")
            ours.stdin.flush()
            took["ours"].append(float(ours.stdout.readline().split()[0]))
            ours.send_signal(signal.SIGSTOP)
            for name, run, times in (("torch", E.fullgrad, 4), ("post", E.post_loop, 1)):
                took[name].append(min(timed(run, tapped, x) for _ in range(times)))
            ours.send_signal(signal.SIGCONT)
        ours.stdin.close()
        ours.wait()
    median = {name: statistics.median(times) for name, times in took.items()}
    rows = []
    for name, map_ in (("torch", truth), ("post", post)):
        off = float(np.abs(got - map_).max() / np.abs(map_).max())
        row = {"case": f"fullgrad-vs-{name}", "ours": median["ours"], "peer": median[name], "ratio": median[name] / median["ours"],
               "unit": "CPU ms", "runs": rounds, "difference": off, "incompleteness": incompleteness}
        if off > 1e-3:
            row.update(peer=None, ratio=None, not_run=f"maps differ by {off:.2g}")
        rows.append(row)
    with open(out, "w") as f:
        json.dump(rows, f, indent=1)


main()
