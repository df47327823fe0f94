#!/usr/bin/python3
"""onnx_models.py -- networks of other people's making against ONNX Runtime: exported from torchvision and torch (opsets 9 to
17) by Debian's python3-torch, run by ONNX Runtime (the peer `ort` of peers.sh) and by Fettle on the same inputs; outputs
must agree to 1e-4 of their largest item.

ONNX_MODELS_ONLY=name runs some; the folder $ONNX_MODELS_KEEP keeps what was made.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FETTLE_BUILD", os.path.join(ROOT, "build"))
TEST = os.path.join(BUILD, "nn_import_onnx_models_test")
PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
ONLY = os.environ.get("ONNX_MODELS_ONLY", "")


def not_run(why):
    print("NOT RUN:", why)
    sys.exit(77)


try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torchvision
except ImportError as e:
    not_run(f"{e.name} is not installed")

torch.manual_seed(7)


class Detector(nn.Module):
    """A YOLO-like head: features at two scales, upsampled and joined, boxes decoded with grids."""

    def __init__(self, act):
        super().__init__()
        def block(i, o, s):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), act())
        self.a, self.b, self.c = block(3, 16, 2), block(16, 32, 2), block(32, 64, 2)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.head, self.deep = nn.Conv2d(96, 21, 1), nn.Conv2d(128, 21, 1)

    def decode(self, y, stride):
        n, _, h, w = y.shape
        y = y.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((gx, gy), 2).float()
        xy = (y[..., 0:2] * 2 - 0.5 + grid) * stride
        wh = (y[..., 2:4] * 2) ** 2 * stride
        return torch.cat((xy, wh, y[..., 4:]), -1).reshape(n, -1, 7)

    def forward(self, x):
        x = self.b(self.a(x))
        d = self.c(x)
        s = torch.cat((d, self.pool(d)), 1)
        return torch.cat((self.decode(self.head(torch.cat((x, self.up(d)), 1)), 4), self.decode(self.deep(s), 8)), 1)


class Attention(nn.Module):
    def __init__(self, d, heads, causal):
        super().__init__()
        self.h, self.causal = heads, causal
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x, mask):
        b, t, d = x.shape
        split = lambda y: y.view(b, t, self.h, d // self.h).transpose(1, 2)
        score = split(self.q(x)) @ split(self.k(x)).transpose(-1, -2) / (d // self.h) ** 0.5
        if self.causal:
            score = score + torch.triu(torch.full((t, t), -1e9), 1)
        score = score.masked_fill(mask[:, None, None, :] == 0, -1e9)
        return self.o((score.softmax(-1) @ split(self.v(x))).transpose(1, 2).reshape(b, t, d))


class Bert(nn.Module):
    """Embeddings, layers of attention and GELU, a pooler: what BERT exports look like."""

    def __init__(self, d=64, heads=4, layers=3, causal=False):
        super().__init__()
        self.word, self.place = nn.Embedding(200, d), nn.Embedding(64, d)
        self.layers = nn.ModuleList(nn.ModuleList((Attention(d, heads, causal), nn.LayerNorm(d), nn.Linear(d, 4 * d),
                                                   nn.Linear(4 * d, d), nn.LayerNorm(d))) for _ in range(layers))
        self.norm, self.pool = nn.LayerNorm(d), nn.Linear(d, d)

    def forward(self, ids, mask):
        x = self.norm(self.word(ids) + self.place(torch.arange(ids.shape[1]))[None])
        for attention, n1, up, down, n2 in self.layers:
            x = n1(x + attention(x, mask))
            x = n2(x + down(nn.functional.gelu(up(x))))
        return x, torch.tanh(self.pool(x[:, 0]))


class Speech(nn.Module):
    """Whisper-like: two convolutions in time, sinusoids, attention; logits at the end."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(80, 64, 3, padding=1), nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu", norm_first=True)
        self.layer.self_attn.batch_first = True
        t, f = torch.arange(50)[:, None], torch.exp(-torch.arange(32) * 0.3)[None]
        self.register_buffer("sines", torch.cat((torch.sin(t * f), torch.cos(t * f)), 1))
        self.out = nn.Linear(64, 100)

    def forward(self, mel):
        x = nn.functional.gelu(self.b(nn.functional.gelu(self.a(mel)))).transpose(1, 2) + self.sines
        y = self.layer.norm1(x)
        q, k, v = nn.functional.linear(y, self.layer.self_attn.in_proj_weight, self.layer.self_attn.in_proj_bias).chunk(3, -1)
        x = x + self.layer.self_attn.out_proj((q @ k.transpose(1, 2) / 8).softmax(-1) @ v)
        x = x + self.layer.linear2(nn.functional.gelu(self.layer.linear1(self.layer.norm2(x))))
        return self.out(x).log_softmax(-1)


