#!/usr/bin/python3
"""data_test.py -- `fettle data` as a person uses it: pack, look, check, convert, unpack; kills, a full disk, damage."""
import hashlib
import json
import os
import re
import signal
import subprocess
import tarfile
import time

from tap import FASHION, FETTLE, ROOT, Skip, case, main


def digits(t, name="t10k"):
    path = f"{FASHION}/{name}-images-idx3-ubyte.gz"
    if not os.path.exists(path):
        raise Skip("dataset-fashion-mnist is absent")
    return path


def at(t, name):
    return os.path.join(t.path, name)


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


@case
def a_dataset_goes_through_every_format_and_comes_back(t):
    first = at(t, "0.fts")
    t.run("data", "convert", digits(t), first)
    told = t.json("data", "ls", first, "--count", 2)
    assert len(told) == 2 and told[0]["image"] == "uint8[28, 28]" and told[0]["label"] == "9", told
    for n, to in enumerate(["1.tfrecord", "2.pbr", "3.jsonl.gz", "4-images-idx3-ubyte"]):
        done = t.json("data", "convert", first, at(t, to))
        assert done["records"] == 10000 and done["bad"] == 0, done
        assert "10000 records" in t.run("data", "check", at(t, to)).stdout
    t.run("data", "convert", at(t, "4-images-idx3-ubyte"), at(t, "5.fts"), "--from", "idx")
    same = lambda p: [(r["field"], r["type"], r["value"]) for r in t.json("data", "head", p, "--start", 4711)]
    assert same(first) == same(at(t, "5.fts"))


@case
def empty_records_are_kept_and_told(t):
    plain, out = at(t, "z.rec"), at(t, "z.fts")
    with open(plain, "wb") as f:  # MXNet's frames: magic, length, bytes, padding
        for data in (b"abcd", b"", b"efgh"):
            f.write((0xced7230a).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data)
    said = t.run("data", "pack", plain, out, "--payload", "bytes").stdout
    assert "3 records" in said and f"1 of them is empty; the first: '{plain}', record 1 (byte 12): 0 bytes" in said, said
    assert t.json("data", "pack", plain, out, "--payload", "bytes", "--force")["empty"] == 1


@case
def trees_train_on_any_format_of_numbers(t):
    table = at(t, "t.csv")
    with open(table, "w", encoding="utf-8") as f:
        f.write("label,a,b\n" + "".join(f"{i % 2},{i % 7},{i % 2 + i % 5 / 10}\n" for i in range(400)))
    how = ["--set", "num_round=3", "--set", "objective=binary:logistic"]
    models = []
    for name in ("t.csv", "t.fts", "t.tfrecord", "t.jsonl.gz", "t.tar"):
        if name != "t.csv":
            t.run("data", "convert", table, at(t, name))
        told = t.run("train", "xgboost", "--train", at(t, name), "--validation", table, *how).stdout
        job = re.search(r"job (xgboost-[\w-]+)", told)[1]
        models.append(re.search(r"model sha256 +(\w+)", t.run("jobs", "show", job).stdout)[1])
    assert len(set(models)) == 1, models
    pictures = at(t, "p")
    os.makedirs(pictures)
    open(os.path.join(pictures, "a.png"), "wb").write(b"\x89PNG")
    p = t.run("train", "xgboost", "--train", pictures, *how, ok=False)
    assert "is a picture, a table wants numbers: `image` trains on pictures" in p.stdout + p.stderr, p.stdout + p.stderr


@case
def a_job_that_waits_for_its_data_raises_an_alert_and_its_report_draws_why(t):
    for i in range(48):
        place = at(t, f"p/{i % 2}")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{i}.pgm"), "wb") as f:
            f.write(b"P5 28 28 255\n" + bytes((i * 37 + k) % 251 if i % 2 else 200 for k in range(784)))
    told = t.run("train", "image", "--arch", "cnn28", "--train", at(t, "p"), "--epochs", "1", "--set", "batch_size=8",
                 "--rule", "LoaderStarved:threshold_percent=0.001,steps=1", "--action", "alert").stdout
    job = re.search(r"job (image-[\w-]+)", told)[1]
    alerts = t.run("alerts", "ls").stdout
    assert job in alerts and "the job waited for its data" in alerts, alerts
    rows = t.json("sql", f"select count(*) as n, count(distinct type) as kinds from system where job = '{job}'")
    assert rows[0]["n"] > 5 and rows[0]["kinds"] >= 4, rows  # cpu, memory, i/o, network; gpu where there is one
    out = at(t, "report.html")
    t.run("report", job, "--output", out)
    html = open(out, encoding="utf-8").read()
    for words in ("What batches waited for", "The machine meanwhile", "The job waited for batches"):
        assert words in html, words


