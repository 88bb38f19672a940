#!/usr/bin/python3
"""Writes op_gradients.txt: what PyTorch, in double, says of the gradients of single ops.

    apt-get install python3-torch && /usr/bin/python3 tests/golden/make_op_gradients.py [OUT [KEY]]

OUT is this folder unless given; KEY (default 0) is where the noise's keys begin: `make test-peers` draws others.

A case is a node in the words of src/graph/op.h's samples and the same function by PyTorch. Inputs without values are
lo + (hi - lo) (noise + 1) / 2; what is differentiated is the sum of the outputs' elements, each times noise.

    case NAME | OP OPSET OUTPUTS | ATTRIBUTES | INPUTS
    keys KEY ...                      of the noise of each input (0: its values are given), then of each output
    value NUMBER                      the sum
    grad INPUT VALUE ...              its gradient
"""
import pathlib
import re
import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from make_gradients import noise

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
FIRST_KEY = int(sys.argv[2]) if len(sys.argv) > 2 else 0
CASES = []


def case(op, opset, attributes, inputs, function, outputs=1):
    CASES.append((op, opset, attributes, inputs, function, outputs))


WORD = re.compile(r"(\w+)(\[[\d,]*\])?(\{[^}]*\})?(?:@(-?\d+)\.\.(-?\d+))?$")
TYPES = {"f32": torch.float64, "i64": torch.int64, "i32": torch.int64, "bool": torch.bool, "u8": torch.int64,
         "i8": torch.int64}


def make_input(word, key):
    """A tensor, and whether its values are noise."""
    if word == "_":
        return None, False
    kind, shape, values, lo, hi = WORD.match(word).groups()
    dims = [int(d) for d in shape[1:-1].split(",") if d] if shape else None
    if values is not None:
        numbers = [float(v) for v in values[1:-1].split(",") if v]
        t = torch.tensor(np.float32(numbers).astype(np.float64)).to(TYPES[kind])
        return t.reshape(dims if dims is not None else [len(numbers)]), False
    lo, hi = float(lo or -1), float(hi or 1)
    x = np.float32(lo + (hi - lo) * (noise(int(np.prod(dims)), key) + 1) / 2).astype(np.float64)
    return torch.tensor(x).reshape(dims).requires_grad_(), True


# Contractions -----------------------------------------------------------------------------------------------
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_T = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def padded(x, pads, value=0.0):
    """`pads` as ONNX writes them: all begins, then all ends; of the last axes."""
    n = len(pads) // 2
    order = [p for d in reversed(range(n)) for p in (pads[d], pads[n + d])]
    return F.pad(x, order, value=value)


def conv(rank, pads=None, **options):
    return lambda x, w, b=None: CONV[rank](padded(x, pads or [0] * 2 * rank), w, b, **options)


case("Conv", 17, "", "f32[2,3,6] f32[4,3,3] f32[4]", conv(1))
case("Conv", 17, "group=4 dilations=[3] pads=[4,1]", "f32[2,4,8] f32[8,1,3] f32[8]",
     conv(1, [4, 1], groups=4, dilation=3))
case("Conv", 17, "strides=[2,3] pads=[1,0,2,1]", "f32[2,3,6,7] f32[4,3,3,3] f32[4]",
     conv(2, [1, 0, 2, 1], stride=(2, 3)))
case("Conv", 17, "group=2 dilations=[2,1]", "f32[1,4,6,5] f32[4,2,2,3]", conv(2, groups=2, dilation=(2, 1)))
case("Conv", 17, "group=3 auto_pad='SAME_UPPER' strides=[2,2]", "f32[2,3,5,6] f32[3,1,3,3] f32[3]",
     conv(2, [1, 0, 1, 1], groups=3, stride=2))
