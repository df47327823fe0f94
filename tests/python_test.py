#!/usr/bin/python3
"""python_test.py -- python/fettle over libfettle.so: batches without a copy, lifetimes, threads, resume, errors."""
import gc
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fettle  # noqa: E402
from tap import ROOT, Skip, case, main  # noqa: E402

COUNT, WIDTH = 203, 5
FOLDER = tempfile.TemporaryDirectory(prefix="fettle-python-")


def rows():
    """A .npy of rows that say who they are: row i holds i, i + 1/8, …"""
    path = os.path.join(FOLDER.name, "rows.npy")
    if not os.path.exists(path):
        np.save(path, (np.arange(COUNT)[:, None] + np.arange(WIDTH)[None] / 8).astype(np.float32))
    return path


def pictures():
    """A folder of class folders, with PNGs of one colour each: 10 * class + number."""
    folder = os.path.join(FOLDER.name, "pictures")
    if not os.path.isdir(folder):
        try:
            from PIL import Image
        except ImportError as absent:
            raise Skip("no python3-pil") from absent
        for i in range(24):
            place = os.path.join(folder, f"c{i % 3}")
            os.makedirs(place, exist_ok=True)
            Image.new("RGB", (20 + i, 16), (i, 100 + i % 3, 200)).save(os.path.join(place, f"{i:02}.png"))
    return folder


def everything(loader):
    return [value for batch in loader for value in batch["values"][:, 0].astype(int).tolist()]


@case
def an_epoch_has_every_record_once_whatever_the_workers(t):
    first = None
    for workers in (0, 1, 3, -1):
        with fettle.Loader(rows(), batch=16, shuffle="full", seed=3, workers=workers) as loader:
            assert len(loader) == 13
            order = everything(loader)
            assert sorted(order) == list(range(COUNT))
            assert first is None or order == first
            first = order
            second = everything(loader)  # the next epoch
            assert sorted(second) == list(range(COUNT)) and second != order
            assert loader.epoch == 1


@case
def arrays_are_views_and_hold_their_batch(t):
    loader = fettle.Loader(rows(), batch=10)
    kept = []
    for batch in loader:
        a, b = batch["values"], np.asarray(batch.field("values"))
        assert a.ctypes.data == b.ctypes.data and a.ctypes.data % 64 == 0 and not a.flags.owndata
        assert a.dtype == np.float32 and a.shape[1] == WIDTH and list(batch) == ["values"] and "values" in batch
        assert batch.ids == a[:, 0].astype(int).tolist()
        kept.append(a[2:, 1])  # a view of a view
        del batch, a, b
    loader.close()
    gc.collect()
    for i, view in enumerate(kept):  # nothing was written over, also after the loader has gone
        assert (view == np.arange(i * 10 + 2, min(i * 10 + 10, COUNT)) + 1 / 8).all()
    try:
        loader.next()
        raise AssertionError("a closed loader gave a batch")
    except ValueError as error:
        assert "closed" in str(error)


@case
def memory_is_used_again_when_the_last_view_goes(t):
    loader = fettle.Loader(rows(), batch=10, workers=0, prefetch=1)
    seen = set()
    for batch in loader:
        seen.add(batch["values"].ctypes.data)
        del batch
    assert len(seen) <= 3, seen
    big = os.path.join(FOLDER.name, "big.npy")
    np.save(big, np.zeros((4000, 1024), np.float32))
    keep = []
    try:
        for batch in fettle.Loader(big, batch=64, memory_mb=1):
            keep.append(batch["values"])
        raise AssertionError("more batches were held than the limit allows")
    except fettle.Error as error:
        assert error.code == "FT_EFULL" and "held" in str(error), error
    assert len(keep) >= 2


@case
def dlpack_goes_to_numpy_and_frees_what_nobody_took(t):
    loader = fettle.Loader(rows(), batch=10)
    batch = loader.next()
    array = np.from_dlpack(batch.field("values"))
    assert array.ctypes.data == batch["values"].ctypes.data
    del batch
    gc.collect()
    assert (array[:, 0] == np.arange(10)).all()
    field = loader.next().field("values")
    for _ in range(1000):
        capsule = field.__dlpack__()  # never taken
        del capsule
    del field, array
    assert loader.stats()["batches"] == 2


