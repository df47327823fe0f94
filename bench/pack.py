#!/usr/bin/python3
"""pack.py OUT.json [--runs=N] [--mb=N] -- packing incompressible records beside the disk itself.

The peer is `dd` writing as many bytes in one piece to the same disk, with the sync at its end; ours reads the
records (64 KiB each, in the page cache), makes records and checksums of them, writes and syncs. The ratio is the part
of the disk's sequential rate that packing reaches. What was packed is checked."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FETTLE = os.path.join(ROOT, "build-bench", "fettle")
FETTLE = os.environ.get("FETTLE_PROGRAM", FETTLE)
RECORD = 65536


def option(name, default):
    return next((int(a.split("=")[1]) for a in sys.argv[2:] if a.startswith(f"--{name}=")), default)


def source(path, count):
    """An npy file of `count` records of random bytes."""
    shape = f"({count}, {RECORD})"
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        for _ in range(count // 64):
            f.write(os.urandom(RECORD * 64))
        f.flush()
        os.fsync(f.fileno())


def seconds(command):
    start = time.monotonic()
    p = subprocess.run(command, capture_output=True, text=True, check=False)
    if p.returncode:
        sys.exit(f"{' '.join(command)}: {p.stderr}")
    return time.monotonic() - start


def main():
    runs, mb = option("runs", 7), option("mb", 1000)
    count = mb * 1000000 // RECORD // 64 * 64
    folder = tempfile.mkdtemp(prefix="bench-pack-", dir=os.path.join(ROOT, "build"))
    rows = []
    try:
        npy = os.path.join(folder, "records.npy")
        source(npy, count)
        for ending in ("fts", "tfrecord", "tar"):
            ours, peer = [], []
            for _ in range(runs):
                zero = os.path.join(folder, "zero")
                peer.append(seconds(["dd", f"if={npy}", f"of={zero}", "bs=4M", "conv=fdatasync", "status=none"]))
                os.remove(zero)
                to = os.path.join(folder, "out." + ending)
                command = [FETTLE, "data", "convert", npy, to]
                if ending == "tfrecord":  # numbers would be packed as integers: bytes as they are
                    command = [FETTLE, "data", "convert", os.path.join(folder, "out.rec.tfrecord"), to]
                    if not os.path.exists(command[3]):
                        make_bytes(npy, command[3], count)
                ours.append(seconds(command))
                if len(ours) == 1:
                    seconds([FETTLE, "data", "check", to])
                os.remove(to)
            size = count * RECORD / 1e6
            a, b = size / statistics.median(ours), size / statistics.median(peer)
            rows.append({"case": ending, "ours": a, "peer": b, "unit": "MB/s", "ratio": a / b, "runs": runs})
    finally:
        shutil.rmtree(folder)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)


def make_bytes(npy, to, count):
    """The records as a tf.Example each, by our own writer, from a tar of files."""
    import io
    import tarfile
    tar = to + ".tar"
    with open(npy, "rb") as f, tarfile.open(tar, "w") as t:
        f.seek(128)
        for i in range(count):
            info = tarfile.TarInfo(f"{i:08d}.bin")
            info.size = RECORD
            t.addfile(info, io.BytesIO(f.read(RECORD)))
    seconds([FETTLE, "data", "convert", tar, to])
    os.remove(tar)


main()