case("Conv", 17, "auto_pad='SAME_LOWER'", "f32[1,2,4,4] f32[2,2,2,2]", conv(2, [1, 1, 0, 0]))
case("Conv", 17, "pads=[1,1,1,1,1,1]", "f32[1,2,4,3,4] f32[3,2,3,3,3] f32[3]", conv(3, [1] * 6))
case("Conv", 17, "group=2 dilations=[1,2,1] strides=[2,1,1] pads=[1,0,2,0,1,1]", "f32[1,4,4,4,3] f32[4,2,2,2,3]",
     conv(3, [1, 0, 2, 0, 1, 1], groups=2, dilation=(1, 2, 1), stride=(2, 1, 1)))
case("Conv", 17, "group=3 pads=[1,1,1,1,1,1]", "f32[1,3,3,3,4] f32[6,1,3,3,3]", conv(3, [1] * 6, groups=3))


def conv_t(rank, **options):
    return lambda x, w, b=None: CONV_T[rank](x, w, b, **options)


case("ConvTranspose", 17, "strides=[2] dilations=[2] group=2 pads=[1,1]", "f32[1,4,4] f32[4,2,3] f32[4]",
     conv_t(1, stride=2, dilation=2, groups=2, padding=1))
case("ConvTranspose", 17, "strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]", "f32[2,3,3,2] f32[3,2,3,3] f32[2]",
     conv_t(2, stride=2, padding=1, output_padding=1))
case("ConvTranspose", 17, "group=3 strides=[2,2] pads=[0,1,1,0]", "f32[1,3,3,4] f32[3,1,3,3] f32[3]",
     lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, groups=3)[:, :, 0:-1, 1:])
case("ConvTranspose", 17, "strides=[2,2,2]", "f32[1,2,2,3,2] f32[2,3,2,2,2] f32[3]", conv_t(3, stride=2))
case("ConvTranspose", 17, "group=2 dilations=[1,2,1] strides=[2,1,1] output_padding=[1,0,0]",
     "f32[1,4,2,2,2] f32[4,1,2,2,3]",
     conv_t(3, stride=(2, 1, 1), dilation=(1, 2, 1), groups=2, output_padding=(1, 0, 0)))

case("Gemm", 17, "transA=1 transB=1 alpha=0.5 beta=2.0", "f32[4,3] f32[5,4] f32[3,1]",
     lambda a, b, c: 0.5 * a.T @ b.T + 2 * c)
case("Gemm", 9, "transB=1", "f32[3,4] f32[5,4] f32[5]", lambda a, b, c: a @ b.T + c)
case("MatMul", 17, "", "f32[2,1,3,4] f32[3,4,2]", torch.matmul)
case("MatMul", 17, "", "f32[3,4] f32[2,4,2]", torch.matmul)
case("MatMul", 17, "", "f32[4] f32[2,4,3]", torch.matmul)
case("MatMul", 17, "", "f32[2,3,4] f32[4]", torch.matmul)
for equation, words in {
        "bij,bjk->bik": "f32[2,3,4] f32[2,4,2]", "...ij,...jk->...ik": "f32[2,3,4] f32[1,4,2]",
        "bhid,bhjd->bhij": "f32[1,2,3,2] f32[1,2,4,2]", "i,j": "f32[2] f32[3]", "ij->ji": "f32[2,3]", "ii": "f32[3,3]",
        "...ii->...i": "f32[2,3,3]", "ij,kl->ik": "f32[2,3] f32[4,2]", "ij,jk": "f32[2,3] f32[3,4]",
        "bn,anm,bm->ba": "f32[2,3] f32[4,3,5] f32[2,5]", "iji,k->jk": "f32[2,3,2] f32[4]",
        "ij,ij->": "f32[2,3] f32[2,3]"}.items():
    case("Einsum", 17, f"equation='{equation}'", words, lambda *x, e=equation: torch.einsum(e, *x))


