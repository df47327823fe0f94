#!/usr/bin/python3
"""train_test.py -- networks that are trained, as a user meets them: a job on folders of pictures whose model is deployed
and answers, several ranks under mpirun that learn what one process learns, and a rank that dies."""
import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tarfile

from tap import FASHION, FETTLE, Skip, case, main, until

CLASSES, SIDE = 3, 28


def picture(path, label, number, side=SIDE):
    """A grey PNM: noise, brighter in a bar whose place tells the class."""
    noise = random.Random(label * 1000 + number)
    rows = bytearray((100 if x * CLASSES // side == label else 0) + noise.randrange(150)
                     for _ in range(side) for x in range(side))
    with open(path, "wb") as f:
        f.write(b"P5\n%d %d\n255\n" % (side, side) + rows)


def pictures(t, each):
    folder = os.path.join(t.path, "pictures")
    for label in range(CLASSES):
        os.makedirs(os.path.join(folder, f"bar{label}"), exist_ok=True)
        for i in range(each):
            picture(os.path.join(folder, f"bar{label}", f"{i:03}.pgm"), label, i)
    return folder


def losses(t, job):
    rows = t.json("sql", f"select step, value from metric where job='{job}' and name='train-loss' order by step")
    return [r["value"] for r in rows]


@case
def a_trained_network_serves(t):
    folder = pictures(t, 24)
    done = t.json("train", "image", "--arch", "cnn28", "--train", folder, "--epochs", 4, "--job", "bars", "--set",
                  "batch_size=8", "--set", "learning_rate=0.01", "--set", "validation_share=0.25", "--set", "augment=none",
                  "--set", "threads=1", "--save", "gradients:5", "--save", "weights:10:mean,abs_max")
    assert done["status"] == "Completed", done
    assert len(losses(t, "bars")) == done["steps"]
    last = t.json("sql", "select value from metric where job='bars' and name='validation-accuracy' order by step desc")
    assert last[0]["value"] == 1, last
    names = {r["name"] for r in t.json("sql", "select distinct name from tensor where job='bars'")}
    assert "gradient/conv1.weight" in names and "CrossEntropyLoss_output_0" in names, names
    edges = t.run("lineage", "job:bars").stdout
    assert "input:" in edges, edges
    t.serve()
    t.run("deploy", "bars", "--endpoint", "bars")
    one = os.path.join(t.path, "one.pgm")
    picture(one, 2, 77)
    with open(one, "rb") as f:
        status, _, answer = t.http("POST", "/endpoints/bars/invocations", f.read(),
                                   {"Content-Type": "application/x-image", "Accept": "text/csv"})
    assert status == 200, answer
    said = t.run("run", "bars", one).stdout
    assert "bar2" in said.splitlines()[0] + said.splitlines()[1], said
    scores = [float(v) for v in answer.decode().strip().split(",")]
    assert scores.index(max(scores)) == 2 and abs(sum(scores) - 1) < 1e-3, scores


@case
def a_killed_job_is_gone_on_with(t):
    folder = pictures(t, 24)
    words = ["train", "image", "--train", folder, "--epochs", 6, "--set", "batch_size=8", "--set", "threads=1", "--set",
             "checkpoint_steps=5"]
    t.run(*words, "--job", "whole")
    p = t.start(*map(str, words), "--job", "cut")
    kept = os.path.join(t.path, "jobs", "cut", "checkpoint", "image.safetensors")
    until(lambda: os.path.exists(kept) or p.poll() is not None, seconds=100)
    for pid in os.listdir("/proc"):
        if pid.isdigit() and mine(pid, t.path) and is_job(pid, "cut"):
            os.kill(int(pid), signal.SIGKILL)
    p.communicate(timeout=60)
    if p.returncode == 0:
        raise Skip("the job was quicker than the kill")
    before = open(kept, "rb").read()
    assert t.run(*words, "--job", "again", "--resume", "nobody", ok=False).returncode != 0
    other = t.run(*words, "--set", "seed=2", "--job", "other", "--resume", "cut", ok=False)
    assert "a checkpoint of other data or parameters" in other.stderr, other.stderr
    t.run(*words, "--job", "again", "--resume", "cut")
    models = [os.path.join(t.path, "objects/fettle/jobs", job, "output/model/model.safetensors") for job in ("whole", "again")]
    assert open(models[0], "rb").read() == open(models[1], "rb").read()
    assert losses(t, "again") == losses(t, "whole")[-len(losses(t, "again")):]
    assert open(kept, "rb").read() == before
    assert "input:" in t.run("lineage", "job:again").stdout


def is_job(pid, name):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().split(b"\0")[1:3] == [b"run-job", name.encode()]
    except OSError:
        return False


@case
def healthy_training_raises_no_alarm(t):
    folder = pictures(t, 96)
    rules = ["DeadRelu", "PoorWeightInitialization", "VanishingGradient", "ExplodingTensor", "Overfit",
             "LossNotDecreasing:num_steps=300"]
    words = [w for r in rules for w in ("--rule", r)] + ["--action", "stop,alert"]
    for seed in (1, 2, 3):  # the defaults: nothing is set but how long and how often tensors are kept
        done = t.json("train", "image", "--train", folder, "--epochs", 12, "--job", f"healthy{seed}", "--save-interval", 10,
                      "--set", f"seed={seed}", "--set", "threads=1", "--set", "validation_share=0.2", *words)
        assert done["status"] == "Completed", done
        issues = t.sql("select w.rule, v.at, v.reason from verdict v join watch w on w.id = v.watch where v.outcome = 'Issue'")
        assert not issues, issues


def clothes(t, many):
    """The first of Debian's Fashion-MNIST, as IDX files."""
    paths = []
    for kind, head, each in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        source = os.path.join(FASHION, f"train-{kind}-ubyte.gz")
        if not os.path.exists(source):
            raise Skip("dataset-fashion-mnist is not installed")
        with gzip.open(source) as f:
            data = f.read(head + many * each)
        paths.append(os.path.join(t.path, f"train-{kind}-ubyte"))
        with open(paths[-1], "wb") as f:
            f.write(data[:4] + many.to_bytes(4, "big") + data[8:])
    return paths[0]


@case
def units_of_real_clothes_live(t):
    """The defaults' first steps leave most units alive, with several seeds; unclipped ones do not, and DeadRelu says so."""
    data = clothes(t, 1500)
    for job, more in (("clean1", ["seed=1"]), ("clean2", ["seed=2"]), ("clean3", ["seed=3"]), ("planted", ["clip_norm=0"])):
        words = [w for s in more for w in ("--set", s)]
        done = t.json("train", "image", "--train", data, "--epochs", 2, "--job", job, "--save", "relu_output:5", "--rule", "DeadRelu",
                      "--action", "alert", *words)
        assert done["status"] == "Completed", done
        found = t.sql("select v.at, v.reason from verdict v join watch w on w.id = v.watch where v.outcome = 'Issue'")
        assert bool(found) == (job == "planted"), (job, found)
    assert all("units of relu_output_4 are dead" in v["reason"] for v in found), found


def ranks(t, job, settings, wait=True):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", FETTLE, "train", "image", "--job", job] + settings
    if not shutil.which("mpirun"):
        raise Skip("mpirun (openmpi-bin) is not installed")
    p = subprocess.Popen(command, env=t.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not wait:
        return p
    out = p.communicate(timeout=400)[0]
    assert p.returncode == 0, out
    return p


def settings(folder, batch, epochs):
    return ["--arch", "cnn28", "--train", folder, "--epochs", str(epochs), "--set", "dropout=0", "--set",
            f"batch_size={batch}", "--set", "learning_rate=0.0002", "--set", "augment=affine=10:0.1", "--set", "threads=1"]


@case
def two_ranks_learn_what_one_process_learns(t):
    folder = pictures(t, 32)
    if not shutil.which("mpirun"):
        raise Skip("mpirun (openmpi-bin) is not installed")
    t.run("train", "image", "--job", "one", *settings(folder, 32, 3), timeout=400)
    ranks(t, "two", settings(folder, 16, 3))
    one, two = losses(t, "one"), losses(t, "two")
    assert len(one) == len(two) == 9, (one, two)
    worst = max(abs(a - b) for a, b in zip(one, two))
    print(f"# losses of two ranks are {worst:.1e} from one process's")
    assert worst < 1e-5, (one, two)


def rank_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            words = f.read().split(b"\0")
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            command = f.read()
    except OSError:
        return None
    if FETTLE.encode() not in command:
        return None
    return next((int(w[21:]) for w in words if w.startswith(b"OMPI_COMM_WORLD_RANK=")), None)


def mine(pid, home):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f"FETTLE_HOME={home}".encode() in f.read().split(b"\0")
    except OSError:
        return False


@case
def names_of_classes_travel_with_any_format(t):
    folder = pictures(t, 24)
    for ending in ("tfrecord", "rec", "tar"):
        data = os.path.join(t.path, "bars." + ending)
        t.run("data", "convert", folder, data)
        t.run("train", "image", "--arch", "cnn28", "--train", data, "--epochs", 1, "--set", "batch_size=8", "--job", ending)
        with open(os.path.join(t.path, "objects/fettle/jobs", ending, "output/model/labels.txt")) as f:
            assert f.read().split() == ["bar0", "bar1", "bar2"], ending
    plain = os.path.join(t.path, "plain.tar")
    subprocess.run(["tar", "cf", plain, "-C", t.path, "pictures"], check=True)
    p = t.run("train", "image", "--train", plain, "--epochs", 1, ok=False)
    assert p.returncode != 0 and "a tar of class folders is unpacked first" in p.stderr, p.stderr


def web_shard(t, name, each, ending, told, picture_ending="pgm", labels=range(CLASSES)):
    """A tar whose samples are a picture and what tells its class."""
    path = os.path.join(t.path, name)
    one = os.path.join(t.path, "one.pgm")
    with tarfile.open(path, "w") as tar:
        for i in range(each * len(labels)):
            label = labels[i % len(labels)]
            picture(one, label, i)
            with open(one, "rb") as f:
                members = ((picture_ending, f.read()), (ending, told(label).encode()))
            for member, data in members:
                info = tarfile.TarInfo(f"{i:04}.{member}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


@case
def web_shards_name_their_classes(t):
    """In a member of their own, in JSON, in a text; numbers in JSON; a validation that lacks the first one."""
    name = ["zebra", "ant", "fox"]
    kinds = (("cls", lambda k: name[k] + "\n", "pgm"), ("class", lambda k: name[k], "image"), ("txt", lambda k: name[k], "pgm"),
             ("json", lambda k: json.dumps({"width": 28, "label": name[k]}), "pgm"), ("json", lambda k: '{"class": %d}' % k, "pgm"))
    for i, (ending, told, kind) in enumerate(kinds):
        data = web_shard(t, f"{i}.tar", 24, ending, told, kind)
        judge = web_shard(t, f"judge{i}.tar", 8, ending, told, kind, labels=[2, 0])
        t.run("train", "image", "--arch", "cnn28", "--train", data, "--validation", judge, "--epochs", 6, "--set", "batch_size=8",
              "--set", "learning_rate=0.01", "--set", "augment=none", "--set", "threads=1", "--job", f"web{i}")
        last = t.sql(f"select value from metric where job='web{i}' and name='validation-accuracy' order by step desc")
        assert last[0]["value"] == 1, (ending, last)
        labels = os.path.join(t.path, f"objects/fettle/jobs/web{i}/output/model/labels.txt")
        if i < 4:
            assert open(labels).read().split() == ["ant", "fox", "zebra"], ending
    strange = web_shard(t, "strange.tar", 8, "cls", lambda k: ["zebra", "ant", "cow"][k])
    numbers = web_shard(t, "numbers.tar", 8, "cls", lambda k: str(k))
    for train, judge, why in ((os.path.join(t.path, "0.tar"), strange, "its class 'cow' is none of the 3 classes of"),
                              (numbers, strange, "its labels are names ('ant'), those of")):
        p = t.run("train", "image", "--train", train, "--validation", judge, "--epochs", 1, ok=False)
        assert p.returncode != 0 and why in p.stderr, p.stderr
    wordless = web_shard(t, "wordless.tar", 8, "json", lambda k: '{"width": 28}')
    p = t.run("train", "image", "--train", wordless, "--epochs", 1, ok=False)
    assert p.returncode != 0 and "wordless.tar, record 0: its JSON tells no class" in p.stderr, p.stderr
    assert p.stderr.count("wordless.tar") == 1, p.stderr


@case
def options_of_tables_are_refused_for_pictures(t):
    folder = pictures(t, 8)
    for option, value in (("--rows", 100), ("--label", "last"), ("--header", "yes"), ("--format", "csv"), ("--missing", "x"),
                          ("--input-mode", "pipe")):
        p = t.run("train", "image", "--train", folder, option, value, ok=False)
        assert p.returncode != 0 and option in p.stderr and "image" in p.stderr, p.stderr
    assert not t.json("jobs", "ls")


def ended(t, job):
    return next(j for j in t.json("jobs", "ls") if j["job"] == job)


@case
def a_rank_that_fails_tells_why(t):
    """A picture that one rank alone reads; a loss that is no number on both."""
    folder = pictures(t, 32)
    with open(os.path.join(folder, "bar1", "007.pgm"), "wb") as f:
        f.write(b"P5\n28 28\n255\nshort")
    words = settings(folder, 8, 1)
    for job, more, why in (("cut", [], "007.pgm"), ("huge", ["--set", "bad_max=1", "--set", "learning_rate=1e9", "--set",
                                                             "warmup_epochs=0"], "is no number any more; first in '")):
        p = ranks(t, job, words + more, wait=False)
        out = p.communicate(timeout=200)[0]
        assert p.returncode != 0 and why in out and "MPI_ABORT" not in out, out
        assert ended(t, job)["status"] == "Failed" and why in ended(t, job)["reason"], ended(t, job)


@case
def an_interrupted_mpirun_stops_the_job(t):
    folder = pictures(t, 32)
    p = ranks(t, "paused", settings(folder, 8, 5000), wait=False)
    kept = os.path.join(t.path, "jobs", "paused", "checkpoint", "image.safetensors")
    try:
        until(lambda: os.path.exists(kept) or p.poll() is not None, seconds=200)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=120)
    finally:
        p.kill()
    until(lambda: ended(t, "paused")["status"] in ("Failed", "Stopped"), seconds=60)
    assert ended(t, "paused")["status"] == "Stopped", ended(t, "paused")


@case
def a_rank_that_dies_fails_the_job(t):
    folder = pictures(t, 32)
    p = ranks(t, "torn", settings(folder, 8, 5000), wait=False)
    kept = os.path.join(t.path, "jobs", "torn", "checkpoint", "image.safetensors")
    try:
        until(lambda: os.path.exists(kept) or p.poll() is not None, seconds=200)
        assert p.poll() is None, p.stdout.read()
        dies = [pid for pid in os.listdir("/proc") if pid.isdigit() and mine(pid, t.path) and rank_of(pid) == 1]
        assert dies, "no rank 1"
        for pid in dies:
            os.kill(int(pid), signal.SIGKILL)
        out = p.communicate(timeout=120)[0]
        assert p.returncode != 0, out
    finally:
        p.kill()
    until(lambda: ended(t, "torn")["status"] in ("Failed", "Stopped"), seconds=60)
    assert ended(t, "torn")["status"] == "Failed" and "rank 1 has ended" in ended(t, "torn")["reason"], ended(t, "torn")
    with open(kept, "rb") as f:  # whole: its length is what its header tells
        head = f.read(8)
        length = int.from_bytes(head, "little")
        tensors = json.loads(f.read(length))
        end = max(v["data_offsets"][1] for k, v in tensors.items() if k != "__metadata__")
        assert os.path.getsize(kept) == 8 + length + end


main()
