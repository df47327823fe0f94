#!/usr/bin/python3
"""Our trials opened by the real smdebug, finished and still growing; and its trials read by us.

Driven by /usr/bin/python3; the part that imports smdebug runs in the peer's own environment (see README.md).
The program is the test trials/peer, which writes and reads trials on command."""
import argparse, glob, json, math, os, shutil, subprocess, sys, tempfile

NOT_RUN = 77


def peer_python():
    peers = os.environ.get("FETTLE_PEERS") or os.path.expanduser("~/.cache/fettle-peers")
    python = os.path.join(peers, "smdebug", "bin", "python")
    if not os.path.exists(python):
        return None, f"smdebug is not in {peers} (tests/prove/peers.sh smdebug makes it)"
    probe = subprocess.run([python, "-c", "from smdebug.trials import create_trial"], capture_output=True, text=True)
    if probe.returncode:
        return None, "smdebug cannot be imported: " + (probe.stderr.strip().splitlines() or ["?"])[-1]
    return python, None


def find_program(given):
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = [given] if given else sorted(glob.glob(os.path.join(here, "build*", "trials_peer_test")), key=os.path.getmtime)
    return found[-1] if found and os.path.exists(found[-1]) else None


class Failed(Exception):
    pass


def expect(good, what):
    if not good:
        raise Failed(what)


# ---- inside the peer's environment
def same(value, want):
    import numpy as np
    want = np.asarray(want)
    value = np.asarray(value)
    if want.dtype.kind == "U":
        return [bytes(v).decode() if isinstance(v, (bytes, bytearray)) else str(v) for v in value] == list(want)
    return value.dtype == want.dtype and value.shape == want.shape and np.array_equal(value, want, equal_nan=want.dtype.kind == "f")


def wanted(step):
    import numpy as np
    return {
        "train-logloss": np.array([1.0 / (step + 1)]),
        "train-auc": np.array([math.nan]),
        "predictions": ((step * 10 + np.arange(6)) / 8).astype(np.float32).reshape(3, 2),
        "feature_importance/weight/f7": np.array([1.0 / (step + 1)]),
        "trees/Tree": np.array([(1 << 60) + step]),
        "bytes": np.array([0, 127, 128, 255], dtype=np.uint8),
        "flags": np.array([True, False]),
        "trees/Feature": np.array(["f0", "Gr\u00f6\u00dfe", ""]),
    }


def check_step(trial, step):
    for name, want in wanted(step).items():
        value = trial.tensor(name).value(step)
        expect(same(value, want), f"{name} at step {step}: smdebug reads {value!r}, {want!r} was written")


class Writer:
    def __init__(self, program, folder):
        self.p = subprocess.Popen([program, "write", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(self.p.stdout.readline() == "open\n", "the writer did not start")

    def do(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()
        expect(self.p.stdout.readline() == "done\n", f"the writer failed at {command!r}")

    def end(self):
        self.p.stdin.close()
        expect(self.p.wait() == 0, "the writer failed")


def ours_read_by_smdebug(program, folder):
    from smdebug.core.modes import ModeKeys
    from smdebug.trials import create_trial
    writer = Writer(program, folder)
    trial = create_trial(folder)
    expect(trial.steps() == [], "steps before the first")
    for step in (0, 3, 999, 1000):  # growing: every step is seen as soon as it is written
        writer.do(f"step {step}")
        expect(trial.steps()[-1:] == [step], f"growing: smdebug sees {trial.steps()} after step {step}")
        check_step(trial, step)
    expect(trial.steps() == [0, 3, 999, 1000] and trial.steps(ModeKeys.TRAIN) == [], "steps by mode")
    expect(sorted(trial.tensor_names()) == sorted(wanted(0)), f"names: {trial.tensor_names()}")
    for collection, names in (("losses", ["train-logloss"]), ("metrics", ["train-auc", "train-logloss"]),
                              ("predictions", ["predictions"]), ("trees", ["trees/Feature", "trees/Tree"]),
                              ("feature_importance", ["feature_importance/weight/f7"]), ("labels", [])):
        got = sorted(trial.tensor_names(collection=collection))
        expect(got == names, f"collection {collection}: {got}")
    expect(trial.loaded_all_steps is False, "ended before the end")
    writer.do("finish")
    writer.end()
    again = create_trial(folder)
    again.wait_for_steps([1000])
    expect(again.steps() == [0, 3, 999, 1000] and again.loaded_all_steps, "the finished trial is not seen as finished")
    for step in again.steps():
        check_step(again, step)
    return 2 * 4 * len(wanted(0))


def smdebug_read_by_ours(program, folder):
    import numpy as np
    from smdebug.core.collection import Collection
    from smdebug.core.collection_manager import CollectionManager
    from smdebug.core.modes import ModeKeys
    from smdebug.core.writer import FileWriter
    arrays = {np.dtype(t).name: (np.arange(6).reshape(2, 3) % 5).astype(t)
              for t in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                        "uint64", "bool")}
    arrays["texts"] = np.array(["a", "b\u00df"])
    arrays["empty-ish"] = np.array([[-0.0, np.inf, np.nan]])
    manager = CollectionManager()
    manager.add(Collection("all", include_regex=[".*"]))
    manager.export(folder, "worker_0_collections.json")
    for step, mode in ((0, ModeKeys.TRAIN), (1, ModeKeys.EVAL), (2, ModeKeys.TRAIN)):
        writer = FileWriter(trial_dir=folder, step=step, worker="worker_0")
        for name, value in arrays.items():
            writer.write_tensor(tdata=value, tname=name, mode=mode, mode_step=step // 2)
        writer.close()
    got = {}
    out = subprocess.run([program, "read", folder], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        step, mode, mode_step, name, dtype, shape, values = line.split("\t")
        got[int(step), name] = (mode, int(mode_step), dtype, shape, values.split(" "))
    for step, mode in ((0, "TRAIN"), (1, "EVAL"), (2, "TRAIN")):
        for name, value in arrays.items():
            dtype = "str" if value.dtype.kind == "U" else value.dtype.name
            texts = list(value) if dtype == "str" else ["%.17g" % float(v) for v in value.flatten()]
            want = (mode, step // 2, dtype, "x".join(map(str, value.shape)), texts)
            expect(got.get((step, name)) == want, f"{name} at step {step}: we read {got.get((step, name))}, smdebug wrote {want}")
    return len(got)


def inside(program):
    folder = tempfile.mkdtemp(prefix="fettle-smdebug-")
    try:
        a = ours_read_by_smdebug(program, os.path.join(folder, "ours"))
        b = smdebug_read_by_ours(program, os.path.join(folder, "theirs"))
        print(json.dumps({"ours": a, "theirs": b}))
    except Failed as e:
        print(json.dumps({"failed": str(e)}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", help="the test program trials_peer_test (default: the newest in build*/)")
    args.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.inside:
        return inside(args.program)
    program = find_program(args.program)
    python, why = peer_python()
    if not program:
        why = "trials_peer_test is not built"
    if why:
        print(f"NOT RUN: {why}")
        return NOT_RUN
    run = subprocess.run([python, os.path.abspath(__file__), "--inside", "--program", program], capture_output=True, text=True,
                         timeout=120)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    result = json.loads(lines[-1]) if lines else {"failed": (run.stderr.strip().splitlines() or ["no answer"])[-1]}
    if "failed" in result:
        print("FAIL  " + result["failed"])
        return 1
    print(f"PASS  smdebug reads {result['ours']} tensors of ours, growing and finished; we read {result['theirs']} of its")
    return 0


if __name__ == "__main__":
    sys.exit(main())
