"""FullGrad, gradient, SmoothGrad's inner step and Grad-CAM in PyTorch, written from the papers: the
oracle of src/nn/explain_test.c and the peer of `bench explain`.

A bias is what a layer adds at x = 0 (convolution, linear, BatchNormalization), or the distance of a
clipped activation from its tangent (ReLU6)."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def random_model(make, seed=1, **kw):
    """A network with statistics and biases that are not trivial."""
    torch.manual_seed(seed)
    net = make(**kw)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 2)
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.normal_(0, 0.2)
    return net.eval()


class Tapped:
    """Outputs (and inputs of clips) of the layers that add something, with their gradients."""

    def __init__(self, net):
        self.net, self.layers = net, []
        for m in net.modules():
            if isinstance(m, nn.ReLU):
                m.inplace = False
            if isinstance(m, nn.ReLU6):
                m.inplace = False
            biased = isinstance(m, (nn.Conv2d, nn.Linear)) and m.bias is not None
            if biased or isinstance(m, (nn.BatchNorm2d, nn.ReLU6)):
                m.register_forward_hook(self.seen)

    def seen(self, module, inputs, output):
        self.layers.append((module, inputs[0], output))

    def run(self, x, target=None):
        self.layers = []
        x = x.clone().requires_grad_()
        scores = self.net(x)
        k = int(scores.argmax()) if target is None else target
        outs = [x] + [o for _, _, o in self.layers]
        grads = torch.autograd.grad(scores[0, k], outs)
        return x, scores, k, grads[0], grads[1:]


def bias_of(module, x, y):
    if isinstance(module, nn.BatchNorm2d):
        return module.bias - module.running_mean * module.weight / torch.sqrt(
            module.running_var + module.eps)
    if isinstance(module, nn.ReLU6):
        return torch.where(x == y, torch.zeros_like(y), y)
    return module.bias


def rescale(a):
    a = a.abs()
    a = a - a.min()
    return a / (a.max() + 1e-6)


def fullgrad(tapped, x, target=None):
    """The map, the class, its score, and the parts of input and biases."""
    x, scores, k, gx, grads = tapped.run(x, target)
    with torch.no_grad():
        share, size = 0.0, x.shape[2:]
        out = rescale(gx * x).sum(1, keepdim=True)
        for (m, i, y), g in zip(tapped.layers, grads):
            b = bias_of(m, i, y)
            part = g * (b.view(1, -1, 1, 1) if b.dim() == 1 and g.dim() == 4 else b)
            share += float(part.double().sum())
            if g.dim() == 4 and g.shape[2] * g.shape[3] > 1:
                out += F.interpolate(rescale(part), size=size, mode="bilinear",
                                     align_corners=True).sum(1, keepdim=True)
    return out[0, 0].numpy(), k, float(scores[0, k]), float((gx * x).double().sum()), share


def gradient(tapped, x, target=None):
    return tapped.run(x, target)[3][0].abs().amax(0).numpy()


def gradcam(net, layer, x, target=None):
    kept = []
    hook = layer.register_forward_hook(lambda m, i, o: kept.append(o))
    scores = net(x)
    hook.remove()
    k = int(scores.argmax()) if target is None else target
    g = torch.autograd.grad(scores[0, k], kept[0])[0]
    cam = F.relu((g.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
    return F.interpolate(cam, size=x.shape[2:], mode="bilinear", align_corners=True)[0, 0].detach().numpy()


def post_loop(tapped, x):
    """The post's own: every channel of every layer zoomed by scipy, one by one."""
    import scipy.ndimage
    x, scores, k, gx, grads = tapped.run(x)
    side = x.shape[2]
    out = rescale(gx * x).sum(1)[0].detach().numpy()
    for (m, i, y), g in zip(tapped.layers, grads):
        if g.dim() != 4:
            continue
        b = bias_of(m, i, y).detach()
        part = rescale(g * b.view(1, -1, 1, 1))[0].numpy()
        for c in range(part.shape[0]):
            out += scipy.ndimage.zoom(part[c], side / part.shape[1], order=1)
    return out
