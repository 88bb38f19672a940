#!/usr/bin/python3
"""Writes the golden gradients: for each block NAME.onnx (as PyTorch exports it in training form, without weights)
and NAME.txt (how each input is filled, and what PyTorch computes in double).

    apt-get install python3-torch && /usr/bin/python3 tests/golden/make_gradients.py [OUT [KEY]]

OUT is this folder unless given; KEY (default 0) is where the noise's keys begin: `make test-peers` draws others.

Lines of NAME.txt:
    fill INPUT KEY SCALE SHIFT        element i is SCALE * noise(i, KEY) + SHIFT
    labels INPUT CLASSES              element i is (3 * i + 1) % CLASSES
    loss VALUE
    grad INPUT STRIDE VALUE ...       every STRIDE-th element of d loss / d INPUT
    running INPUT VALUE ...           the statistic after the step (variance of the population, as ONNX says)
"""
import pathlib
import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
FIRST_KEY = int(sys.argv[2]) if len(sys.argv) > 2 else 0
BATCH_NORM_MOMENTUM = 0.1


def noise(count, key):
    """Uniform in [-1, 1), the same in C++: src/graph/testing/noise.h."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + key * 40503 + 12345) & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2.0**31 - 1


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x, labels):
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return F.cross_entropy(self.fc3(x), labels)


class ResNetBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(4, 8, 1, stride=2, bias=False)
        self.down_bn = nn.BatchNorm2d(8)

    def forward(self, x, target):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y = torch.relu(y + self.down_bn(self.down(x)))
        return (y * target).sum()


class InvertedBottleneck(nn.Module):
    """MobileNetV3: expand, depthwise, squeeze and excite, project, residual."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(4, 12, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(12)
        self.depthwise = nn.Conv2d(12, 12, 5, padding=2, groups=12, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(12)
        self.squeeze = nn.Conv2d(12, 3, 1)
        self.excite = nn.Conv2d(3, 12, 1)
        self.project = nn.Conv2d(12, 4, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(4)

    def forward(self, x, target):
        y = F.relu6(self.expand_bn(self.expand(x)))
        y = F.hardswish(self.depthwise_bn(self.depthwise(y)))
        s = torch.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))
        y = y * F.hardsigmoid(self.excite(s))
        return ((x + self.project_bn(self.project(y))) * target).sum()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, activation="gelu", batch_first=True)

    def forward(self, x, target):
        return (self.layer(x) * target).sum()


class Recurrent(nn.Module):
    """One direction whose sequences all have every step, then two directions over sequences of 4, 3 and 1 steps."""

    def __init__(self, kind):
        super().__init__()
        self.one = kind(5, 4)
        self.two = kind(4, 3, bidirectional=True)

    def forward(self, x, target):
        y, _ = self.one(x)
        packed = nn.utils.rnn.pack_padded_sequence(y, torch.tensor([4, 3, 1]))
        y, last = self.two(packed)
        y, _ = nn.utils.rnn.pad_packed_sequence(y)
        loss = (y * target).sum()
        for state in last if isinstance(last, tuple) else [last]:
            loss = loss + (state * state).sum()
        return loss


def write(name, model, shapes, opset, classes=None):
    model = model.double().train()
    x = torch.zeros(shapes[0], dtype=torch.float64)
    if classes:
        other = torch.tensor([(3 * i + 1) % classes for i in range(shapes[1][0])])
    else:
        other = torch.zeros(shapes[1], dtype=torch.float64)
    names = ["x", "labels" if classes else "target"]
    lines = []
    key = FIRST_KEY

    def fill(tensor, input_name, scale, shift=0.0):
        nonlocal key
        key += 1
        values = np.float32(np.float32(scale) * noise(tensor.numel(), key).astype(np.float32) + np.float32(shift))
        tensor.data.copy_(torch.from_numpy(values.astype(np.float64)).reshape(tensor.shape))
        lines.append(f"fill {input_name} {key} {scale:.9g} {shift:.9g}")

    fill(x, "x", 1.0)
    if classes:
        lines.append(f"labels labels {classes}")
    else:
        fill(other, "target", 1.0)
    for n, p in model.named_parameters():
        vector = p.dim() == 1
        is_scale = vector and n.endswith("weight")
        fan_in = p[0].numel() if not vector else 1
        fill(p, n, 0.25 if vector else round(1.5 / fan_in**0.5, 4), 1.0 if is_scale else 0.0)
    before = {}
    for n, b in model.named_buffers():
        if n.endswith(("running_mean", "running_var")):
            fill(b, n, 0.25, 1.0 if n.endswith("running_var") else 0.0)
            before[n] = b.clone()
    state = {n: v.clone() for n, v in model.state_dict().items()}
    torch.onnx.export(model.float(), (x.float(), other if classes else other.float()), str(OUT / f"{name}.onnx"),
                      export_params=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                      input_names=names, output_names=["loss"], opset_version=opset)
    model = model.double()
    model.load_state_dict(state)
    x.requires_grad_()
    counts = {}  # elements behind each statistic: PyTorch stores n / (n - 1) times the population's variance
    for n, m in model.named_modules():
        if isinstance(m, nn.BatchNorm2d):
            m.register_forward_hook(lambda _, i, __, n=n: counts.__setitem__(n, i[0].numel() // i[0].shape[1]))
    loss = model(x, other)
    loss.backward()
    lines.append(f"loss {loss.item():.9g}")
    for n, t in [("x", x)] + list(model.named_parameters()):
        values = t.grad.flatten()
        stride = 1 if values.numel() <= 256 else values.numel() // 101
        lines.append(f"grad {n} {stride} " + " ".join(f"{v:.7g}" for v in values[::stride].tolist()))
    for n, b in model.named_buffers():
        if n not in before:
            continue
        after = b
        if n.endswith("running_var"):
            kept = (1 - BATCH_NORM_MOMENTUM) * before[n]
            c = counts[n.rsplit(".", 1)[0]]
            after = kept + (b - kept) * (c - 1) / c
        lines.append(f"running {n} " + " ".join(f"{v:.7g}" for v in after.tolist()))
    (OUT / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    write("lenet", LeNet(), [(4, 1, 28, 28), (4,)], 14, classes=10)
    write("resnet_block", ResNetBlock(), [(2, 4, 8, 8), (2, 8, 4, 4)], 14)
    write("inverted_bottleneck", InvertedBottleneck(), [(2, 4, 6, 6), (2, 4, 6, 6)], 14)
    write("encoder", Encoder(), [(2, 5, 16), (2, 5, 16)], 14)
    write("encoder_opset17", Encoder(), [(2, 5, 16), (2, 5, 16)], 17)
    write("rnn", Recurrent(nn.RNN), [(4, 3, 5), (4, 3, 6)], 14)
    write("lstm", Recurrent(nn.LSTM), [(4, 3, 5), (4, 3, 6)], 14)
    write("gru", Recurrent(nn.GRU), [(4, 3, 5), (4, 3, 6)], 14)
