"""Writes tests/golden/dynamo: small nets as PyTorch's dynamo exporter writes them, and what PyTorch computes in double.

    pip install torch onnx onnxscript     (2.9 or newer; nothing but this script needs it)
    python tests/golden/make_dynamo.py [NAME ...]

NAME/model.onnx, NAME/model.onnx.data     the net; dimensions named in EXPORTS are symbolic
NAME/K/input.I.npy, NAME/K/output.I.npy   run K, at sizes of its own
NAME/x.npy, NAME/y.npy, NAME/losses.npy   of a net that is trained: cross-entropy before each step of SGD on all of x
"""
import pathlib
import shutil
import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parent / "dynamo"


class Cnn(nn.Module):
    """Convolutions with BatchNormalization, depthwise, squeeze and excite, a skip, pooling, a head."""

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.depthwise_norm = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.project, self.project_norm = nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.head = nn.Linear(16, 5)
        for norm in (self.stem_norm, self.depthwise_norm, self.project_norm):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.3, 0.3)
            norm.running_mean.uniform_(-0.3, 0.3)
            norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        x = F.silu(self.stem_norm(self.stem(x)))
        y = F.hardswish(self.depthwise_norm(self.depthwise(x)))
        y = y * F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        x = x + self.project_norm(self.project(y))
        x = torch.cat([F.max_pool2d(x, 3, 2, 1, ceil_mode=True).amax((2, 3)), F.avg_pool2d(x, 2).mean((2, 3))], 1)
        return self.head(x)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(20, 16), nn.Parameter(torch.randn(32, 16))
        self.norm, self.last = nn.LayerNorm(16), nn.RMSNorm(16, eps=1e-6)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, ids, mask):
        n, t = ids.shape
        x = self.tokens(ids) + self.positions[:t]
        q, k, v = self.qkv(self.norm(x)).view(n, t, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :].to(torch.bool))
        x = x + self.out(y.transpose(1, 2).reshape(n, t, 16))
        x = x + self.down(F.gelu(self.up(x), approximate="tanh"))
        return self.last(x) @ self.tokens.weight.t()


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(16, 8, batch_first=True)

    def forward(self, x):
        x, (hidden, cell) = self.lstm(x)
        y, last = self.gru(x)
        return y, torch.cat([hidden, cell, last])


class Decoder(nn.Module):
    """Upsampling to the size of another tensor, padding and slicing by dimensions, a normalisation of groups."""

    def __init__(self):
        super().__init__()
        self.up, self.merge, self.norm = nn.ConvTranspose2d(6, 4, 2, stride=2), nn.Conv2d(8, 4, 3), nn.GroupNorm(2, 4)

    def forward(self, x, skip):
        x = F.interpolate(self.up(x), size=skip.shape[2:], mode="bilinear", align_corners=False)
        x = self.norm(self.merge(F.pad(torch.cat([x, skip], 1), (1, 1, 1, 1), mode="reflect")))
        half = x.shape[3] // 2
        x = torch.cat([x[..., half:], x[..., :half]], 3)
        return F.interpolate(x, scale_factor=2, mode="nearest"), x.flatten(2).softmax(-1).argmax(-1)


class Selection(nn.Module):
    """What only a run knows: how many rows are left, and which branch is taken."""

    def forward(self, x):
        kept = x[x.sum(1) > 0]
        order = kept[:, 0].sort(descending=True).indices
        best, place = x.topk(2, dim=1)
        grown = torch.cond(x.mean() > 0, lambda a: a * 2 + 1, lambda a: a.cumsum(0), (x,))
        table = torch.zeros_like(x).index_put((place[:, 0],), best[:, :1].expand(-1, x.shape[1]), accumulate=True)
        return kept.index_select(0, order), torch.nonzero(x > 0.5), grown, table


class Sampler(nn.Module):
    """Where to sample is learned; the exporter folds the grid that this moves, and names every parameter."""

    def __init__(self):
        super().__init__()
        self.where, self.head = nn.Linear(36, 6), nn.Linear(36, 3)
        nn.init.uniform_(self.where.weight, -0.02, 0.02)
        self.where.bias.data = torch.tensor([1.0, 0, 0.1, 0, 1, -0.1])

    def forward(self, x):
        grid = F.affine_grid(self.where(x.flatten(1)).view(-1, 2, 3), (x.shape[0], 1, 6, 6), align_corners=False)
        return self.head(F.grid_sample(x, grid, align_corners=False).flatten(1))