@case
def torch_takes_them(t):
    import importlib.util
    if not importlib.util.find_spec("torch"):
        raise Skip("no python3-torch")
    import torch
    loader = fettle.Loader(rows(), batch=50)
    batch = loader.next()
    tensor = batch.torch()["values"]
    assert tensor.data_ptr() == batch["values"].ctypes.data and tensor.dtype == torch.float32
    tensor[0, 0] = 77  # one memory
    assert batch["values"][0, 0] == 77
    del batch, loader
    gc.collect()
    assert float(tensor[1, 0]) == 1
    pictures_bf16 = fettle.Loader(pictures(), batch=4, transforms="resize=8:8", dtype="bfloat16").next()
    image = torch.from_dlpack(pictures_bf16["image"])
    assert image.dtype == torch.bfloat16 and tuple(image.shape) == (4, 3, 8, 8)


@case
def pictures_with_transforms(t):
    loader = fettle.Loader(pictures(), batch=24, transforms=["resize=8:8"], dtype="uint8", layout="nhwc", cuts=True)
    batch = loader.next()
    image, label, cut = batch["image"], batch["label"], batch["cut"]
    assert image.shape == (24, 8, 8, 3) and image.dtype == np.uint8 and len(batch) == 24
    assert (image[:, 0, 0, 1] == 100 + label).all()  # the colour tells the class
    assert (cut[:, 2] == 20 + image[:, 3, 3, 0]).all() and (cut[:, 3] == 16).all()
    floats = fettle.Loader(pictures(), batch=24, transforms="resize=8:8,normalise=imagenet").next()["image"]
    want = (image[0, 0, 0] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert floats.shape == (24, 3, 8, 8) and np.abs(floats[0, :, 0, 0] - want).max() < 1e-5


@case
def resume_in_mid_epoch_elsewhere(t):
    def stream(loader):
        digest = hashlib.sha256()
        for batch in loader:
            digest.update(batch["values"].tobytes())
        return digest.hexdigest()

    for stop in (1, 4, 9):
        loader = fettle.Loader(rows(), batch=16, shuffle="full", seed=9, epoch=2, workers=2)
        for _ in range(stop):
            loader.next()
        state = loader.state_dict()
        assert state["epoch"] == 2 and state["position"] == stop * 16, state
        rest = stream(loader)
        for workers, batch in ((1, 16), (3, 7), (0, 64)):
            other = fettle.Loader(rows(), batch=batch, shuffle="full", seed=9, workers=workers)
            other.load_state_dict(state)
            assert stream(other) == rest
            assert len(everything(other)) == COUNT and other.epoch == 3
    try:
        fettle.Loader(rows(), shuffle="full", seed=1).load_state_dict(state)
        raise AssertionError("a state of another seed was taken")
    except fettle.Error as error:
        assert error.code == "FT_ECONFLICT" and "seed 9" in str(error), error


@case
def a_picture_that_goes_ends_no_epoch_in_silence(t):
    for workers in (0, 2):
        for bad_max in (0, 5):
            folder = os.path.join(t.path, f"gone-{workers}-{bad_max}")
            shutil.copytree(pictures(), folder)
            loader = fettle.Loader(folder, batch=4, transforms="resize=8:8", workers=workers, prefetch=1, bad_max=bad_max)
            seen = len(loader.next()["label"])
            gone = os.path.join(folder, "c2", "23.png")
            os.remove(gone)
            try:
                told = [(len(batch["label"]), batch.bad) for batch in loader]
                assert bad_max and seen + sum(n for n, _ in told) == 23 and sum(bad for _, bad in told) == 1, told
            except fettle.Error as error:
                assert not bad_max and error.code == "FT_ECORRUPT" and "23.png" in str(error), error


@case
def a_waiting_loader_lets_others_run(t):
    """The GIL is free while the library works: a thread that consumes and one that counts go on together."""
    got, counted = [], [0]
    done = threading.Event()

    def consume():
        for _ in range(20):
            got.extend(everything(loader))
        done.set()

    loader = fettle.Loader(rows(), batch=8, shuffle="full")
    thread = threading.Thread(target=consume)
    thread.start()
    while not done.is_set():
        counted[0] += 1
        done.wait(0.0001)
    thread.join()
    assert len(got) == 20 * COUNT and counted[0] > 1


@case
def errors_are_sentences(t):
    def refused(code, words, *args, **options):
        try:
            for _ in fettle.Loader(*args, **options):
                pass
        except fettle.Error as error:
            assert error.code == code and words in str(error), (error.code, str(error))
        else:
            raise AssertionError(f"not refused: {args} {options}")

    refused("FT_ENOTFOUND", "nothing.npy", os.path.join(FOLDER.name, "nothing.npy"))
    refused("FT_EINVAL", "batch", rows(), batches=3)
    refused("FT_EINVAL", "batch", rows(), batch=0)
    refused("FT_EINVAL", "full", rows(), shuffle="ful")
    refused("FT_EINVAL", "names no file", [])
    refused("FT_EINVAL", "there are: values", rows(), fields="value")
    refused("FT_EINVAL", "rank 2 of a world of 2", rows(), rank=2, world=2)
    broken = os.path.join(pictures(), "c1", "99.png")
    with open(broken, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\nbroken")
    try:
        refused("FT_ECORRUPT", "record", pictures(), transforms="resize=8:8")
        loader = fettle.Loader(pictures(), batch=25, transforms="resize=8:8", bad_max=1)
        batch = loader.next()
        assert batch.count == 24 and batch.bad == 1 and loader.stats()["bad"] == 1
    finally:
        os.remove(broken)


@case
def what_was_measured_is_told(t):
    loader = fettle.Loader(rows(), batch=8)
    assert loader.verdict == "nothing was measured yet"
    for _ in loader:
        pass
    stats = loader.stats()
    assert stats["samples"] == COUNT and stats["verdict"] and stats["bound"] in stats["verdict"], stats
    assert fettle.version().startswith("0."), fettle.version()


@case
def image_and_label_are_found_by_any_name(t):
    """A WebDataset calls them png and cls, a JSON line by a name of its own; both stay as they are called, too."""
    import io
    import tarfile
    path = os.path.join(FOLDER.name, "names.tar")
    with tarfile.open(path, "w") as tar:
        for i in range(6):
            for ending, data in (("ppm", b"P6 4 4 255\n" + bytes([i * 10] * 48)), ("cls", str(i).encode())):
                info = tarfile.TarInfo(f"{i:03}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    for b in fettle.Loader(path, batch=6, transforms="resize=4:4,normalise=none"):
        assert (b["image"][:, 0, 0, 0].round() == b["label"] * 10).all() and (b["label"] == b["cls"]).all()
        assert (b["image"] == b["ppm"]).all()


@case
def the_verdict_is_one_sentence(t):
    import re
    loader = fettle.Loader(pictures(), batch=8, transforms="resize=8:8,normalise=half")
    for _ in range(20):
        for _ in loader:
            pass
    stats = loader.stats()
    said = r"^(network|disk|decode|transform|copy|compute)-bound: .*(\d+(\.\d+)?×|keeps up|would save it.*)"
    assert re.match(said, loader.verdict), loader.verdict
    assert stats["bound"] == loader.verdict.split("-")[0] and stats["gain"] >= 1, stats
    if "packing resized shards" in loader.verdict:
        assert loader.verdict.endswith("×, for pictures of 8x8 by resize=8:8,normalise=half"), loader.verdict


@case
def without_the_library_import_says_so(t):
    env = dict(os.environ, FETTLE_LIBRARY="/nonexistent/libfettle.so", PYTHONPATH=os.path.join(ROOT, "python"))
    p = subprocess.run([sys.executable, "-c", "import fettle"], env=env, capture_output=True, text=True, check=False)
    assert p.returncode and "libfettle.so.0 was not found" in p.stderr, p.stderr


@case
def only_the_public_functions_are_shown(t):
    path = os.environ.get("FETTLE_LIBRARY") or os.path.join(ROOT, "build", "libfettle.so.0")
    out = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in out.splitlines()}
    with open(os.path.join(ROOT, "include", "fettle", "fettle.h"), encoding="utf-8") as f:
        header = f.read()
    import re
    declared = set(re.findall(r"\b(ft_\w+)\(", header))
    assert names == declared, (names ^ declared)


main()
