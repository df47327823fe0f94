#!/usr/bin/python3
"""cli_test.py -- the command line as a person meets it: help, refusals with the nearest right word, exit codes."""
import json
import os
import subprocess

from tap import FETTLE, case, main


@case
def every_command_has_help(t):
    top = t.run("--help").stdout
    names = [l[2:20].strip() for l in top.split("commands:\n")[1].split("\n\n")[0].splitlines()]
    assert len(names) >= 20, names
    for name in names:
        out = t.run(*name.split(), "--help").stdout
        assert out.startswith(f"usage: fettle {name}"), out
        assert "--json" in out, out


@case
def a_noun_has_help(t):
    for word in ("--help", "-h"):
        p = t.run("trial", word)
        assert "trial explain" in p.stdout and not p.stderr, (p.stdout, p.stderr)
    assert t.run("trial", "nosuch", ok=False).returncode == 64


@case
def version_is_one_line(t):
    assert t.run("--version").stdout.startswith("fettle 0."), t.run("--version").stdout


@case
def unknown_commands_are_met_with_the_nearest(t):
    p = t.run("trian", ok=False)
    assert p.returncode == 64 and "did you mean 'train'" in p.stderr, p.stderr
    p = t.run("jobs", "lss", ok=False)
    assert p.returncode == 64 and "jobs ls" in p.stderr, p.stderr
    p = t.run("jobs", ok=False)
    assert "jobs show" in p.stderr, p.stderr
    assert t.run(ok=False).returncode == 64


@case
def unknown_options_are_met_with_the_nearest(t):
    p = t.run("train", "xgboost", "--trian", "x", ok=False)
    assert p.returncode == 64 and "did you mean 'train'" in p.stderr, p.stderr
    p = t.run("serve", "--port", "70000", ok=False)
    assert p.returncode == 64 and "65535" in p.stderr, p.stderr
    p = t.run("serve", "--port", ok=False)
    assert p.returncode == 64 and "needs a value" in p.stderr, p.stderr


@case
def hyperparameters_are_checked_before_anything_starts(t):
    csv = os.path.join(t.path, "a.csv")
    with open(csv, "w", encoding="utf-8") as f:
        f.write("0,1\n1,2\n")
    for setting, words in {"etta=0.1": ("etta", "did you mean 'eta'"), "eta=1.5": ("eta", "[0, 1]"),
                           "objective=binary:logit": ("objective", "binary:logistic"),
                           "max_depth=x": ("max_depth",), "eta": ("NAME=VALUE",)}.items():
        p = t.run("train", "xgboost", "--train", csv, "--set", "num_round=2", "--set", setting, ok=False)
        assert p.returncode == 64, (setting, p.stderr)
        for word in words:
            assert word in p.stderr, (setting, p.stderr)
    p = t.run("train", "xgboost", "--train", csv, ok=False)
    assert p.returncode == 64 and "num_round" in p.stderr, p.stderr
    assert t.json("jobs", "ls") == [], "a refused job left a row"


@case
def the_hyperparameter_table_is_whole(t):
    rows = {r["name"]: r for r in t.json("algorithms", "show", "xgboost")}
    documented = """num_round csv_weights early_stopping_rounds booster verbosity nthread eta gamma max_depth min_child_weight
        max_delta_step subsample colsample_bytree colsample_bylevel colsample_bynode lambda alpha tree_method sketch_eps
        scale_pos_weight updater dsplit refresh_leaf process_type grow_policy max_leaves max_bin predictor monotone_constraints
        interaction_constraints sample_type normalize_type rate_drop one_drop skip_drop lambda_bias tweedie_variance_power
        objective num_class base_score eval_metric seed num_parallel_tree save_model_on_termination silent""".split()
    missing = [n for n in documented if n not in rows]
    assert not missing, missing
    assert rows["num_round"]["effect"] == "required" and rows["eta"]["effect"] == "active", rows["eta"]
    assert all(r["meaning"] for r in rows.values())


@case
def failures_are_json_when_asked(t):
    p = t.run("jobs", "show", "nothing-here", "--json", ok=False)
    assert p.returncode == 66, p.returncode
    told = json.loads(p.stderr)
    assert told["error"] == "FT_ENOTFOUND" and "nothing-here" in told["message"], told


@case
def a_home_that_cannot_be_written_is_told(t):
    for home in ("/proc/nowhere", "/dev/null/x"):
        p = subprocess.run([FETTLE, "jobs", "ls", "--home", home], capture_output=True, text=True, timeout=20)
        assert p.returncode not in (0, 70, 134) and home.split("/")[1] in p.stderr, p.stderr


@case
def a_taken_port_is_named(t):
    t.serve()
    port = t.url.rsplit(":", 1)[1].strip("/")
    p = t.run("serve", "--port", port, ok=False)
    assert p.returncode != 0 and port in p.stderr, p.stderr


@case
def sql_only_reads(t):
    assert t.sql("select 1 + 1 as two") == [{"two": 2}]
    for text in ("create table x(a)", "delete from job", "attach 'x.db' as y", "select load_extension('x')", "selec 1", ""):
        p = t.run("sql", text, ok=False)
        assert p.returncode != 0, text
        assert p.stderr.startswith("fettle sql: "), p.stderr
    tables = {r["table"] for r in t.json("sql", "tables")}
    assert {"metric", "tensor", "capture", "drift"} <= tables, tables
    for table in tables:
        assert t.sql(f"select * from {table}") == []


