#!/usr/bin/python3
"""tiny_voice.py -- a VITS network as Piper exports it, small and untrained: for tests of how voices are read and run.

    tiny_voice.py FILE.onnx [KIND …]     also writes FILE.onnx.json; the shape of the graph is a voice's: phonemes, their
                                         durations (Ceil, CumSum, a path), noise, a decoder of ConvTranspose

Kinds: text (letters, not espeak's IPA), nan, mute (durations of 0), endless (a sentence of hours), names (other inputs),
sid (three speakers), plain (no Ceil: durations are not to be found), loud (an Add that no window can cut).
"""
import json
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

RATE, CHANNELS, SIGNS, FRAME = 8000, 8, 200, 32
LETTERS = "_^$ !',-.:;?abcdefghijklmnopqrstuvwxyzæðŋɐɑɒɔəɚɛɜɡɪɹʃʊʌʒˈˌːθɾ" + "\u0303\u0327"


class Builder:
    def __init__(self):
        self.nodes, self.data, self.count = [], [], 0

    def const(self, value):
        self.count += 1
        name = f"c{self.count}"
        self.data.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind, *inputs, out=None, **attrs):
        self.count += 1
        out = out or f"{kind}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name="/" + out, **attrs))
        return out


def build(kinds):
    b, r = Builder(), np.random.default_rng(3)
    f = lambda *shape: (r.standard_normal(shape) * 0.4).astype(np.float32)
    ids = "ids" if "names" in kinds else "input"
    part = lambda at: b.op("Gather", "scales", b.const(np.int64(at)), axis=0)
    noise, pace = part(0), part(1)
    x = b.op("Gather", b.const(f(SIGNS, CHANNELS)), ids)  # [1, T, C]
    table = r.integers(8, 22, SIGNS).astype(np.float32) + 0.3
    if "mute" in kinds:
        table[:] = 0
    if "endless" in kinds:
        table[:] = 1e7
    w = b.op("Mul", b.op("Gather", b.const(table), ids), pace)
    w = b.op("Unsqueeze", w, b.const(np.array([1])))  # [1, 1, T]
    w = b.op("Floor" if "plain" in kinds else "Ceil", w)
    ends = b.op("CumSum", w, b.const(np.int64(2)))
    total = b.op("Cast", b.op("ReduceMax", ends, keepdims=0), to=TensorProto.INT64)
    t = b.op("Cast", b.op("Range", b.const(np.int64(0)), total, b.const(np.int64(1))), to=TensorProto.FLOAT)
    t = b.op("Unsqueeze", t, b.const(np.array([0, 2])))  # [1, F, 1]
    path = b.op("And", b.op("Less", t, ends), b.op("GreaterOrEqual", t, b.op("Sub", ends, w)))
    z = b.op("MatMul", b.op("Cast", path, to=TensorProto.FLOAT), x)  # [1, F, C]
    z = b.op("Transpose", z, perm=[0, 2, 1])
    z = b.op("Add", z, b.op("Mul", b.op("RandomNormalLike", z, dtype=TensorProto.FLOAT), noise))
    conv = lambda v, i, o, k, d=1: b.op("Conv", v, b.const(f(o, i, k)), b.const(f(o)), kernel_shape=[k], dilations=[d],
                                        pads=[(k - 1) * d // 2] * 2)
    up = lambda v, i, o, k, s: b.op("ConvTranspose", v, b.const(f(i, o, k)), b.const(f(o)), kernel_shape=[k], strides=[s],
                                    pads=[(k - s) // 2] * 2)
    leaky = lambda v: b.op("LeakyRelu", v, alpha=0.1)
    v = conv(z, CHANNELS, CHANNELS, 7)
    if "sid" in kinds:
        g = b.op("Unsqueeze", b.op("Gather", b.const(f(3, CHANNELS)), "sid"), b.const(np.array([2])))
        v = b.op("Add", v, b.op("Conv", g, b.const(f(CHANNELS, CHANNELS, 1)), b.const(f(CHANNELS)), kernel_shape=[1]))
    if "loud" in kinds:
        v = b.op("Add", v, b.op("ReduceMean", v, axes=[2], keepdims=1))
    v = up(leaky(v), CHANNELS, 4, 16, 8)
    v = b.op("Add", v, conv(leaky(v), 4, 4, 5, 3))
    v = up(leaky(v), 4, 4, 8, 4)
    v = b.op("Div", b.op("Add", v, conv(leaky(v), 4, 4, 3)), b.const(np.float32(2)))
    v = conv(leaky(v), 4, 1, 7)
    if "nan" in kinds:
        v = b.op("Add", v, b.const(np.array([[[np.nan]]], np.float32)))
    b.op("Unsqueeze", b.op("Tanh", v), b.const(np.array([1])), out="output")
    value = helper.make_tensor_value_info
    inputs = [value(ids, TensorProto.INT64, ["batch_size", "phonemes"]),
              value("input_lengths", TensorProto.INT64, ["batch_size"]), value("scales", TensorProto.FLOAT, [3])]
    if "sid" in kinds:
        inputs.append(value("sid", TensorProto.INT64, ["batch_size"]))
    outputs = [value("output", TensorProto.FLOAT, ["batch_size", "time", 1, "samples"])]
    graph = helper.make_graph(b.nodes, "tiny", inputs, outputs, b.data)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def config(kinds):
    c = {"audio": {"sample_rate": RATE}, "espeak": {"voice": "en-us"}, "language": {"code": "en_US"},
         "inference": {"noise_scale": 0.1, "length_scale": 1, "noise_w": 0.8}, "num_speakers": 1, "speaker_id_map": {},
         "phoneme_type": "text" if "text" in kinds else "espeak", "phoneme_map": {},
         "phoneme_id_map": {sign: [i] for i, sign in enumerate(LETTERS)}}
    if "sid" in kinds:
        c.update(num_speakers=3, speaker_id_map={"ann": 0, "bob": 1, "eve": 2})
    return c


def main():
    path, kinds = sys.argv[1], sys.argv[2:]
    with open(path, "wb") as f:
        f.write(build(kinds).SerializeToString())
    with open(path + ".json", "w", encoding="utf-8") as f:
        json.dump(config(kinds), f)


if __name__ == "__main__":
    main()
