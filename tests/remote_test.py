"""Where data lives, as a user drives it: objects of another Fettle server through a proxy that breaks answers, the cache,
the three input modes of jobs."""
import json
import os

import tap
from aws_home import Aws
from s3_proxy import Proxy
from tap import case

MIB = 1 << 20
SIZE = 40 * MIB + 12345


class Far:
    """Another home whose server has the bucket, and what the near home needs to read it through a proxy."""

    def __init__(self, t, fault=None, latency=0.0):
        self.t, self.home = t, tap.Home()
        self.aws = Aws(self.home)
        self.s3 = self.aws.client("s3", checked=False)
        self.s3.create_bucket(Bucket="far-data")
        self.proxy = Proxy(self.aws.url, fault, latency)
        t.env = dict(t.env, AWS_ENDPOINT_URL=self.proxy.url, AWS_ACCESS_KEY_ID=self.aws.key,
                     AWS_SECRET_ACCESS_KEY=self.aws.secret, AWS_REGION="us-east-1")

    def put(self, key, body):
        self.s3.put_object(Bucket="far-data", Key=key, Body=body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.close()
        self.home.close()


def get(t, *args, ok=True):
    out = os.path.join(t.path, "out")
    if os.path.exists(out):
        os.unlink(out)
    p = t.run("remote", "get", "s3://far-data/big", out, "--json", "--stats", *args, ok=ok, timeout=240)
    return p, (open(out, "rb").read() if os.path.exists(out) else None)


@case
def what_is_wrong_now_and_then_is_not_seen(t):
    data = os.urandom(SIZE)
    for fault in ("cut", "refuse", "503", "500", "short", "delay"):
        with Far(t, lambda n, method, path: fault if n % 3 == 2 else None) as far:
            far.put("big", data)
            for parts in (1, 8):
                p, got = get(t, "--no-cache", "--parts", parts)
                assert got == data, f"{fault}, {parts} parts: {len(got)} bytes"
                told = json.loads(p.stdout)
                assert told["bytes"] == SIZE and told["net_bytes"] == SIZE, told
                assert fault in ("delay", "refuse") or told["retries"] >= 1, told


@case
def what_is_wrong_for_ever_is_told_in_bounded_time(t):
    for fault, word in (("503", "503"), ("cut", "no answer from"), ("etag", "has changed since it was opened")):
        with Far(t, lambda n, method, path: fault if method == "GET" else None) as far:
            far.put("big", os.urandom(3 * MIB))
            p, got = get(t, "--no-cache", ok=False)
            if fault == "cut":  # each answer brings half of what is missing: it ends well
                assert p.returncode == 0, p.stderr
                continue
            assert p.returncode != 0 and got is None and word in p.stderr and "far-data/big" in p.stderr, p.stderr
            assert not [f for f in os.listdir(t.path) if f.endswith(".part")]


@case
def a_slow_peer_is_left(t):
    with Far(t, lambda n, method, path: ("drip", "stall")[n % 2] if n in (2, 3) else None) as far:
        data = os.urandom(20 * MIB)
        far.put("big", data)
        p, got = get(t, "--no-cache", "--parts", 4)
        assert got == data and json.loads(p.stdout)["retries"] >= 2


@case
def another_version_in_mid_way_is_told(t):
    seen = []

    def change(n, method, path):
        if method == "GET" and not seen:
            seen.append(n)
            far.s3.put_object(Bucket="far-data", Key="big", Body=b"x" * SIZE)
        return None

    with Far(t, change) as far:
        far.put("big", os.urandom(SIZE))
        p, got = get(t, "--no-cache", "--parts", 1, ok=False)
        assert p.returncode != 0 and "changed since it was opened" in p.stderr, p.stderr
        p, got = get(t)
        assert got == b"x" * SIZE


@case
def nothing_is_fetched_twice(t):
    with Far(t) as far:
        data = os.urandom(SIZE)
        far.put("big", data)
        several = [t.start("remote", "get", "s3://far-data/big", os.path.join(t.path, f"o{i}"), "--json", "--stats")
                   for i in range(3)]
        told = [json.loads(p.communicate(timeout=120)[0]) for p in several]
        assert sum(x["net_bytes"] for x in told) == SIZE, told
        assert all(open(os.path.join(t.path, f"o{i}"), "rb").read() == data for i in range(3))
        p, got = get(t)
        assert json.loads(p.stdout)["net_bytes"] == 0 and got == data
        cached = t.json("remote", "cache")[0]
        assert cached["objects"] == 1 and cached["bytes"] >= SIZE
        assert t.json("remote", "cache", "--trim", 0)[0]["bytes"] == 0
        far.put("big", b"new")
        assert get(t)[1] == b"new"


@case
def a_killed_reader_harms_no_other(t):
    with Far(t, lambda n, method, path: "delay") as far:
        data = os.urandom(SIZE)
        far.put("big", data)
        p = t.start("remote", "get", "s3://far-data/big", os.path.join(t.path, "o"))
        tap.until(lambda: len(far.proxy.log) > 3, what="a few requests")
        p.kill()
        p.communicate()
        assert get(t)[1] == data


@case
def keys_and_names(t):
    with Far(t) as far:
        for key in ("d/ü &+%.txt", "d/a b", "d/_x", "d/sub/c"):
            far.put(key, key.encode())
        names = [r["uri"] for r in t.json("remote", "ls", "s3://far-data/d/")]
        assert names == sorted(["s3://far-data/d/ü &+%.txt", "s3://far-data/d/a b", "s3://far-data/d/_x",
                                "s3://far-data/d/sub/c"], key=str.encode), names
        assert t.run("remote", "get", "s3://far-data/d/ü &+%.txt").stdout == "d/ü &+%.txt"
        f = os.path.join(t.path, "f")
        with open(f, "wb") as o:
            o.write(os.urandom(20 * MIB))
        t.run("remote", "put", f, "s3://far-data/up/f+1")
        assert far.s3.get_object(Bucket="far-data", Key="up/f+1")["Body"].read() == open(f, "rb").read()
        p = t.run("remote", "get", "s3://far-data/none", ok=False)
        assert p.returncode == 66 and "s3://far-data/none" in p.stderr, p.stderr
        t.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
        p = t.run("remote", "get", "s3://far-data/d/a b", "--no-cache", ok=False)
        assert p.returncode == 77 and "403" in p.stderr, p.stderr


# ---- jobs

def rows(n, seed):
    """CSV rows with the label first: label = x0 > x1."""
    out = []
    for i in range(n):
        seed = (seed * 1103515245 + 12345) % (1 << 31)
        a, b = seed % 97, (seed >> 8) % 89
        out.append(f"{int(a > b)},{a},{b},{seed % 7}")
    return "\n".join(out) + "\n"


def train(t, source, *args, ok=True):
    return t.run("train", "xgboost", "--train", source, "--set", "objective=binary:logistic", "--set", "num_round=5",
                 "--json", *args, ok=ok)


def model_of(t, told):
    """The model's bytes: equal data in equal order give an equal model."""
    uri = json.loads(told.stdout)["model"].rstrip("/")
    for name in ("model.json", "model.ubj", "xgboost-model"):
        p = t.run("remote", "get", f"{uri}/{name}", ok=False)
        if p.returncode == 0:
            return p.stdout
    raise AssertionError(told.stdout)


@case
def a_job_reads_by_every_mode_from_every_place(t):
    text = [rows(400, s) for s in (1, 2, 3)]
    with Far(t) as far:
        folder = os.path.join(t.path, "data")
        os.mkdir(folder)
        for i, part in enumerate(text):
            with open(os.path.join(folder, f"{i}.csv"), "w") as f:
                f.write(part)
            far.put(f"train/{i}.csv", part.encode())
            t.run("remote", "put", os.path.join(folder, f"{i}.csv"), f"s3://fettle/near/{i}.csv")
        want = model_of(t, train(t, folder, "--header", "no"))
        for source in (folder, "s3://far-data/train/", "s3://fettle/near/"):
            for mode in ("file", "pipe", "fastfile"):
                told = train(t, source, "--header", "no", "--input-mode", mode)
                assert model_of(t, told) == want, (source, mode)
        told = train(t, os.path.join(folder, "*.csv"), "--header", "no")
        assert model_of(t, told) == want
        shuffled = [model_of(t, train(t, folder, "--header", "no", "--input-mode", "pipe", "--shuffle-seed", s))
                    for s in (1, 1)]
        assert shuffled[0] == shuffled[1]
        manifest = os.path.join(t.path, "m.json")
        with open(manifest, "w") as f:
            json.dump([{"prefix": "s3://far-data/train/"}, "0.csv", "1.csv", "2.csv"], f)
        told = train(t, manifest, "--header", "no", "--input-mode", "pipe", "--data-type", "ManifestFile")
        assert model_of(t, told) == want
        job = json.loads(told.stdout)["job"]
        chain = t.run("lineage", "job:" + job).stdout
        assert "input:" in chain, chain
        assert not os.path.exists(os.path.join(t.path, "jobs", job, "inputs"))


@case
def a_job_whose_data_breaks_off_fails(t):
    with Far(t) as far:
        far.put("train/0.csv", rows(50000, 1).encode())
        far.put("train/1.csv", rows(50000, 2).encode())
        far.proxy.fault = lambda n, method, path: "etag" if "1.csv" in path and method == "GET" else None
        for mode in ("pipe", "file"):
            p = train(t, "s3://far-data/train/", "--header", "no", "--input-mode", mode, ok=False)
            assert p.returncode != 0 and "changed since it was opened" in p.stdout + p.stderr, p.stdout + p.stderr
        p = train(t, "s3://far-data/nothing/", "--header", "no", "--input-mode", "pipe", ok=False)
        assert p.returncode != 0 and "nothing at 's3://far-data/nothing/'" in p.stdout + p.stderr, p.stdout + p.stderr
        p = train(t, "s3://far-data/train/", "--data-type", "AugmentedManifestFile", ok=False)
        assert p.returncode == 64 and "Pipe mode alone" in p.stderr, p.stderr


@case
def without_another_server_it_is_said_how_to_name_one(t):
    for name in list(t.env):
        if name.startswith("AWS_"):
            del t.env[name]
    t.env.update(AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
    p = t.run("remote", "get", "s3://far-data/x", ok=False)
    assert p.returncode == 66 and "AWS_ENDPOINT_URL" in p.stderr, p.stderr


if __name__ == "__main__":
    tap.main()