def attention(q, k, v, mask=None, causal=False, scale=None, softcap=0.0, shared=1):
    k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    s = (scale or q.shape[-1] ** -0.5) * q @ k.transpose(-1, -2)
    if mask is not None and mask.dtype != torch.bool:
        s = s + mask
    forbidden = torch.zeros_like(s, dtype=torch.bool)
    if causal:
        forbidden |= torch.ones(s.shape[-2:]).triu(1).bool()
    if mask is not None and mask.dtype == torch.bool:
        forbidden |= ~mask
    if softcap:
        s = softcap * torch.tanh(s / softcap)
    return torch.softmax(s.masked_fill(forbidden, -torch.inf), -1) @ v


case("Attention", 23, "", "f32[2,2,4,5] f32[2,2,6,5] f32[2,2,6,3]", attention)
case("Attention", 23, "is_causal=1 scale=0.7", "f32[1,4,3,2] f32[1,2,3,2] f32[1,2,3,2]",
     lambda q, k, v: attention(q, k, v, causal=True, scale=0.7, shared=2))
case("Attention", 23, "softcap=0.5", "f32[1,2,3,2] f32[1,2,4,2] f32[1,2,4,2]",
     lambda q, k, v: attention(q, k, v, softcap=0.5))
case("Attention", 23, "", "f32[1,2,3,2] f32[1,2,4,2] f32[1,2,4,2] f32[3,4]", attention)
case("Attention", 23, "", "f32[1,2,3,2] f32[1,2,4,2] f32[1,2,4,2] bool[3,4]{1,1,0,1,0,0,0,1,1,0,1,0}", attention)
case("Attention", 23, "q_num_heads=2 kv_num_heads=2", "f32[2,3,4] f32[2,5,4] f32[2,5,6]",
     lambda q, k, v: attention(*(t.unflatten(-1, (2, -1)).transpose(1, 2) for t in (q, k, v)))
     .transpose(1, 2).flatten(2))

# Normalisation -----------------------------------------------------------------------------------------------
case("BatchNormalization", 15, "epsilon=0.01", "f32[2,3,2,2] f32[3] f32[3] f32[3]{0.1,-0.2,0.3} f32[3]{0.5,1.5,2}",
     lambda x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=float(np.float32(0.01))))
case("LayerNormalization", 17, "axis=-2", "f32[2,3,4] f32[3,4] f32[3,4]",
     lambda x, s, b: F.layer_norm(x, (3, 4), s, b, eps=float(np.float32(1e-5))))
case("LayerNormalization", 17, "epsilon=0.01", "f32[2,3,5] f32[5]",
     lambda x, s: F.layer_norm(x, (5,), s, eps=float(np.float32(0.01))))
case("RMSNormalization", 23, "", "f32[2,3,5] f32[5]",
     lambda x, s: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + float(np.float32(1e-5))) * s)
case("InstanceNormalization", 17, "epsilon=0.01", "f32[2,3,5] f32[3] f32[3]",
     lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=float(np.float32(0.01))))
case("InstanceNormalization", 6, "", "f32[1,2,2,3,2] f32[2] f32[2]",
     lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=float(np.float32(1e-5))))
case("GroupNormalization", 21, "num_groups=2", "f32[2,4,3,2] f32[4] f32[4]",
     lambda x, s, b: F.group_norm(x, 2, s, b, eps=float(np.float32(1e-5))))
case("GroupNormalization", 18, "num_groups=2", "f32[2,4,3] f32[2] f32[2]",
     lambda x, s, b: F.group_norm(x, 2, s.repeat_interleave(2), b.repeat_interleave(2), eps=float(np.float32(1e-5))))
case("LRN", 13, "size=3 alpha=0.5 beta=0.75 bias=2.0", "f32[2,5,2,2]",
     lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0))
case("MeanVarianceNormalization", 13, "", "f32[2,3,2,2]",
     lambda x: (x - x.mean((0, 2, 3), True)) / x.std((0, 2, 3), unbiased=False, keepdim=True))