class Grouped(nn.Module):
    """Parameters that the exporter transposes and reshapes, which then have no name, beside constants and a buffer."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.project = nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.Linear(16, 3)
        self.register_buffer("shift", torch.rand(4, 1, 1))
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.uniform_(self.norm.bias, -0.3, 0.3)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)) + self.shift).flatten(2)
        return self.project(x + torch.triu(torch.full((4, 16), 0.5))).mean(1)


def image(rng, n, h, w):
    return [rng.standard_normal((n, 3, h, w))]


def text(rng, n, t):
    mask = (np.arange(t) < np.maximum(1, t - np.arange(n))[:, None]).astype(np.int64)
    return [rng.integers(0, 20, (n, t)), mask]


def steps(rng, n, t):
    return [rng.standard_normal((n, t, 6))]


def two_scales(rng, n, h, w):
    return [rng.standard_normal((n, 6, h // 2, w // 2)), rng.standard_normal((n, 4, h, w))]


def rows(rng, n, shift):
    return [rng.standard_normal((n, 4)) + shift]


NHW, NT = {0: "N", 2: "H", 3: "W"}, {0: "N", 1: "T"}
# Name: net, how arrays are drawn, symbolic dimensions, sizes (the first is exported), the exporter's options.
EXPORTS = {
    "cnn": (Cnn, image, (NHW,), [(2, 16, 20), (1, 16, 16), (3, 9, 13)], {}),
    "cnn_unoptimized": (Cnn, image, (NHW,), [(2, 16, 20), (1, 9, 13)], {"optimize": False}),
    "transformer": (Transformer, text, (NT, NT), [(2, 6), (1, 9), (3, 2)], {}),
    "transformer_opset23": (Transformer, text, (NT, NT), [(2, 6), (1, 9), (3, 2)], {"opset_version": 23}),
    "recurrent": (Recurrent, steps, (NT,), [(2, 5), (1, 3), (4, 7)], {}),
    "decoder": (Decoder, two_scales, ({0: "N", 2: "h", 3: "w"}, NHW), [(2, 8, 12), (1, 10, 6)], {}),
    "selection": (Selection, rows, ({0: "N"},), [(5, 0), (7, 1), (6, -1)], {}),
}


TRAININGS = {"sampler": Sampler, "grouped": Grouped}


def export(net, arrays, axes, folder, options):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    program = torch.onnx.export(net, tuple(map(torch.from_numpy, arrays)), dynamo=True, dynamic_shapes=axes,
                                verbose=False, **options)
    for part in (program.model.graph, *program.model.functions.values()):
        for node in part.all_nodes():  # where PyTorch is installed here
            node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)
    program.save(folder / "model.onnx", external_data=True)


def write(name, make, draw, axes, sizes, options):
    torch.manual_seed(1)
    folder = OUT / name
    net, rng = make().eval(), np.random.default_rng(1)
    runs = [[a.astype(np.float32) if a.dtype == np.float64 else a for a in draw(rng, *size)] for size in sizes]
    export(net, runs[0], axes, folder, options)
    net = net.double()
    for k, arrays in enumerate(runs):
        (folder / str(k)).mkdir()
        with torch.no_grad():
            outputs = net(*(torch.from_numpy(a.astype(np.float64) if a.dtype == np.float32 else a) for a in arrays))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for i, array in enumerate(arrays):
            np.save(folder / str(k) / f"input.{i}.npy", array)
        for i, tensor in enumerate(outputs):
            tensor = tensor.float() if tensor.dtype == torch.float64 else tensor
            np.save(folder / str(k) / f"output.{i}.npy", tensor.numpy())


def write_training(name, make, steps=4):
    torch.manual_seed(1)
    folder = OUT / name
    net, rng = make().train(), np.random.default_rng(1)
    x, y = rng.standard_normal((6, 1, 6, 6)).astype(np.float32), np.arange(6) % 3
    export(net, [x], ({0: "N"},), folder, {})
    net = net.double()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), []
    for _ in range(steps):
        loss = F.cross_entropy(net(torch.from_numpy(x).double()), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for stem, array in (("x", x), ("y", y), ("losses", np.array(losses, np.float32))):
        np.save(folder / f"{stem}.npy", array)


names = sys.argv[1:] or [*EXPORTS, *TRAININGS]
for name in names:
    if name in EXPORTS:
        write(name, *EXPORTS[name])
    else:
        write_training(name, TRAININGS[name])
