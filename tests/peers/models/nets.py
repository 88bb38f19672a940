"""The nets of zoo.py that torchvision does not have, as people write them in PyTorch."""
import math

import torch
import torch.nn.functional as F
from torch import nn


class UNet(nn.Module):
    """Ronneberger et al. 2015 in 2-D, Cicek et al. 2016 in 3-D; upsampled by a transposed convolution or interpolated."""

    def __init__(self, dims, interpolate, classes=2, widths=(16, 32, 64, 128)):
        super().__init__()
        self.conv = (nn.Conv2d, nn.Conv3d)[dims - 2]
        self.conv_transpose = (nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 2]
        self.pool = (nn.MaxPool2d, nn.MaxPool3d)[dims - 2](2)
        # Volumes come one or two at a time, where statistics of the batch say little.
        self.norm = nn.BatchNorm2d if dims == 2 else lambda width: nn.InstanceNorm3d(width, affine=True)
        self.mode = ("bilinear", "trilinear")[dims - 2] if interpolate else None
        self.down = nn.ModuleList([self.convolve(a, b) for a, b in zip((1, *widths), widths)])
        self.up = nn.ModuleList([self.upsample(b, a) for a, b in zip(widths, widths[1:])])
        self.merge = nn.ModuleList([self.convolve(2 * a, a) for a in widths[:-1]])
        self.head = self.conv(widths[0], classes, 1)

    def convolve(self, a, b):
        return nn.Sequential(self.conv(a, b, 3, padding=1), self.norm(b), nn.ReLU(),
                             self.conv(b, b, 3, padding=1), self.norm(b), nn.ReLU())

    def upsample(self, a, b):
        if self.mode is None:
            return self.conv_transpose(a, b, 2, stride=2)
        return nn.Sequential(nn.Upsample(scale_factor=2, mode=self.mode, align_corners=False), self.conv(a, b, 1))

    def forward(self, x):
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else self.pool(x))
            skips.append(x)
        for up, merge, skip in zip(reversed(self.up), reversed(self.merge), reversed(skips[:-1])):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.head(x)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def join(self, scores, value):
        x = torch.matmul(torch.softmax(scores, -1), value).transpose(1, 2)
        return self.out(x.reshape(x.shape[0], x.shape[1], -1))

    def forward(self, x, bias):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
        return self.join(scores + bias, value)


class EncoderLayer(nn.Module):
    """LayerNorm after the residual, as BERT has it."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, bias):
        x = self.norm1(x + self.attention(x, bias))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class BertEncoder(nn.Module):
    """Devlin et al. 2018: token, position and segment embeddings, post-norm layers, a pooled classifier."""

    def __init__(self, vocabulary=256, width=128, layers=4, heads=4, longest=128, classes=3):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList([EncoderLayer(width, heads) for _ in range(layers)])
        self.pool, self.classify = nn.Linear(width, width), nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask):
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.tokens(input_ids) + self.positions(positions) + self.segments(torch.zeros_like(input_ids))
        x = self.norm(x)
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x, self.classify(torch.tanh(self.pool(x[:, 0])))


class LstmLanguageModel(nn.Module):
    """The state goes in and out, so that text can be continued."""

    def __init__(self, vocabulary=256, width=128, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, input_ids, hidden, cell):
        x, (hidden, cell) = self.lstm(self.tokens(input_ids), (hidden, cell))
        return self.head(x), hidden, cell


class GruLanguageModel(nn.Module):
    """Starts from nothing: the exporter writes how long the zeros are."""

    def __init__(self, vocabulary=256, width=128, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, layers, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, input_ids):
        x, _ = self.gru(self.tokens(input_ids))
        return self.head(x)


class RelativeAttention(Attention):
    """Dai et al. 2019 (Transformer-XL), as the Conformer has it: a score from the content and one from the distance."""

    def __init__(self, width, heads):
        super().__init__(width, heads)
        self.distance = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.randn(heads, 1, width // heads) * 0.1)
        self.distance_bias = nn.Parameter(torch.randn(heads, 1, width // heads) * 0.1)

    @staticmethod
    def shift(x):
        """[N, heads, T, 2T-1] by distance to [N, heads, T, T] by position."""
        n, heads, t, d = x.shape
        x = F.pad(x, (1, 0)).view(n, heads, d + 1, t)
        return x[:, :, 1:].reshape(n, heads, t, d)[:, :, :, :t]

    def forward(self, x, table):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        content = torch.matmul(query + self.content_bias, key.transpose(-1, -2))
        distance = torch.matmul(query + self.distance_bias, self.split(self.distance(table)).transpose(-1, -2))
        return self.join((content + self.shift(distance)) / math.sqrt(query.shape[-1]), value)


class ConvolutionModule(nn.Module):
    def __init__(self, width, taps):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, taps, padding=taps // 2, groups=width)
        self.batch_norm = nn.BatchNorm1d(width)
        self.project = nn.Conv1d(width, width, 1)

    def forward(self, x):
        x = F.glu(self.expand(self.norm(x).transpose(1, 2)), 1)
        return self.project(F.silu(self.batch_norm(self.depthwise(x)))).transpose(1, 2)


def feed_forward(width):
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))


class ConformerBlock(nn.Module):
    def __init__(self, width, heads, taps):
        super().__init__()
        self.first, self.last = feed_forward(width), feed_forward(width)
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = RelativeAttention(width, heads)
        self.convolution = ConvolutionModule(width, taps)

    def forward(self, x, table):
        x = x + 0.5 * self.first(x)
        x = x + self.attention(self.attention_norm(x), table)
        x = x + self.convolution(x)
        return self.norm(x + 0.5 * self.last(x))


class Conformer(nn.Module):
    """Gulati et al. 2020: two convolutions quarter the time, then blocks, then a class for each remaining step."""

    def __init__(self, features=80, width=96, blocks=2, heads=4, taps=15, classes=32):
        super().__init__()
        self.subsample = nn.Sequential(nn.Conv2d(1, width, 3, stride=2), nn.ReLU(),
                                       nn.Conv2d(width, width, 3, stride=2), nn.ReLU())
        self.project = nn.Linear(width * (((features - 1) // 2 - 1) // 2), width)
        self.blocks = nn.ModuleList([ConformerBlock(width, heads, taps) for _ in range(blocks)])
        self.head = nn.Linear(width, classes)
        rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, features):
        x = self.subsample(features[:, None])
        x = self.project(x.transpose(1, 2).flatten(2))
        steps = x.shape[1]
        distances = torch.arange(steps - 1, -steps, -1, device=x.device).to(x.dtype)
        angles = distances[:, None] * self.rates
        table = torch.cat([angles.sin(), angles.cos()], -1)[None]
        for block in self.blocks:
            x = block(x, table)
        return self.head(x)


class SegmentationOutput(nn.Module):
    """torchvision's segmentation models give a dictionary."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


class DetectionHeads(nn.Module):
    """An SSD's tensors before boxes are decoded and suppressed: offsets and scores of every anchor."""

    def __init__(self, model):
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, x):
        found = self.head(list(self.backbone(x).values()))
        return found["bbox_regression"], found["cls_logits"]