case("LpNormalization", 1, "axis=1", "f32[2,4,3]", lambda x: F.normalize(x, 2, 1))
case("LpNormalization", 1, "axis=-1 p=1", "f32[3,4]", lambda x: F.normalize(x, 1, -1))

# Pools and resampling -------------------------------------------------------------------------------------------
MINUS = -1e30  # padding that no maximum takes
case("MaxPool", 17, "kernel_shape=[3] ceil_mode=1 strides=[2]", "f32[2,2,6]",
     lambda x: F.max_pool1d(x, 3, 2, ceil_mode=True))
case("MaxPool", 17, "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", "f32[1,2,7,6]",
     lambda x: F.max_pool2d(x, 3, 2, 1))
case("MaxPool", 17, "kernel_shape=[2,2] dilations=[2,2]", "f32[1,2,5,5]", lambda x: F.max_pool2d(x, 2, 1, 0, 2))
case("MaxPool", 17, "kernel_shape=[3,2] pads=[0,1,2,0] strides=[1,2]", "f32[1,2,4,5]",
     lambda x: F.max_pool2d(padded(x, [0, 1, 2, 0], MINUS), (3, 2), (1, 2)))
case("MaxPool", 8, "kernel_shape=[2,2,2] strides=[2,2,2] auto_pad='SAME_UPPER'", "f32[1,2,3,4,3]",
     lambda x: F.max_pool3d(padded(x, [0, 0, 0, 1, 0, 1], MINUS), 2))
case("MaxPool", 17, "kernel_shape=[2,3,2] strides=[2,1,1] pads=[1,1,1,1,1,1]", "f32[1,2,4,3,3]",
     lambda x: F.max_pool3d(padded(x, [1] * 6, MINUS), (2, 3, 2), (2, 1, 1)))
case("AveragePool", 17, "kernel_shape=[3] strides=[2] pads=[1,1]", "f32[2,2,7]",
     lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False))
case("AveragePool", 17, "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] count_include_pad=1 ceil_mode=1",
     "f32[1,2,6,6]", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True))
case("AveragePool", 17, "kernel_shape=[3,3] pads=[1,1,1,1]", "f32[1,2,4,4]",
     lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))
case("AveragePool", 17, "kernel_shape=[2,2,2] strides=[2,1,2] pads=[1,0,1,1,0,1]", "f32[1,2,4,3,2]",
     lambda x: F.avg_pool3d(x, 2, (2, 1, 2), (1, 0, 1), count_include_pad=False))
case("GlobalAveragePool", 17, "", "f32[2,2,3,2,2]", lambda x: x.mean((2, 3, 4), True))
case("GlobalMaxPool", 17, "", "f32[2,2,3,2,2]", lambda x: x.amax((2, 3, 4), True))
case("GlobalLpPool", 17, "p=3", "f32[2,2,5]", lambda x: x.abs().pow(3).sum(2, True).pow(1 / 3))
case("LpPool", 17, "kernel_shape=[2,3] strides=[2,1] p=2", "f32[1,2,4,5]@0..1", lambda x: F.lp_pool2d(x, 2, (2, 3), (2, 1)))
case("Resize", 17, "mode='nearest' coordinate_transformation_mode='asymmetric' nearest_mode='floor'",
     "f32[1,2,2,3] _ f32{1,1,2,3}", lambda x, *_: F.interpolate(x, scale_factor=(2, 3)))
case("Resize", 11, "mode='linear'", "f32[1,2,4] f32[0]{} f32[0]{} i64{1,2,7}",
     lambda x, *_: F.interpolate(x, 7, mode="linear"))
case("Resize", 17, "mode='linear'", "f32[1,2,3,4] _ f32{1,1,2,2}",
     lambda x, *_: F.interpolate(x, scale_factor=2, mode="bilinear"))
