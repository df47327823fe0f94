"""start.py -- start-up and idle memory beside Python.

    start.py OUT.json [--runs=21]

version: `fettle --version` beside a Python that imports xgboost. first-answer: from the start of the process to the first answered
row, model of 100 trees included, beside the FastAPI service. idle-memory: resident memory of both after that answer.
"""
import statistics
import subprocess
import sys
import time

from serving import FETTLE, PEER, PYTHON, Bench, ask, free_port, missing, rss_mib, write


def wall_ms(command, env=None):
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=env)
    return (time.perf_counter() - began) * 1000


def serve_once(bench, command, port, path):
    row, answer = bench.row()
    began = time.perf_counter()
    p = bench.start(command)
    got = float(ask(port, path, row))
    took = (time.perf_counter() - began) * 1000
    if abs(got - answer) > 1e-5:
        sys.exit(f"{path} answers {got}, xgboost {answer}")
    time.sleep(0.3)  # what it does beside the first answer is part of being idle
    memory = rss_mib(p.pid)
    bench.stop(p)
    return took, memory


def main():
    runs = next((int(a.split("=")[1]) for a in sys.argv[2:] if a.startswith("--runs=")), 21)
    absent = missing("fastapi", "uvicorn", "xgboost")
    versions, starts = ([], []), ([], [])
    with Bench() as bench:
        bench.fettle("deploy", bench.model, "--endpoint", "plain", "--capture", "50")
        for i in range(runs):
            versions[0].append(wall_ms([FETTLE, "--version"]))
            if not absent and i < 7:
                versions[1].append(wall_ms([PYTHON, "-c", "import xgboost"]))
        for i in range(max(runs // 3, 5)):
            port = free_port()
            starts[0].append(serve_once(bench, [FETTLE, "serve", "--port", str(port), "--threads", "1"], port,
                                        "/endpoints/plain/invocations"))
            if not absent and i < 5:
                starts[1].append(serve_once(bench, [PYTHON, PEER, bench.model, str(port + 1)], port + 1, "/invocations"))

    def row(case, unit, ours, peer):
        a, b = statistics.median(ours), statistics.median(peer) if peer else None
        out = {"case": case, "ours": a, "peer": b, "unit": unit, "ratio": b / a if b else None, "runs": len(ours)}
        return out | ({"not_run": f"python3-{absent} is not installed"} if absent else {})

    write(sys.argv[1], [row("version", "ms", *versions),
                        row("first-answer", "ms", [s[0] for s in starts[0]], [s[0] for s in starts[1]]),
                        row("idle-memory", "MiB", [s[1] for s in starts[0]], [s[1] for s in starts[1]])])


main()