@case
def pictures_are_packed_resized_and_unpacked(t):
    tar, photos = at(t, "d.tar"), at(t, "photos")
    t.run("data", "convert", digits(t), tar, "--images", "png")
    with tarfile.open(tar) as f:
        names = f.getnames()
    assert len(names) == 20000 and names[:2] == ["000000000.png", "000000000.cls"], names[:4]
    t.run("data", "unpack", tar, photos)
    assert sorted(os.listdir(photos)) == [str(i) for i in range(10)]
    assert sum(len(files) for _, _, files in os.walk(photos)) == 10000
    p = t.run("data", "pack", photos, at(t, "small.fts"), "--resize", "16", "--shuffle", "1")
    assert "one file: 7.9" in p.stdout and "10000 records in 1 file" in p.stdout, p.stdout
    row = t.json("data", "ls", at(t, "small.fts"), "--count", 1)[0]
    assert row["image"] == "uint8[16, 16, 3]", row
    p = t.run("data", "pack", photos, at(t, "large.fts"), "--resize", "64", "--shuffle", "1")
    assert "so that as many readers can each have their own" in p.stdout, p.stdout
    shards = sorted(f for f in os.listdir(t.path) if re.fullmatch(r"large-\d{5}\.fts", f))
    assert len(shards) > 20, shards
    assert "large-{00000..%05d}.fts: 10000 records" % (len(shards) - 1) in p.stdout, p.stdout
    whole = t.run("data", "check", at(t, "large-{00000..%05d}.fts" % (len(shards) - 1)))
    assert "10000 records in" in whole.stdout, whole.stdout


@case
def pictures_stay_pictures_in_json_lines(t):
    t.run("data", "convert", digits(t), at(t, "d.tar"), "--images", "png")
    t.run("data", "convert", at(t, "d.tar"), at(t, "d.jsonl"))
    row = t.json("data", "ls", at(t, "d.jsonl"), "--count", 1)[0]
    assert row["image"].startswith("PNG 28x28"), row
    t.run("data", "convert", at(t, "d.jsonl"), at(t, "e.tar"))
    first = lambda p: tarfile.open(p).extractfile("000000000.png").read()
    assert first(at(t, "d.tar")) == first(at(t, "e.tar"))


@case
def the_reader_of_the_documentation_reads(t):
    t.run("data", "convert", digits(t), at(t, "train.fts"))
    text = open(os.path.join(ROOT, "docs", "shard-format.md"), encoding="utf-8").read()
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    if subprocess.run(["/usr/bin/python3", "-c", "import numpy"], capture_output=True).returncode:
        raise Skip("NumPy is absent")
    code += "\nassert rows[:, 784].tolist()[:4] == [9, 2, 1, 1], rows[:4, 784]\n"
    p = subprocess.run(["/usr/bin/python3", "-c", code], cwd=t.path, capture_output=True, text=True)
    assert p.returncode == 0 and "image (10000, 28, 28)" in p.stdout, p.stdout + p.stderr


@case
def a_table_becomes_fields_and_a_table_again(t):
    csv = at(t, "a.csv")
    with open(csv, "w", encoding="utf-8") as f:
        f.write("id,size,word\n1,2.5,x\n2,,\"y, \"\"z\"\"\"\n3,7,\n")
    t.run("data", "pack", csv, at(t, "a.fts"))
    rows = t.json("data", "ls", at(t, "a.fts"))
    assert [r["id"] for r in rows] == ["1", "2", "3"] and rows[1]["word"] == 'y, "z"', rows
    t.run("data", "unpack", at(t, "a.fts"), at(t, "b.csv"))
    assert open(at(t, "b.csv"), encoding="utf-8").read() == 'id,size,word\n1,2.5,x\n2,,"y, ""z"""\n3,7,""\n'