case("Resize", 17, "mode='linear' coordinate_transformation_mode='align_corners'", "f32[1,1,3,3] _ _ i64{1,1,5,4}",
     lambda x, *_: F.interpolate(x, (5, 4), mode="bilinear", align_corners=True))
case("Resize", 17, "mode='linear'", "f32[1,2,2,3,2] _ f32{1,1,2,2,2}",
     lambda x, *_: F.interpolate(x, scale_factor=2, mode="trilinear"))
case("Resize", 17, "mode='cubic' coordinate_transformation_mode='pytorch_half_pixel'", "f32[1,1,4,4] _ _ i64{1,1,7,3}",
     lambda x, *_: F.interpolate(x, (7, 3), mode="bicubic"))
case("Resize", 18, "mode='linear' antialias=1 exclude_outside=1", "f32[1,1,7,6] _ _ i64{1,1,3,4}",
     lambda x, *_: F.interpolate(x, (3, 4), mode="bilinear", antialias=True))
case("Resize", 18, "mode='cubic' antialias=1 cubic_coeff_a=-0.5 exclude_outside=1", "f32[1,1,7,6] _ _ i64{1,1,3,4}",
     lambda x, *_: F.interpolate(x, (3, 4), mode="bicubic", antialias=True))
case("Upsample", 9, "mode='nearest'", "f32[1,1,2,3] f32{1,1,2,3}", lambda x, *_: F.interpolate(x, scale_factor=(2, 3)))
case("Pad", 17, "", "f32[2,3] i64{0,1,2,0} f32[]{0.5}", lambda x, *_: F.pad(x, (1, 0, 0, 2), value=0.5))
case("Pad", 17, "", "f32[3,4] i64{-1,0,1,-2}", lambda x, _: F.pad(x, (0, -2, -1, 1)))
case("Pad", 17, "mode='reflect'", "f32[1,2,4,5] i64{0,0,1,2,0,0,3,4}", lambda x, _: F.pad(x, (2, 4, 1, 3), mode="reflect"))
case("Pad", 17, "mode='edge'", "f32[1,2,2,3,2] i64{0,0,1,0,2,0,0,1,1,0}",
     lambda x, _: F.pad(x, (2, 0, 0, 1, 1, 1), mode="replicate"))
case("Pad", 19, "mode='wrap'", "f32[1,2,5] i64{0,0,2,0,0,4}", lambda x, _: F.pad(x, (2, 4), mode="circular"))
case("Pad", 2, "pads=[0,1,0,1]", "f32[2,3]", lambda x: F.pad(x, (1, 1)))
case("DepthToSpace", 13, "blocksize=2 mode='CRD'", "f32[1,8,2,3]", lambda x: F.pixel_shuffle(x, 2))
case("DepthToSpace", 13, "blocksize=2", "f32[1,8,2,3]",
     lambda x: x.reshape(1, 2, 2, 2, 2, 3).permute(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6))
case("GridSample", 16, "mode='bilinear' align_corners=1", "f32[1,2,3,4] f32[1,2,3,2]",
     lambda x, g: F.grid_sample(x, g, align_corners=True))
case("GridSample", 16, "mode='bilinear' padding_mode='border'", "f32[1,2,3,4] f32[1,2,3,2]@-2..2",
     lambda x, g: F.grid_sample(x, g, padding_mode="border", align_corners=False))
case("Col2Im", 18, "strides=[2,1]", "f32[1,8,6] i64{4,4} i64{2,2}", lambda x, *_: F.fold(x, (4, 4), (2, 2), stride=(2, 1)))

