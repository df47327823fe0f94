#!/usr/bin/python3
"""signs_test.py -- the Model Monitor and Debugger post on a few thousand pictures of Fashion-MNIST (examples/traffic-signs)."""
import json
import os
import subprocess

from tap import FASHION, FETTLE, ROOT, Skip, case, main


@case
def the_post_is_walked_end_to_end(t):
    if not os.path.exists(FASHION):
        raise Skip("dataset-fashion-mnist is not installed")
    walk = os.path.join(ROOT, "examples", "traffic-signs", "walk.py")
    p = subprocess.run(["/usr/bin/python3", walk, "fashion", "--quick", "--epochs", "2", "--requests", "120", "--eps", "64", "--out",
                        t.path + "/walk", "--set-more=--set", "--set-more=augment=none"],
                       env=dict(os.environ, FETTLE=os.path.abspath(FETTLE)), capture_output=True, text=True, timeout=800)
    assert p.returncode == 0, p.stdout[-3000:] + p.stderr[-3000:]
    got = json.load(open(t.path + "/walk/walk.json"))
    assert got["clean_raised"] == 0, p.stdout
    assert got["attacks"] == 120 and got["landed"] >= 60, got
    assert got["attacked_violations"] > 0 and any("grainier" in a for a in got["alerts"]), got
    def fettle(*words):
        return subprocess.run([os.path.abspath(FETTLE), *words, "--home", t.path + "/walk/home"], capture_output=True, text=True,
                              check=True, timeout=100).stdout
    # the report of a network: its accuracy is best where it is largest, and nothing in it is of trees
    fettle("report", "learns", "--output", t.path + "/report.html")
    page = open(t.path + "/report.html", encoding="utf-8").read()
    rows = json.loads(fettle("sql", "select step, value from metric where name = 'validation-accuracy'", "--json"))
    most = max(r["value"] for r in rows)
    assert f"best at step {next(r['step'] for r in rows if r['value'] == most)}: " in page, rows
    assert ">round<" not in page and " rounds" not in page and "Feature importance" not in page
    # a folder of thousands of pictures is not thousands of lines
    tree = fettle("lineage", "job:learns").splitlines()
    assert len(tree) < 40 and any("more inputs" in line for line in tree), len(tree)
    assert len(fettle("lineage", "job:learns", "--all").splitlines()) > 4000
    assert got["page"]["pictures"] >= 5 and got["page"]["tensors"] > 0, got


if __name__ == "__main__":
    main()