def train_csv(t, name="j", features=3):
    """A small job that ends well, on data of our own; the label is in the column `y`."""
    path = os.path.join(t.path, name + ".csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("y," + ",".join(f"f{i}" for i in range(features)) + "\n")
        for i in range(60):
            f.write(f"{i % 2}," + ",".join(f"{(i * (k + 3)) % 7 + i % 2}" for k in range(features)) + "\n")
    t.run("train", "xgboost", "--train", path, "--label", "y", "--job", name, "--set", "num_round=3", "--set",
          "objective=binary:logistic")
    return path


@case
def rules_are_checked_when_added_and_taken_away(t):
    train_csv(t)
    t.run("deploy", "j", "--endpoint", "e")
    def refused(*args):
        p = t.run(*args, ok=False)
        assert p.returncode != 0, args
        return p.stderr
    assert "sees nothing of job/j" in refused("rules", "try", "ClassShare", "job/j")
    assert "has ended" in refused("rules", "add", "Overfit", "job/j")
    assert "nobody" in refused("rules", "add", "ClassShare", "endpoint/nobody")
    assert "trial" in refused("rules", "add", "Overfit", "endpoint/e")
    assert "no program" in refused("rules", "add", "ClassShare", "e", "--action", "run:/no/such/program")
    assert "no program" in refused("rules", "add", "ClassShare", "e", "--action", "run:nosuchprogram")
    assert "No such file" in refused("alerts", "to", "file", t.path + "/no/folder/alerts.jsonl")
    assert "nobody" in refused("monitor", "run", "nobody")
    assert "PopulationStability" in refused("rules", "rm", "Nothing", "e")
    t.run("rules", "rm", "PopulationStability", "e")
    assert "no rule" in refused("rules", "rm", "PopulationStability", "e")
    rows = t.json("endpoints", "ls")
    assert rows[0]["endpoint"] == "e" and "reason" in rows[0], rows
    text = t.run("--help").stdout
    assert "exit codes:" in text and "malformed input" in text, text


@case
def words_may_stand_for_missing_values(t):
    path = os.path.join(t.path, "w.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("a,b,y\n" + "".join(f"{'unknown' if i % 7 == 3 else i % 5},{i % 3},{i % 2}\n" for i in range(70)))
    args = ("train", "xgboost", "--train", path, "--label", "y", "--set", "num_round=2", "--job")
    t.run(*args, "w", "--missing", "unknown,-")
    t.run("deploy", "w", "--endpoint", "e")
    t.run("monitor", "baseline", "e", "--data", path)  # label and words as the job was told
    t.serve()
    assert "70" in t.run("invoke", "e", "--data", path).stdout
    p = t.run("train", "xgboost", "--train", path, "--label", "y", "--set", "num_round=2", "--set", "objective=rank:ndcg", ok=False)
    assert "query groups" in p.stderr, p.stderr


@case
def a_model_of_other_columns_is_told(t):
    train_csv(t)
    train_csv(t, "wide", 5)
    t.run("deploy", "j", "--endpoint", "e")
    assert "other columns" not in t.run("deploy", "j", "--endpoint", "e").stderr
    assert "other columns" in t.run("deploy", "wide", "--endpoint", "e").stderr


@case
def a_word_is_a_job_before_it_is_a_folder(t):
    train_csv(t)
    os.makedirs(t.path + "/here/j")
    p = subprocess.run([FETTLE, "deploy", "j", "--endpoint", "e"], env=t.env, cwd=t.path + "/here", capture_output=True, text=True, timeout=60)
    assert p.returncode == 0 and "taking job j" in p.stderr and "./j" in p.stderr, p.stderr
    assert t.json("endpoints", "ls")[0]["job"] == "j"
    p = t.run("deploy", "nosuch", "--endpoint", "e", ok=False)
    assert p.returncode and "no file or folder 'nosuch'" in p.stderr, p.stderr
    p = t.run("deploy", "j", "--endpoint", "e", "--tap", ".*", ok=False)
    assert p.returncode and "shows none" in p.stderr, p.stderr


@case
def a_rule_that_saw_nothing_is_not_called_good(t):
    path = train_csv(t)
    p = t.run("rules", "try", "AllZero", "job/j", ok=False)
    assert p.returncode and "rule AllZero" in p.stderr, p.stderr
    t.run("train", "xgboost", "--train", path, "--label", "y", "--job", "watched", "--set", "num_round=3", "--set",
          "objective=binary:logistic", "--rule", "AllZero:collection_names=gradients", "--rule", "LossNotDecreasing:num_steps=1")
    t.run("report", "watched", "--output", t.path + "/r.html")
    with open(t.path + "/r.html", encoding="utf-8") as f:
        page = f.read()
    assert '<p class="callout">AllZero: not judged' in page, page[page.find("AllZero") - 60:][:200]
    assert '<p class="callout good">LossNotDecreasing: no issues found' in page, page[page.find("LossNotDecreasing") - 60:][:200]


main()