# Activations -------------------------------------------------------------------------------------------------------
POINTWISE = {
    "Relu": torch.relu, "LeakyRelu alpha=0.2": lambda x: F.leaky_relu(x, 0.2), "Sigmoid": torch.sigmoid,
    "HardSigmoid alpha=0.16666667 beta=0.5": F.hardsigmoid, "HardSwish": F.hardswish, "Tanh": torch.tanh,
    "Elu alpha=0.5": lambda x: F.elu(x, 0.5), "Selu": F.selu, "Celu alpha=0.5": lambda x: F.celu(x, 0.5),
    "Softplus": F.softplus, "Softsign": F.softsign, "Gelu": F.gelu, "Mish": F.mish,
    "Gelu approximate='tanh'": lambda x: F.gelu(x, approximate="tanh"), "Swish alpha=1.0": F.silu, "Erf": torch.erf,
    "ThresholdedRelu alpha=0.5": lambda x: F.threshold(x, 0.5, 0),
    "Shrink lambd=0.5": lambda x: F.hardshrink(x, 0.5), "Shrink lambd=0.5 bias=0.5": lambda x: F.softshrink(x, 0.5),
    "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Sin": torch.sin, "Cos": torch.cos, "Sinh": torch.sinh,
    "Cosh": torch.cosh, "Atan": torch.atan, "Asinh": torch.asinh, "Reciprocal": torch.reciprocal,
    "Softmax axis=0": lambda x: torch.softmax(x, 0), "LogSoftmax axis=-2": lambda x: torch.log_softmax(x, -2)}
for words, function in POINTWISE.items():
    name, _, attributes = words.partition(" ")
    case(name, 24 if name == "Swish" else 22, attributes, "f32[3,5]@-4..4", function)
for name, function in {"Sqrt": torch.sqrt, "Log": torch.log}.items():
    case(name, 17, "", "f32[7]@1..3", function)
for name, function in {"Asin": torch.asin, "Acos": torch.acos, "Atanh": torch.atanh, "Tan": torch.tan}.items():
    case(name, 17, "", "f32[7]", function)
case("Acosh", 17, "", "f32[7]@2..3", torch.acosh)
case("Softmax", 11, "axis=1", "f32[2,3,2]", lambda x: torch.softmax(x.flatten(1), 1).reshape(x.shape))
case("PRelu", 16, "", "f32[2,3,4] f32[3,1]", lambda x, a: torch.where(x > 0, x, a * x))
case("Clip", 17, "", "f32[4,5]@-3..3 f32[]@-2..-1 f32[]@1..2", lambda x, lo, hi: torch.clamp(x, lo, hi))
case("Clip", 6, "min=-1.0 max=1.5", "f32[9]@-3..3", lambda x: x.clamp(-1, 1.5))

# Elementwise -------------------------------------------------------------------------------------------------------
for name, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}.items():
    case(name, 17, "", "f32[2,1,4] f32[3,1]@1..3", function)
    case(name, 6, "broadcast=1 axis=1", "f32[2,3,2] f32[3]@1..3", lambda x, y, f=function: f(x, y[:, None]))
case("Pow", 17, "", "f32[2,3]@1..3 f32[3]@-2..2", torch.pow)
case("Pow", 17, "", "f32[4]@1..2 f32[4]{2,3,0,-1}", torch.pow)
case("Pow", 17, "", "f32[3]{0,0,2} f32[3]@1..3", torch.pow)
case("Mod", 17, "fmod=1", "f32[6]@-5..5 f32[6]@1..3", torch.fmod)
for name, function in {"Max": torch.maximum, "Min": torch.minimum}.items():
    case(name, 17, "", "f32[2,1,4] f32[3,1] f32[]", lambda x, y, z, f=function: f(f(x, y), z))
case("Sum", 17, "", "f32[2,1,4] f32[3,1] f32[]", lambda x, y, z: x + y + z)
case("Mean", 17, "", "f32[2,3] f32[3]", lambda x, y: (x + y) / 2)
case("Where", 17, "", "bool[2,1]{1,0} f32[2,3] f32[3]", torch.where)

