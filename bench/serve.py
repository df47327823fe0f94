"""serve.py -- HTTP serving beside FastAPI + python3-xgboost, both from Debian: one row of 30 features, 100 trees of depth 6.

    serve.py OUT.json [--runs=5] [--seconds=3]

Ours and the peer alternately, medians. Both servers have one thread and sit on one processor; the load generator checks every
answer against xgboost's. At one connection it sits on the same processor as the server: across two processors of a virtual
machine each request would mostly measure two wake-ups. At 32 connections it sits on the other. Requests per server second count
the server's own processor time. The cases with "capture" write half of the requests to disk before they are answered; the peer
has no such thing, so its figures are the same runs.
"""
import json
import os
import statistics
import subprocess
import sys

from serving import CLIENT, PEER, PYTHON, Bench, ask, cpu_seconds, free_port, missing, pin, write


def option(name, default):
    found = [a.split("=", 1)[1] for a in sys.argv[2:] if a.startswith(f"--{name}=")]
    return type(default)(found[0]) if found else default


def drive(bench, pid, port, path, connections, seconds):
    cpus = sorted(os.sched_getaffinity(0))
    server, client = cpus[0], cpus[0] if connections == 1 else cpus[-1]
    pin(pid, server)
    command = ["taskset", "-c", str(client), CLIENT, "127.0.0.1", str(port), path, bench.pairs, str(connections)]
    subprocess.run(command + ["0.3"], stdout=subprocess.DEVNULL, check=True)
    before = cpu_seconds(pid)
    out = json.loads(subprocess.run(command + [str(seconds)], stdout=subprocess.PIPE, check=True).stdout)
    out["per_cpu_second"] = out["requests"] / max(cpu_seconds(pid) - before, 0.01)
    return out


def main():
    runs, seconds = option("runs", 5), option("seconds", 3.0)
    with Bench() as bench:
        ours_port, peer_port = free_port(), free_port()
        for name, percent in (("plain", "0"), ("half", "50")):
            bench.fettle("deploy", bench.model, "--endpoint", name, "--capture", percent)
        ours = bench.start([os.path.join(os.path.dirname(os.path.dirname(CLIENT)), "fettle"), "serve", "--port",
                            str(ours_port), "--threads", "1"])
        absent = missing("fastapi", "uvicorn", "xgboost")
        peer = None if absent else bench.start([PYTHON, PEER, bench.model, str(peer_port)])
        row, answer = bench.row()
        targets = [("plain", ours, ours_port, "/endpoints/plain/invocations"),
                   ("half", ours, ours_port, "/endpoints/half/invocations")]
        if peer:
            targets.append(("peer", peer, peer_port, "/invocations"))
        for _, _, port, path in targets:
            if abs(float(ask(port, path, row)) - answer) > 1e-5:
                sys.exit(f"{path} answers {ask(port, path, row)}, xgboost {answer}")
        got = {}
        for _ in range(runs):
            for connections in (1, 32):
                for name, process, port, path in targets:
                    got.setdefault((name, connections), []).append(
                        drive(bench, process.pid, port, path, connections, seconds))

        def median(name, connections, what):
            values = got.get((name, connections))
            return statistics.median(v[what] for v in values) if values else None

        rows = []
        for suffix, name in (("", "plain"), ("-capture", "half")):
            for case, connections, what, unit in (("p50-1conn", 1, "p50_us", "us"), ("p99-32conn", 32, "p99_us", "us"),
                                                  ("rps-32conn", 32, "per_cpu_second", "requests/CPU s")):
                a, b = median(name, connections, what), median("peer", connections, what)
                ratio = None if b is None else a / b if unit.startswith("requests") else b / a
                rows.append({"case": case + suffix, "ours": a, "peer": b, "unit": unit, "ratio": ratio, "runs": runs}
                            | ({"not_run": f"python3-{absent} is not installed"} if absent else {}))
        write(sys.argv[1], rows)


main()
