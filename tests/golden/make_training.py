#!/usr/bin/python3
"""Writes the golden training runs: training.onnx (a small network with every kind of block, as PyTorch exports it in
training form, without weights) and training.txt (how it is filled, and four steps of three optimizers in double).

    apt-get install python3-torch && /usr/bin/python3 tests/golden/make_training.py

Lines of training.txt:
    fill INPUT KEY SCALE SHIFT        element i is SCALE * noise(i, KEY) + SHIFT
    optimizer TEXT RATE               as `dunlin train` takes them; what follows belongs to it
    losses VALUE ...                  before each step
    after WEIGHT STRIDE VALUE ...     every STRIDE-th element after the last step
"""
import pathlib

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from make_gradients import noise

HERE = pathlib.Path(__file__).parent
SAMPLES, CLASSES, STEPS = 4, 3, 4


class Mixed(nn.Module):
    """A convolution, an inverted bottleneck with squeeze and excite, an encoder layer over its pixels, a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(8)
        self.expand = nn.Conv2d(8, 24, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(24)
        self.depthwise = nn.Conv2d(24, 24, 5, padding=2, groups=24, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(24)
        self.squeeze = nn.Conv2d(24, 6, 1)
        self.excite = nn.Conv2d(6, 24, 1)
        self.project = nn.Conv2d(24, 8, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(8)
        self.embed = nn.Linear(8, 16)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x):
        x = F.relu6(self.stem_bn(self.stem(x)))
        y = F.hardswish(self.expand_bn(self.expand(x)))
        y = F.silu(self.depthwise_bn(self.depthwise(y)))
        s = torch.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))
        y = y * F.hardsigmoid(self.excite(s))
        x = x + self.project_bn(self.project(y))
        x = x.flatten(2).transpose(1, 2)
        x = self.encoder(self.embed(x))
        return self.head(x.mean(1))


def main():
    model = Mixed().double().train()
    x = torch.zeros(SAMPLES, 3, 8, 8, dtype=torch.float64)
    labels = torch.arange(SAMPLES) % CLASSES
    lines = []
    key = 0

    def fill(tensor, name, scale, shift=0.0):
        nonlocal key
        key += 1
        values = np.float32(np.float32(scale) * noise(tensor.numel(), key).astype(np.float32) + np.float32(shift))
        tensor.data.copy_(torch.from_numpy(values.astype(np.float64)).reshape(tensor.shape))
        lines.append(f"fill {name} {key} {scale:.9g} {shift:.9g}")

    fill(x, "x", 1.0)
    for n, p in model.named_parameters():
        vector = p.dim() == 1
        fan_in = p[0].numel() if not vector else 1
        fill(p, n, 0.25 if vector else round(1.5 / fan_in**0.5, 4), 1.0 if vector and n.endswith("weight") else 0.0)
    for n, b in model.named_buffers():
        if n.endswith(("running_mean", "running_var")):
            fill(b, n, 0.0, 1.0 if n.endswith("running_var") else 0.0)
    state = {n: v.clone() for n, v in model.state_dict().items()}
    torch.onnx.export(model.float(), (x.float(),), str(HERE / "training.onnx"), export_params=False,
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, input_names=["x"],
                      output_names=["logits"], dynamic_axes={"x": {0: "N"}, "logits": {0: "N"}}, opset_version=17)
    model = model.double()
    # A large epsilon, so that rounding in a gradient of nearly 0 does not decide the direction of a step.
    runs = [
        ("sgd:momentum=0.9,weight_decay=0.01", 0.05,
         lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.01)),
        ("adam:epsilon=0.001", 0.01, lambda p: torch.optim.Adam(p, 0.01, eps=1e-3)),
        ("adamw:epsilon=0.001,weight_decay=0.1", 0.01,
         lambda p: torch.optim.AdamW(p, 0.01, eps=1e-3, weight_decay=0.1)),
    ]
    for text, rate, make in runs:
        model.load_state_dict(state)
        optimizer = make(model.parameters())
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), labels)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        lines.append(f"optimizer {text} {rate}")
        lines.append("losses " + " ".join(f"{v:.9g}" for v in losses))
        for n, p in model.named_parameters():
            values = p.detach().flatten()
            stride = 1 if values.numel() <= 16 else values.numel() // 13
            lines.append(f"after {n} {stride} " + " ".join(f"{v:.7g}" for v in values[::stride].tolist()))
    (HERE / "training.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