# Reductions -------------------------------------------------------------------------------------------------------
REDUCE = {"ReduceSum": lambda x, d, k: x.sum(d, k), "ReduceMean": lambda x, d, k: x.mean(d, k),
          "ReduceMax": lambda x, d, k: x.amax(d, k), "ReduceMin": lambda x, d, k: x.amin(d, k),
          "ReduceL1": lambda x, d, k: x.abs().sum(d, k), "ReduceL2": lambda x, d, k: x.norm(2, d, k),
          "ReduceSumSquare": lambda x, d, k: (x * x).sum(d, k), "ReduceLogSumExp": lambda x, d, k: x.logsumexp(d, k),
          "ReduceLogSum": lambda x, d, k: x.sum(d, k).log()}
for name, function in REDUCE.items():
    case(name, 18, "keepdims=0", "f32[2,3,4]@1..3 i64{0,-1}", lambda x, _, f=function: f(x, (0, 2), False))
    case(name, 11, "axes=[-2]", "f32[2,3,4]@1..3", lambda x, f=function: f(x, (1,), True))
case("ReduceProd", 18, "", "f32[2,3,2]@1..3 i64{1}", lambda x, _: x.prod(1, True))
case("CumSum", 17, "reverse=1", "f32[2,5] i64[]{-1}", lambda x, _: x.flip(1).cumsum(1).flip(1))
case("TopK", 17, "axis=-1", "f32[3,5] i64{2}", lambda x, _: x.topk(2).values)
case("Det", 17, "", "f32[2,3,3]", torch.det)

# Movement -------------------------------------------------------------------------------------------------------
case("Reshape", 17, "", "f32[2,3,4] i64{0,-1}", lambda x, _: x.flatten(1))
case("Flatten", 17, "axis=-1", "f32[2,3,4]", lambda x: x.flatten(0, 1))
case("Transpose", 17, "perm=[2,0,1]", "f32[2,3,4]", lambda x: x.permute(2, 0, 1))
case("Squeeze", 11, "axes=[-1,0]", "f32[1,3,1]", lambda x: x.reshape(3))
case("Unsqueeze", 17, "", "f32[3,2] i64{0,-1}", lambda x, _: x[None, :, :, None])
case("Concat", 17, "axis=-1", "f32[2,1] f32[2,3] f32[2,2]", lambda *x: torch.cat(x, -1))
case("Split", 18, "axis=-1 num_outputs=2", "f32[2,5]", lambda x: x.split(3, -1), 2)
case("Split", 11, "axis=0 split=[1,3]", "f32[4,2]", lambda x: x.split([1, 3]), 2)
case("Slice", 17, "", "f32[5,6] i64{-1,1} i64{-100,5} i64{0,-1} i64{-2,2}", lambda x, *_: x.flip(0)[::2, 1:5:2])
case("Slice", 9, "starts=[1] ends=[3] axes=[1]", "f32[2,4]", lambda x: x[:, 1:3])
case("Expand", 17, "", "f32[3,1] i64{2,3,4}", lambda x, _: x.expand(2, 3, 4))
case("Tile", 17, "", "f32[2,3] i64{2,3}", lambda x, _: x.repeat(2, 3))
case("Gather", 17, "axis=1", "f32[2,4,3] i64[2,3]{3,0,-4,1,1,1}", lambda x, i: x[:, i])
case("GatherElements", 17, "axis=-2", "f32[2,3,2] i64[2,4,2]{0,-1,2,2,2,2,-3,0,1,1,1,1,0,0,-1,-2}",
     lambda x, i: x.gather(1, i % 3))
case("GatherND", 17, "", "f32[3,4,2] i64[3,2]{0,1,-1,3,0,1}", lambda x, i: x[i[:, 0], i[:, 1]])
case("ScatterElements", 16, "axis=1", "f32[2,4] i64[2,2]{1,3,0,-1} f32[2,2]", lambda x, i, u: x.scatter(1, i % 4, u))
case("ScatterElements", 18, "axis=0 reduction='add'", "f32[3,2] i64[4,2]{0,1,0,-1,0,2,1,1} f32[4,2]",
     lambda x, i, u: x.scatter_add(0, i % 3, u))
