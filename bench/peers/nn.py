"""nn.py -- a peer of bench/nn_infer.py: the same lines as bench/nn_infer.c, by another engine.

usage: nn.py ENGINE MODEL INPUT.f32 BATCH HEIGHT WIDTH THREADS OUTPUT.f32
ENGINE: ort (MODEL is .onnx), torch-eager, torch-frozen, torch-bf16 (MODEL is a torchvision name, its weights
MODEL.pt beside the input)."""
import os
import sys
import time

engine, model, source, batch, height, width, threads, output = sys.argv[1:9]
os.environ["OMP_NUM_THREADS"] = threads
import numpy as np  # noqa: E402

shape = (int(batch), 3, int(height), int(width))
x = np.fromfile(source, np.float32, int(np.prod(shape))).reshape(shape)
begin = time.process_time()
if engine == "ort":
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    begin = time.process_time()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    name = taken.name
    if list(taken.shape[3:]) == [3]:  # channels last: pixels, as bench/nn_infer.c makes them
        x = np.clip(np.float32(128) + np.float32(50) * x, 0, 255).reshape(shape[0], *shape[2:], 3)
        x = x.astype(np.int32) if "int32" in taken.type else x

    def run():
        return session.run(None, {name: x})[0]
else:
    import torch
    import torchvision
    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    begin = time.process_time()
    net = getattr(torchvision.models, os.path.basename(model))(weights=None).eval()
    net.load_state_dict(torch.load(model + ".pt"))
    t = torch.from_numpy(x)
    if engine == "torch-frozen":
        net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, t)))
    if engine == "torch-bf16":
        net, t = net.bfloat16(), t.bfloat16()

    def run():
        return net(t).float().numpy()

first = run()
run()
print(f"ready {(time.process_time() - begin) * 1e3:.3f}", flush=True)
first.tofile(output)
for line in sys.stdin:
    runs = int(line)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(runs):
        run()
    print(f"{(time.process_time() - cpu) * 1e3 / runs:.4f} {(time.perf_counter() - wall) * 1e3 / runs:.4f}", flush=True)