class Voice(nn.Module):
    """Piper/VITS-like: durations stretch phonemes (CumSum, comparisons, MatMul), a flow, a vocoder of ConvTranspose."""

    def __init__(self):
        super().__init__()
        self.emb, self.dur = nn.Embedding(40, 32), nn.Conv1d(32, 1, 3, padding=1)
        self.wn = nn.Conv1d(32, 64, 5, padding=4, dilation=2)
        self.norm = nn.InstanceNorm1d(32, affine=True)
        self.up = nn.ModuleList((nn.ConvTranspose1d(32, 16, 8, 4, 2), nn.ConvTranspose1d(16, 8, 4, 2, 1)))
        self.res = nn.ModuleList((nn.Conv1d(16, 16, 3, padding=3, dilation=3), nn.Conv1d(8, 8, 3, padding=1)))
        self.post = nn.Conv1d(8, 1, 7, padding=3)

    def forward(self, ids, scales):
        x = self.emb(ids).transpose(1, 2)
        frames = torch.ceil(torch.exp(self.dur(x)) * scales[0] * 3).clamp(min=1)
        ends = torch.cumsum(frames, -1)
        total = ends[0, 0, -1].to(torch.int64)
        t = torch.arange(total).float()[None, :, None]
        path = ((t < ends) & (t >= ends - frames)).float()
        x = (path @ x.transpose(1, 2)).transpose(1, 2)
        a, b = self.wn(x).chunk(2, 1)
        x = self.norm(x + torch.tanh(a) * torch.sigmoid(b)) * scales[1]
        for up, res in zip(self.up, self.res):
            x = up(nn.functional.leaky_relu(x, 0.1))
            x = x + res(nn.functional.leaky_relu(x, 0.1))
        return torch.tanh(self.post(nn.functional.leaky_relu(x)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(24, 32, 2, bidirectional=True)
        self.out = nn.Linear(64, 5)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.out(y).softmax(-1)


class Crnn(nn.Module):
    """Text in pictures: convolutions, columns as time, a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, 1, 1),
                                  nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d((2, 1)), nn.AdaptiveAvgPool2d((1, 16)))
        self.rnn, self.out = nn.LSTM(32, 24, bidirectional=True), nn.Linear(48, 11)

    def forward(self, x):
        y, _ = self.rnn(self.conv(x).squeeze(2).permute(2, 0, 1))
        return self.out(y)


class UNet(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode
        self.d1, self.d2 = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 16, 3, 2, 1)
        self.g, self.u1 = nn.GroupNorm(4, 16), nn.Conv2d(24, 8, 3, 1, 1)
        self.t = nn.ConvTranspose2d(8, 2, 4, 2, 1, output_padding=0)

    def forward(self, x):
        a = nn.functional.silu(self.d1(x))
        b = nn.functional.mish(self.g(self.d2(a)))
        u = nn.functional.interpolate(b, size=a.shape[2:], mode=self.mode, align_corners=False)
        y = self.u1(torch.cat((nn.functional.pad(a, (0, 0, 0, 0)), u), 1))
        return self.t(nn.functional.pad(y, (1, 1, 1, 1), mode="reflect"))


class Odds(nn.Module):
    """Operations that networks use now and then."""

    def forward(self, x):
        v, i = torch.topk(x, 3, dim=1)
        w = torch.where(x > 0, x, x * 0.1).norm(dim=-1, keepdim=True)
        e = torch.einsum("bij,bkj->bik", x, x)
        m = x.argmax(-1).float()[..., None]
        g = torch.gather(x, 2, i[:, :, :2].clamp(max=4) % 5)
        r = torch.roll(x, 1, 2).flip(1) + x.repeat(1, 1, 2)[..., ::2]
        s = torch.stack((x.std(2), x.var(1)[:, :6] if x.shape[2] >= 6 else x.std(2)), 0).sum()
        return v, w, e.logsumexp(-1), m, g, r, s + x.prod(-1).sum(), torch.cumsum(x, 1), torch.tril(x)


class Loops(nn.Module):
    """Scripted: a loop and a branch, not traced away."""

    def forward(self, x, n: int = 3):
        y = x
        for i in range(int(x.shape[0])):
            if float(y.sum()) > 0.0:
                y = y - x[i].sum() * 0.1
            else:
                y = y * 1.5 + 1.0
        return y


class LayerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 48, 8, 8)
        self.cls = nn.Parameter(torch.randn(1, 1, 48))
        self.norm, self.qkv, self.mlp, self.head = nn.LayerNorm(48), nn.Linear(48, 144), nn.Linear(48, 48), nn.Linear(48, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), 1)
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, n, 3, 4, d // 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + ((q @ k.transpose(-2, -1)) * 0.3).softmax(-1).matmul(v).transpose(1, 2).reshape(b, n, d)
        return self.head(nn.functional.hardswish(self.mlp(x)).mean(1))


PICTURE = lambda n, s: (torch.rand(n, 3, s, s),)


def rows():
    """name, model, inputs, opset, options"""
    vision = torchvision.models
    for name, size in [("squeezenet1_0", 96), ("squeezenet1_1", 96), ("mobilenet_v2", 96), ("mobilenet_v3_small", 96),
                       ("mobilenet_v3_large", 96), ("efficientnet_b0", 96), ("resnet18", 96), ("resnet50", 96),
                       ("shufflenet_v2_x0_5", 96), ("mnasnet0_5", 96), ("densenet121", 64), ("googlenet", 96),
                       ("alexnet", 96), ("vgg11_bn", 64), ("regnet_y_400mf", 96), ("convnext_tiny", 64), ("vit_b_16", 224),
                       ("swin_t", 64), ("inception_v3", 96), ("wide_resnet50_2", 64), ("resnext50_32x4d", 64)]:
        build = getattr(vision, name, None)
        if build is None:
            continue
        extra = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
        yield name, lambda build=build, extra=extra: build(weights=None, **extra), PICTURE(1, size), 13, {"settle": True}
    for opset in (9, 11, 13, 16):
        yield f"resnet18-opset{opset}", lambda: vision.resnet18(weights=None), PICTURE(2, 64), opset, {"settle": True}
    yield "mobilenet_v2-batch", lambda: vision.mobilenet_v2(weights=None), PICTURE(3, 64), 17, {"settle": True, "batch": True}
    for name in ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "fcn_resnet50"):
        class Seg(nn.Module):
            def __init__(self, n=name):
                super().__init__()
                self.m = getattr(vision.segmentation, n)(weights=None, weights_backbone=None)
            def forward(self, x):
                return self.m(x)["out"]
        yield name, Seg, PICTURE(1, 96), 13, {"settle": True}
    yield "ssdlite", lambda: vision.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None), (torch.rand(1, 3, 320, 320),), 13, {"list": True}
    yield "yolo-leaky", lambda: Detector(lambda: nn.LeakyReLU(0.1)), PICTURE(1, 64), 11, {"settle": True}
    yield "yolo-silu", lambda: Detector(nn.SiLU), PICTURE(1, 64), 13, {"settle": True}
    ids, mask = torch.randint(0, 200, (2, 12)), torch.ones(2, 12, dtype=torch.int64)
    mask[1, 7:] = 0
    for opset in (9, 11, 14, 17):
        yield f"bert-opset{opset}", Bert, (ids, mask), opset, {"dynamic": {0: "b", 1: "t"}}
    yield "gpt", lambda: Bert(causal=True), (ids, mask), 14, {}
    yield "whisper", Speech, (torch.randn(1, 80, 100),), 16, {}
    yield "voice", Voice, (torch.randint(0, 40, (1, 9)), torch.tensor([0.8, 0.9])), 15, {"dynamic_all": True}
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        yield f"recurrent-{kind.__name__.lower()}", lambda kind=kind: Recurrent(kind), (torch.randn(7, 2, 24),), 14, {}
    yield "crnn", Crnn, (torch.rand(1, 1, 32, 64),), 12, {"settle": True}
    for mode in ("bilinear", "bicubic"):
        yield f"unet-{mode}", lambda mode=mode: UNet(mode), PICTURE(1, 32), 14, {}
    yield "odds", Odds, (torch.randn(2, 6, 6),), 14, {}
    yield "loops", lambda: torch.jit.script(Loops()), (torch.randn(4, 3),), 14, {}
    yield "vit", LayerNet, PICTURE(2, 32), 14, {}


def export(path, build, inputs, opset, options):
    torch.manual_seed(7)
    model = build()
    if options.get("settle"):
        model.train()
        for m in model.modules():
            if isinstance(m, nn.Dropout):
                m.p = 0.0
        with torch.no_grad():
            for _ in range(3):
                model(*(torch.cat((x, torch.rand_like(x))) if x.shape[0] == 1 else x for x in inputs))
    model.eval()
    names = [f"in{i}" for i in range(len(inputs))]
    axes = {}
    if "dynamic" in options:
        axes = {n: options["dynamic"] for n in names}
    if options.get("batch"):
        axes = {n: {0: "batch"} for n in names}
    if options.get("dynamic_all"):
        axes = {"in0": {1: "phonemes"}}
    with torch.no_grad():
        torch.onnx.export(model, inputs, path, opset_version=opset, input_names=names, dynamic_axes=axes)


PEER = """
import sys, json, numpy as np, onnxruntime as ort
ort.set_default_logger_severity(3)
folder, name = sys.argv[1:3]
o = ort.SessionOptions(); o.intra_op_num_threads = 1; o.log_severity_level = 3
s = ort.InferenceSession(f"{folder}/{name}.onnx", o, providers=["CPUExecutionProvider"])
feed, ins, outs = {}, [], []
for i, v in enumerate(s.get_inputs()):
    x = np.load(f"{folder}/{name}.in{v.name[2:]}.npy"); feed[v.name] = x
    x.tofile(f"{folder}/{name}.in.{i}"); ins.append(dict(name=v.name, type=str(x.dtype), shape=list(x.shape), file=f"{name}.in.{i}"))
for i, (v, y) in enumerate(zip(s.get_outputs(), s.run(None, feed))):
    y = np.asarray(y, order='C'); y.tofile(f"{folder}/{name}.out.{i}")
    outs.append(dict(name=v.name, type=str(y.dtype), shape=list(y.shape), file=f"{name}.out.{i}"))
print(json.dumps(dict(model=f"{name}.onnx", inputs=ins, outputs=outs)))
"""


def peer_python():
    python = os.path.join(PEERS, "ort", "bin", "python")
    if not os.path.exists(python):
        not_run("ONNX Runtime is not there: tests/prove/peers.sh ort makes it")
    return python


def main():
    if not os.path.exists(TEST):
        not_run(f"{TEST} is not built")
    python = peer_python()
    keep = os.environ.get("ONNX_MODELS_KEEP")
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or temporary
        os.makedirs(folder, exist_ok=True)
        models, skipped = [], []
        for name, build, inputs, opset, options in rows():
            if ONLY and ONLY not in name:
                continue
            path = os.path.join(folder, name + ".onnx")
            try:
                if not os.path.exists(path):
                    if options.get("list"):
                        inputs = ([inputs[0][0]],)
                    export(path, build, inputs, opset, options)
                    flat = inputs[0] if options.get("list") else inputs
                    for i, x in enumerate(flat):
                        np.save(os.path.join(folder, f"{name}.in{i}.npy"), x.numpy())
            except Exception as e:  # pylint: disable=broad-except
                skipped.append(f"{name}: torch does not export it ({str(e).splitlines()[0][:80]})")
                continue
            p = subprocess.run([python, "-c", PEER, folder, name], capture_output=True, text=True, check=False)
            if p.returncode:
                skipped.append(f"{name}: ONNX Runtime does not run it ({p.stderr.strip().splitlines()[-1][:100]})")
                continue
            models.append(json.loads(p.stdout))
        with open(os.path.join(folder, "reference_onnxruntime.json"), "w", encoding="utf-8") as f:
            json.dump({"models": models}, f)
        env = dict(os.environ, FETTLE_ONNX_MODELS=folder, FETTLE_SHARED_DATA=folder)
        p = subprocess.run([TEST], env=env, capture_output=True, text=True, check=False, timeout=900)
        lines = [l for l in (p.stdout + p.stderr).splitlines() if l.startswith("# ") or "rror" in l]
        print("\n".join(lines + ["# left out: " + s for s in skipped]))
        good = sum(l.startswith("# ok") for l in lines)
        print(f"{'FAIL' if p.returncode else 'PASS'}  {good} of {len(models)} models as ONNX Runtime to 1e-4")
        sys.exit(1 if p.returncode else 0)


if __name__ == "__main__":
    main()
