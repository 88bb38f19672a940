"""Runs docs/from-pytorch.md's exports; `dunlin` must train what comes of them: a classifier, U-Nets, language models."""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).parents[1] / "peers" / "models"))
import nets

BLOCKS = pathlib.Path(sys.argv[1]).resolve().read_text()
FOLDER = pathlib.Path.cwd()
rng = np.random.default_rng(0)


def export(name, model, example):
    """model.onnx and dice.onnx in a folder of their own, which becomes the working folder."""
    (FOLDER / name).mkdir()
    os.chdir(FOLDER / name)
    exec(BLOCKS, {"torch": torch, "model": model.train(), "example": example})


def dunlin(*arguments):
    return json.loads(subprocess.run(["dunlin", *arguments, "--json"], check=True, stdout=subprocess.PIPE).stdout)


def train(data, epochs, *options):
    """The trained model's loss on the test part, or the training part where there is none."""
    done = dunlin("train", "model.onnx", "--data", data, "--epochs", str(epochs), "--out", "trained.onnx", *options)
    assert done["untrained"] == [], done["untrained"]
    return dunlin("eval", "trained.onnx", "--data", data, *options[options.index("--loss"):][:2])


def classifier():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1),
                        nn.Flatten(), nn.Linear(4, 2))
    export("classifier", net, torch.randn(2, 3, 8, 8))
    y = np.arange(64) % 2
    x = (rng.standard_normal((64, 3, 8, 8)) + y[:, None, None, None]).astype(np.float32)
    np.savez("data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    accuracy = train("data.npz", 30, "--lr", "0.05", "--loss", "ce")["accuracy"]
    print("classifier: accuracy", accuracy)
    assert accuracy > 0.9


def boxes(count, *space):
    """Noise with a brighter box in it, and the box."""
    y = np.zeros((count, 1, *space), np.float32)
    for mask in y:
        corner = [rng.integers(0, n // 2) for n in space]
        mask[(0, *(slice(c, c + n // 2) for c, n in zip(corner, space)))] = 1
    return (0.5 * rng.standard_normal(y.shape) + 2 * y).astype(np.float32), y


def segmentation(dims, interpolate):
    name, space = f"unet_{dims}d" + "_interpolating" * interpolate, (16,) * 2 if dims == 2 else (8,) * 3
    net = nets.UNet(dims, interpolate, classes=1, widths=(8, 16))
    export(name, net, torch.randn(2, 1, *space))
    x, y = boxes(24, *space)
    np.savez("data.npz", x=x, y=y)
    for i in range(len(x)):
        np.save(f"scan_{i}.npy", x[i])
        np.save(f"mask_{i}.npy", y[i])
    pathlib.Path("scans.csv").write_text("file,target\n" + "".join(f"scan_{i}.npy,mask_{i}.npy\n" for i in range(len(x))))
    for loss, data, bound in (("bce", "data.npz", 0.15), ("dice.onnx", "scans.csv", 0.1)):
        found = train(data, 25, "--batch", "4", "--optimizer", "adam", "--lr", "0.01", "--loss", loss)["loss"]
        print(f"{name}: {loss} {found:.4f}")
        assert found < bound


class LanguageModel(nn.Module):
    def __init__(self, kind, vocabulary, width=24):
        super().__init__()
        self.tokens, self.rnn = nn.Embedding(vocabulary, width), kind(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        y, _ = self.rnn(self.tokens(tokens))
        return self.head(y).transpose(1, 2)


def language(kind):
    text = np.frombuffer(b"the dunlin runs along the shore; " * 20, np.uint8)
    letters, tokens = np.unique(text, return_inverse=True)
    export(kind.__name__, LanguageModel(kind, len(letters)), torch.zeros(2, 16, dtype=torch.int64))
    starts = rng.integers(0, len(tokens) - 17, 64)
    windows = np.stack([tokens[s:s + 17] for s in starts])
    np.savez("data.npz", x=windows[:, :-1], y=windows[:, 1:])
    loss = train("data.npz", 30, "--batch", "8", "--optimizer", "adam", "--lr", "0.01", "--loss", "ce")["loss"]
    print(f"{kind.__name__}: {loss:.4f} nats a letter, {np.log(len(letters)):.4f} before")
    assert loss < 0.3


torch.manual_seed(0)
classifier()
for dims in (2, 3):
    for interpolate in (False, True):
        segmentation(dims, interpolate)
language(nn.LSTM)
language(nn.GRU)