case("Compress", 11, "axis=1", "f32[2,4] bool{0,1,1,0}", lambda x, b: x[:, b])
case("Trilu", 17, "upper=0", "f32[2,3,4] i64[]{1}", lambda x, _: x.tril(1))
case("ReverseSequence", 17, "time_axis=0 batch_axis=1", "f32[3,2] i64{2,3}",
     lambda x, _: torch.stack([x[[1, 0, 2], 0], x[[2, 1, 0], 1]], 1))

# Losses and quantisation ----------------------------------------------------------------------------------------
case("SoftmaxCrossEntropyLoss", 17, "", "f32[4,3]@-3..3 i64{0,2,1,2}", F.cross_entropy)
case("SoftmaxCrossEntropyLoss", 17, "ignore_index=-1 reduction='sum'", "f32[4,3]@-3..3 i64{0,-1,1,2} f32{0.5,1,2}",
     lambda x, t, w: F.cross_entropy(x, t, w, ignore_index=-1, reduction="sum"))
case("SoftmaxCrossEntropyLoss", 17, "", "f32[2,3,2,2]@-3..3 i64[2,2,2]{0,2,1,2,0,0,1,1} f32{0.5,1,2}", F.cross_entropy)
case("NegativeLogLikelihoodLoss", 17, "reduction='mean'", "f32[3,4] i64{0,3,1} f32{0.5,1,2,4}", F.nll_loss)
case("DequantizeLinear", 17, "axis=0", "i8[2,3]{1,-2,3,100,-128,0} f32[2]@1..2 i8{-1,5}",
     lambda q, s, z: (q - z[:, None]) * s[:, None])
case("dunlin.FakeQuantize", 1, "to=2", "f32[4,5]@-9..9 f32[]{0.05} u8[]{128}",
     lambda x, s, z: torch.fake_quantize_per_tensor_affine(x.float(), s.float(), z.int(), 0, 255).double())
case("dunlin.FakeQuantize", 1, "to=3 axis=1", "f32[2,3,4]@-4..4 f32{0.0125,0.02,0.25} i8{-1,0,7}",
     lambda x, s, z: torch.fake_quantize_per_channel_affine(x.float(), s.float(), z.int(), 1, -128, 127).double())


def write(out, number, op, opset, attributes, words, function, outputs):
    keys = [FIRST_KEY + 16 * number + i + 1 for i in range(16)]
    used, inputs = [], []
    for i, word in enumerate(words.split()):
        tensor, free = make_input(word, keys[i])
        inputs.append(tensor)
        used.append((i, tensor, keys[i]) if free else (i, None, 0))
    result = function(*inputs)
    result = list(result) if isinstance(result, (tuple, list)) else [result]
    assert len(result) == outputs
    total = 0
    for k, y in enumerate(result):
        seed = torch.tensor(np.float32(noise(y.numel(), keys[10 + k])).astype(np.float64)).reshape(y.shape)
        total = total + (y * seed).sum()
    total.backward()
    name = op.replace(".", "_") + f"_{number}"
    out.append(f"case {name} | {op} {opset} {outputs} | {attributes} | {words}")
    out.append("keys " + " ".join(str(k) for _, _, k in used) + "".join(f" {keys[10 + k]}" for k in range(outputs)))
    out.append(f"value {total.item():.9g}")
    for i, tensor, _ in used:
        if tensor is not None:
            out.append(f"grad {i} " + " ".join(f"{v:.8g}" for v in tensor.grad.flatten().tolist()))


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    lines = []
    for n, c in enumerate(CASES):
        try:
            write(lines, n, *c)
        except Exception as e:
            raise RuntimeError(f"case {n}: {c[:4]}") from e
    (OUT / "op_gradients.txt").write_text("\n".join(lines) + "\n")
