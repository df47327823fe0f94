#!/usr/bin/python3
"""dataset_readers.py [sagemaker] -- other people's readers and writers of data sets beside ours: MXNet's recordio, the `tfrecord`
package, WebDataset (peer `datasets` of peers.sh), and, with the word, SageMaker's own RecordIO writer (peer `sagemaker2`).
What they write we read, what we write they read, value for value."""
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
FETTLE = os.environ.get("FETTLE_PROGRAM_UNDER_TEST", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "fettle"))
MAGIC = b"\x0a\x23\xd7\xce"


def fettle(*args):
    p = subprocess.run([FETTLE, "data", *args], capture_output=True, text=True, check=False)
    if p.returncode:
        raise AssertionError(f"fettle data {' '.join(args)}: {p.stderr}")
    return p.stdout


def rows(path, *args):
    return json.loads(fettle("ls", path, "--count", "0", "--json", *args))


def image(i):
    """Bytes that begin like a JPEG, and now and then hold RecordIO's magic where it must be cut out."""
    body = bytes((i * 7 + k) % 256 for k in range(40 + i * 13 % 300))
    return b"\xff\xd8\xff\xe0" + (MAGIC * (i % 4) + body if i % 3 else body)


def mxnet(folder):
    import numpy
    numpy.bool = bool  # MXNet 1.9 was written for an older NumPy
    from mxnet import recordio
    theirs, ours = os.path.join(folder, "m.rec"), os.path.join(folder, "n.rec")
    w = recordio.MXIndexedRecordIO(theirs[:-4] + ".idx", theirs, "w")
    for i in range(200):
        w.write_idx(i, recordio.pack(recordio.IRHeader(0, float(i), i, 0), image(i)))
    w.close()
    got = rows(theirs)
    assert len(got) == 200 and [r["label"] for r in got] == [str(i) for i in range(200)], got[:3]
    fettle("convert", theirs, os.path.join(folder, "m.fts"))
    fettle("convert", os.path.join(folder, "m.fts"), ours)
    r = recordio.MXIndexedRecordIO(ours[:-4] + ".idx", ours, "r")
    assert len(r.keys) == 200
    for i in reversed(range(200)):
        header, payload = recordio.unpack(r.read_idx(i))
        assert header.label == float(i) and header.id == i and payload == image(i), i
    assert open(ours, "rb").read() == open(theirs, "rb").read(), "not the same bytes"
    return "mxnet 1.9.1 both ways, 200 records, the same bytes"


def tfrecord(folder):
    import numpy
    from tfrecord.reader import tfrecord_loader
    from tfrecord.writer import TFRecordWriter
    theirs, ours = os.path.join(folder, "t.tfrecord"), os.path.join(folder, "u.tfrecord")
    w = TFRecordWriter(theirs)
    for i in range(100):
        w.write({"image": (image(i), "byte"), "label": (i, "int"), "box": ([i / 4, 1.5, -2.0], "float")})
    w.close()
    got = rows(theirs)
    assert len(got) == 100 and got[7]["label"] == "7" and got[8]["box"] == "2 1.5 -2", got[7:9]
    fettle("convert", theirs, os.path.join(folder, "t.fts"))
    fettle("convert", os.path.join(folder, "t.fts"), ours)
    n = 0
    for i, r in enumerate(tfrecord_loader(ours, None, {"image": "byte", "label": "int", "box": "float"})):
        assert bytes(r["image"]) == image(i) and r["label"][0] == i, i
        assert numpy.array_equal(r["box"], numpy.array([i / 4, 1.5, -2.0], numpy.float32)), r["box"]
        n += 1
    assert n == 100, n
    return "tfrecord both ways, 100 examples"


def webdataset(folder):
    import numpy
    import webdataset as wds
    theirs, ours = os.path.join(folder, "w.tar"), os.path.join(folder, "x.tar")
    with wds.TarWriter(theirs) as w:
        for i in range(150):
            w.write({"__key__": f"part/{i:05d}", "jpg": image(i), "cls": i % 10, "txt": f"sample {i}",
                     "points.npy": numpy.arange(6, dtype="f4").reshape(2, 3) + i})
    got = rows(theirs)
    assert len(got) == 150 and got[3]["cls"] == "3" and got[3]["txt"] == "sample 3" and got[3]["key"] == "part/00003", got[3]
    fettle("convert", theirs, os.path.join(folder, "w.fts"))
    fettle("convert", os.path.join(folder, "w.fts"), ours)
    n = 0
    for i, s in enumerate(wds.WebDataset(ours, shardshuffle=False)):
        assert s["__key__"] == f"part/{i:05d}" and s["jpg"] == image(i) and int(s["cls"]) == i % 10, s.keys()
        assert s["txt"].decode() == f"sample {i}", s["txt"]
        assert numpy.array_equal(numpy.load(io.BytesIO(s["points.npy"])), numpy.arange(6, dtype="f4").reshape(2, 3) + i)
        n += 1
    assert n == 150, n
    return f"webdataset {wds.__version__} both ways, 150 samples"


def sagemaker(folder):
    import numpy
    import scipy.sparse
    from sagemaker.amazon import common
    theirs, ours = os.path.join(folder, "s.pbr"), os.path.join(folder, "v.pbr")
    x = numpy.arange(60, dtype="f4").reshape(20, 3) / 7
    with open(theirs, "wb") as f:
        common.write_numpy_to_dense_tensor(f, x, numpy.arange(20, dtype="f4"))
    got = rows(theirs)
    assert len(got) == 20 and got[5]["label"] == "5", got[5]
    fettle("convert", theirs, os.path.join(folder, "s.fts"))
    fettle("convert", os.path.join(folder, "s.fts"), ours)
    assert open(ours, "rb").read() == open(theirs, "rb").read(), "not the same bytes"
    with open(ours, "rb") as f:
        for i, r in enumerate(common.read_records(f)):
            assert list(r.features["values"].float32_tensor.values) == x[i].tolist(), i
    with open(theirs, "wb") as f:
        common.write_spmatrix_to_sparse_tensor(f, scipy.sparse.csr_matrix(numpy.eye(4, 9, dtype="f8")), numpy.arange(4))
    got = rows(theirs)
    assert [r["values_keys"] for r in got] == ["0", "1", "2", "3"] and got[0]["label"] == "0", got
    return "SageMaker SDK's writer, dense and sparse, the same bytes"


def main():
    proofs = [sagemaker] if sys.argv[1:] == ["sagemaker"] else [mxnet, tfrecord, webdataset]
    done, failed, absent = [], [], []
    for proof in proofs:
        with tempfile.TemporaryDirectory(prefix="fettle-prove-") as folder:
            try:
                done.append(proof(folder))
            except ImportError as e:
                absent.append(f"{proof.__name__} ({e})")
            except Exception as e:  # pylint: disable=broad-except
                failed.append(f"{proof.__name__}: {type(e).__name__} {e}")
    for line in failed:
        print(line[:1000])
    if failed:
        print(f"FAIL  {len(failed)} of {len(proofs)} differ")
        sys.exit(1)
    if absent:
        print(f"NOT RUN: {'; '.join(absent)}: tests/prove/peers.sh datasets makes them; passed: {'; '.join(done) or 'none'}")
        sys.exit(77)
    print(f"PASS  {'; '.join(done)}")


main()
