#!/usr/bin/env python3
"""train.py -- a PyTorch training program that reads through Fettle: a small network on class folders of pictures, with
checkpoints from which it goes on exactly where it was killed, on any number of workers.

usage: train.py FOLDER CHECKPOINT [--epochs=3] [--size=64] [--workers=-1]
       (PYTHONPATH=python when it is run from the repository)
"""
import os
import sys

import torch
import torch.nn.functional as F

import fettle


def network(classes):
    def block(inputs, outputs):
        return torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, 3, 2, 1), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU())
    return torch.nn.Sequential(block(3, 16), block(16, 32), block(32, 64), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.Linear(64, classes))


def save(path, **state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)  # whole or not at all


def main(folder, checkpoint, epochs=3, size=64, workers=-1):
    classes = sum(entry.is_dir() for entry in os.scandir(folder))
    loader = fettle.Loader(folder, batch=32, shuffle="full", seed=1, workers=workers, fields="image,label",
                           transforms=f"random_resized_crop={size},flip,normalise=imagenet")
    torch.manual_seed(1)
    model = network(classes)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        loader.load_state_dict(state["loader"])
        print(f"going on at position {state['loader']['position']} of epoch {state['loader']['epoch']}")
    while loader.epoch < epochs:
        total = count = 0
        for step, batch in enumerate(loader):
            tensors = batch.torch()  # the loader's own memory
            loss = F.cross_entropy(model(tensors["image"]), tensors["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + float(loss) * batch.count, count + batch.count
            if step % 20 == 19:
                save(checkpoint, model=model.state_dict(), optimizer=optimizer.state_dict(), loader=loader.state_dict())
        print(f"epoch {loader.epoch}: loss {total / max(count, 1):.4f} over {count} pictures; {loader.verdict}")
        loader.set_epoch(loader.epoch + 1)
        save(checkpoint, model=model.state_dict(), optimizer=optimizer.state_dict(), loader=loader.state_dict())


if __name__ == "__main__":
    named = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
    plain = [a for a in sys.argv[1:] if not a.startswith("--")]
    if len(plain) != 2:
        sys.exit(__doc__)
    main(*plain, **{name: int(value) for name, value in named.items()})
