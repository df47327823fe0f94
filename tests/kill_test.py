#!/usr/bin/python3
"""kill_test.py -- kill -9 at random moments, from a seed: server, job, rule host, supervisor. Afterwards every answered
capture and every verdict is there, the job tells why it failed, and waiting alerts are delivered.

POINTS (default 50) and SEED come from the environment; a failure prints the seed.
"""
import csv
import os
import random
import signal
import subprocess
import threading
import time

from tap import case, main, until

POINTS = int(os.environ.get("POINTS", "50"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 30))))
print(f"# seed {SEED}, {POINTS} points")


def small_data(t, rows=400):
    r = random.Random(7)
    path = os.path.join(t.path, "train.csv")
    with open(path, "w", encoding="utf-8", newline="") as f:
        for _ in range(rows):
            x = [round(r.random(), 4) for _ in range(5)]
            csv.writer(f).writerow([int(x[0] + x[1] > 1), *x])
    return path


def children(pid):
    """Processes started by pid, with their command lines."""
    out = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat", encoding="utf-8") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{p}/cmdline", encoding="utf-8") as f:
                line = f.read().replace("\0", " ")
        except OSError:
            continue
        if parent == pid:
            out[int(p)] = line
    return out


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@case
def answered_captures_survive_the_servers_death(t):
    chance = random.Random(SEED)
    train = small_data(t)
    t.run("train", "xgboost", "--job", "j", "--train", train, "--set", "num_round=2")
    t.run("deploy", "j", "--endpoint", "e", "--capture", 100)
    answered = set()
    for point in range(POINTS):
        server = t.serve()
        stop = time.monotonic() + 0.02 + chance.random() * 0.25

        def asker():
            while True:
                try:
                    status, headers, _ = t.http("POST", "/endpoints/e/invocations", "1,2,3,4,5", {"Content-Type": "text/csv"})
                except OSError:
                    return
                if status == 200:
                    answered.add(headers["X-Fettle-Event-Id"])

        askers = [threading.Thread(target=asker) for _ in range(2)]
        for a in askers:
            a.start()
        time.sleep(max(0, stop - time.monotonic()))
        kill(server.pid)
        server.wait()
        for a in askers:
            a.join()
    stored = {r["event_id"] for r in t.sql("select event_id from capture where endpoint = 'e'")}
    lost = answered - stored
    assert answered, f"seed {SEED}: nothing was answered in {POINTS} rounds"
    assert not lost, f"seed {SEED}: {len(lost)} of {len(answered)} answered captures are gone"
    print(f"# {len(answered)} answered, {len(stored)} stored, none lost")


@case
def jobs_and_hosts_die_at_any_moment(t):
    chance = random.Random(SEED + 1)
    train = small_data(t, 3000)
    t.run("alerts", "to", "file", os.path.join(t.path, "alerts.jsonl"))
    seen = {}
    for point in range(POINTS):
        name = f"k{point}"
        eta = chance.choice(["0", "0.3"])
        p = t.start("train", "xgboost", "--job", name, "--train", train, "--set", "num_round=200", "--set", f"eta={eta}", "--set", "nthread=1",
                    "--rule", "LossNotDecreasing", "--save", "losses:1", "--save", "metrics:1", start_new_session=True)
        time.sleep(0.05 + chance.random() * 0.8)
        kids = children(p.pid)
        victims = {"supervisor": [p.pid], "job": [k for k, l in kids.items() if "run-job" in l],
                   "host": [k for k, l in kids.items() if "run-rules" in l], "all": [p.pid, *kids]}
        who = chance.choice(list(victims))
        for pid in victims[who]:
            kill(pid)
        try:
            p.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            kill(p.pid)
            raise AssertionError(f"seed {SEED}: train did not end after {who} was killed at point {point}")
        until(lambda: all(not os.path.exists(f"/proc/{k}") for k in kids), 10, f"seed {SEED}: children of {name} end")
        for v in t.json("verdicts", "ls", "--limit", 100000):
            seen[v["verdict"]] = v
        job = t.sql(f"select name from job where name = '{name}'")
        if not job:
            continue
        row = {r["job"]: r for r in t.json("jobs", "ls")}[name]
        assert row["status"] in ("Failed", "Stopped", "Completed"), (SEED, who, row)
        if row["status"] == "Failed":
            assert row["reason"], (SEED, who, row)
    now = {v["verdict"]: v for v in t.json("verdicts", "ls", "--limit", 100000)}
    for key, verdict in seen.items():
        assert now.get(key) == verdict, f"seed {SEED}: verdict {key} changed or vanished"
    keys = [(v["subject"], v["rule"], v["at"]) for v in now.values()]
    assert len(keys) == len(set(keys)), f"seed {SEED}: a verdict was stored twice"
    t.run("alerts", "send")
    alerts = t.json("alerts", "ls")
    assert all(a["delivered"] == a["of"] for a in alerts), (SEED, alerts)
    assert sum("\"" in l for l in open(os.path.join(t.path, "alerts.jsonl"), encoding="utf-8")) >= len(alerts) if alerts else True
    print(f"# {len(now)} verdicts, {len(alerts)} alerts")


main()