@case
def damage_is_told_with_file_record_and_byte(t):
    path = at(t, "d.tfrecord")
    t.run("data", "convert", digits(t), path)
    size = os.path.getsize(path)
    middle = size // 2 + 100  # in a record's bytes, not in its frame
    with open(path, "r+b") as f:
        f.seek(middle)
        byte = f.read(1)
        f.seek(middle)
        f.write(bytes([byte[0] ^ 1]))
    p = t.run("data", "check", path, ok=False)
    assert p.returncode == 65 and "1 of 10000 records are damaged" in p.stderr, p.stderr
    rows = json.loads(t.run("data", "check", path, "--json", ok=False).stdout.splitlines()[0])
    assert len(rows) == 1 and rows[0]["file"] == path and "checksum is wrong" in rows[0]["why"], rows
    assert rows[0]["byte"] <= middle < rows[0]["byte"] + 2000, rows
    p = t.run("data", "pack", path, at(t, "e.fts"), ok=False)
    assert p.returncode == 65 and f"record {rows[0]['record']} (byte" in p.stderr, p.stderr
    assert not os.path.exists(at(t, "e.fts"))
    p = t.run("data", "pack", path, at(t, "e.fts"), "--skip-bad", 1, "--force")
    assert "9999 records" in p.stdout and "left out" in p.stderr, p.stdout + p.stderr
    os.truncate(path, size - 100)
    p = t.run("data", "ls", path, ok=False)
    assert p.returncode == 65 and "d.tfrecord', record 9999" in p.stderr, p.stderr


@case
def a_full_disk_leaves_what_was_there(t):
    to = at(t, "f.fts")
    t.run("data", "convert", digits(t), to)
    before = sha(to)
    p = subprocess.run(["bash", "-c", f"ulimit -f 2000; exec {FETTLE} data convert {digits(t)} {to} --force"],
                       env=t.env, capture_output=True, text=True, timeout=60)
    assert p.returncode == 74 and "cannot write" in p.stderr, (p.returncode, p.stderr)
    assert sha(to) == before and os.listdir(t.path).count("f.fts") == 1
    assert not [f for f in os.listdir(t.path) if f.endswith(".part")], os.listdir(t.path)


@case
def a_killed_pack_is_gone_on_from(t):
    source, to = at(t, "s.fts"), at(t, "k.fts")
    t.run("data", "convert", digits(t, "train"), source)
    t.run("data", "pack", source, at(t, "w.fts"), "--shard-size", 1, "--shuffle", 9)
    want = {f[1:]: sha(at(t, f)) for f in os.listdir(t.path) if f.startswith("w-")}
    for kill_after in (1, 5, 20):
        p = subprocess.Popen([FETTLE, "data", "pack", source, to, "--shard-size", "1", "--shuffle", "9"] +
                             (["--resume"] if kill_after > 1 else []), env=t.env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while p.poll() is None and time.monotonic() < deadline and not os.path.exists(at(t, f"k-{kill_after:05d}.fts")):
            time.sleep(0.001)
        p.send_signal(signal.SIGKILL)
        p.wait()
        whole = sorted(f for f in os.listdir(t.path) if re.fullmatch(r"k-\d{5}\.fts", f))
        for f in whole:  # whatever has a name is whole
            assert sha(at(t, f)) == want[f[1:]], f
    p = t.run("data", "pack", source, to, "--shard-size", 1, "--shuffle", 9, ok=False)
    assert p.returncode == 73 and "--resume" in p.stderr, p.stderr
    done = t.json("data", "pack", source, to, "--shard-size", 1, "--shuffle", 9, "--resume")
    assert done["records"] == 60000 and done["resumed"] > 0, done
    assert {f[1:]: sha(at(t, f)) for f in os.listdir(t.path) if f.startswith("k-")} == want
    assert not [f for f in os.listdir(t.path) if f.endswith(".part")], os.listdir(t.path)


@case
def a_pipe_is_read_once_in_order(t):
    t.run("data", "convert", digits(t), at(t, "p.tfrecord"))
    fifo = at(t, "fifo")
    os.mkfifo(fifo)
    feed = subprocess.Popen(["bash", "-c", f"cat {at(t, 'p.tfrecord')} > {fifo}"])
    done = t.json("data", "convert", fifo, at(t, "q.fts"))
    feed.wait()
    assert done["records"] == 10000, done
    p = t.run("data", "convert", at(t, "p.tfrecord"), at(t, "r.what"), ok=False)
    assert p.returncode == 64 and "give one by --format" in p.stderr, p.stderr
    p = t.run("data", "convert", at(t, "q.fts"), at(t, "r.npy"), ok=False)
    assert p.returncode == 69 and "npy holds one array" in p.stderr, p.stderr


main()
