"""The models that docs/models.md is about: how each is built, what it reads and writes, which dimensions are symbolic.

    model = zoo.MODELS["resnet18"]
    net = model.build()                              # evaluation mode; always the same weights
    arrays = model.inputs(model.full, real=False)    # {input name: NumPy array}
    net(*map(torch.from_numpy, arrays.values()))

Runs under Debian's PyTorch 1.13 and under current ones. Nothing is downloaded: weights are random, and no part of a
model is left at a value that would hide a fault (BatchNormalization at mean 0 and variance 1, layer scales at 1e-6,
heads at 0).
"""
import dataclasses
import typing

import numpy as np
import torch
import torchvision
from torch import nn

import inputs as kinds
import nets

SEED = 1


@dataclasses.dataclass
class Model:
    name: str
    family: str
    make: typing.Callable  # dims -> nn.Module
    reads: dict            # input name: (what fills it, shape of numbers and names of dimensions)
    writes: dict           # output name: shape, "?" where a dimension follows from the others
    full: dict             # dimension: size, as the model is used
    small: dict            # the same for tests and training
    dynamic: tuple         # dimensions that are symbolic in the exported model
    more: tuple = ()       # further dims to run the exported model at
    only: str = ""         # the one exporter that is asked for it

    def build(self, dims=None):
        """In evaluation mode. A model whose weights depend on a dimension that is not dynamic is built for dims."""
        dims = dims or self.full
        torch.manual_seed(SEED)
        net = self.make(dims).eval()
        unsettle(net)
        like = {**dims, **{d: 2 if d == "N" else min(dims[d], 128) for d in self.dynamic}}
        noise, real = self.inputs(like, real=False), self.inputs(like, real=True)
        settle_batch_norms(net, [torch.from_numpy(np.concatenate([noise[name], real[name]])) for name in noise])
        return net

    def inputs(self, dims, real, seed=0):
        rng = np.random.default_rng(seed)
        return {name: fill(rng, tuple(dims.get(d, d) for d in shape), real)
                for name, (fill, shape) in self.reads.items()}

    def axes(self):
        """{input or output: {axis: name}}, for the exporters."""
        shapes = {name: shape for name, (_, shape) in self.reads.items()} | self.writes
        return {name: {i: d for i, d in enumerate(shape) if d in self.dynamic} for name, shape in shapes.items()}


def unsettle(net):
    """Gives parameters that are born as constants (zeros, ones, layer scales) values that matter."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.numel() == 1 or parameter.min() != parameter.max():
                continue
            value = parameter.flatten()[0].item()
            if parameter.dim() > 1 and value == 0:
                parameter.normal_(0, parameter.shape[-1] ** -0.5)
            elif abs(value) < 1e-3:
                parameter.uniform_(-0.2, 0.2)
            else:
                parameter.uniform_(0.7 * value, 1.3 * value)


def settle_batch_norms(net, examples):
    """Statistics of a batch, so that signals neither fade nor explode on their way, then moved a little."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = None
    with torch.no_grad():
        # What a block adds is less than what it passes on, as after training; else rounding grows from block to block.
        for norm in norms:
            norm.weight *= 0.4
        for block in net.modules():
            if isinstance(block, (torchvision.models.resnet.BasicBlock, torchvision.models.resnet.Bottleneck)):
                getattr(block, "bn3" if hasattr(block, "bn3") else "bn2").weight *= 0.4
        net(*examples)
        for norm, momentum in zip(norms, momenta):
            norm.eval()
            norm.momentum = momentum
            norm.running_mean += norm.running_var.sqrt() * torch.empty_like(norm.running_mean).uniform_(-0.1, 0.1)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.2)


MODELS = {}


def add(name, family, make, reads, writes, full, small, dynamic, more=()):
    MODELS[name] = Model(name, family, make, reads, writes, full, small, dynamic, tuple(more))


def classifier(family, name, dynamic="NHW", full=224, small=64, options=lambda dims: {}):
    def make(dims):
        return getattr(torchvision.models, name)(weights=None, **options(dims))
    more = {"N": 2, "H": small, "W": small + 32} if "H" in dynamic else {"N": 3, "H": full, "W": full}
    add(name, family, make, {"image": (kinds.image, ("N", 3, "H", "W"))}, {"logits": ("N", 1000)},
        {"N": 1, "H": full, "W": full}, {"N": 2, "H": small, "W": small}, tuple(dynamic), [more])


# Pooling to more than one cell, windows and position embeddings tie the exported model to one size of picture.
classifier("AlexNet", "alexnet", dynamic="N")
classifier("VGG", "vgg11_bn", dynamic="N")
classifier("ResNet", "resnet18")
classifier("ResNet", "resnet50")
classifier("ResNeXt", "resnext50_32x4d")
classifier("DenseNet", "densenet121")
classifier("Inception", "inception_v3", full=299, small=96,
           options=lambda dims: {"init_weights": False, "transform_input": True})
classifier("GoogLeNet", "googlenet", options=lambda dims: {"init_weights": False})
classifier("MobileNet", "mobilenet_v2")
classifier("MobileNet", "mobilenet_v3_small")
classifier("MobileNet", "mobilenet_v3_large")
classifier("ShuffleNet", "shufflenet_v2_x0_5")
classifier("SqueezeNet", "squeezenet1_0")
classifier("SqueezeNet", "squeezenet1_1")
classifier("EfficientNet", "efficientnet_b0")
classifier("EfficientNet", "efficientnet_v2_s")
classifier("RegNet", "regnet_x_400mf")
classifier("RegNet", "regnet_y_400mf")
classifier("ConvNeXt", "convnext_tiny")
classifier("MNASNet", "mnasnet0_5")
classifier("ViT", "vit_b_16", dynamic="N", options=lambda dims: {"image_size": dims["H"]})
classifier("Swin", "swin_t", dynamic="N")
classifier("Swin", "swin_v2_t", dynamic="N")
# The older one: "Exporting the operator 'aten::zero' to ONNX opset version 17 is not supported".
MODELS["swin_v2_t"].only = "dynamo"
# Another member of the family shows all that is new in it there.
for name in ("squeezenet1_0", "mobilenet_v3_large", "efficientnet_v2_s", "regnet_x_400mf"):
    MODELS[name].only = "torchscript"


def segmentation(family, name, make, reads, writes, full, small, dynamic="NHW"):
    add(name, family, make, reads, writes, full, small, tuple(dynamic), [{**small, "N": 1, "W": small["W"] + 32}])


for name, family in (("fcn_resnet50", "FCN"), ("deeplabv3_mobilenet_v3_large", "DeepLabV3"),
                     ("lraspp_mobilenet_v3_large", "LR-ASPP")):
    segmentation(family, name,
                 lambda dims, make=getattr(torchvision.models.segmentation, name): nets.SegmentationOutput(
                     make(weights=None, weights_backbone=None, num_classes=21)),
                 {"image": (kinds.image, ("N", 3, "H", "W"))}, {"scores": ("N", 21, "H", "W")},
                 {"N": 1, "H": 224, "W": 224}, {"N": 2, "H": 64, "W": 64})

for name, dims, interpolate in (("unet_2d", 2, False), ("unet_2d_bilinear", 2, True),
                                ("unet_3d", 3, False), ("unet_3d_trilinear", 3, True)):
    space = ("D", "H", "W")[3 - dims:]
    segmentation("U-Net", name, lambda _, dims=dims, interpolate=interpolate: nets.UNet(dims, interpolate),
                 {"image": (kinds.gray, ("N", 1, *space))}, {"scores": ("N", 2, *space)},
                 {"N": 1, **{d: 192 if dims == 2 else 48 for d in space}}, {"N": 2, **{d: 16 for d in space}},
                 ("N", *space))

add("ssdlite320_mobilenet_v3_large", "SSDLite",
    lambda dims: nets.DetectionHeads(
        torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)),
    {"image": (kinds.image, ("N", 3, "H", "W"))}, {"boxes": ("N", "?", 4), "scores": ("N", "?", 91)},
    {"N": 1, "H": 320, "W": 320}, {"N": 2, "H": 128, "W": 128}, ("N", "H", "W"), [{"N": 2, "H": 160, "W": 192}])

TEXT_SIZES = {"full": {"N": 2, "T": 96}, "small": {"N": 2, "T": 12}, "dynamic": ("N", "T"),
              "more": ({"N": 1, "T": 7}, {"N": 4, "T": 33})}
add("bert_encoder", "BERT", lambda dims: nets.BertEncoder(),
    {"input_ids": (kinds.tokens, ("N", "T")), "attention_mask": (kinds.mask, ("N", "T"))},
    {"hidden": ("N", "T", 128), "logits": ("N", 3)}, **TEXT_SIZES)
add("lstm_language_model", "LSTM", lambda dims: nets.LstmLanguageModel(),
    {"input_ids": (kinds.tokens, ("N", "T")),
     "hidden": (kinds.state, (2, "N", 128)), "cell": (kinds.state, (2, "N", 128))},
    {"logits": ("N", "T", 256), "next_hidden": (2, "N", 128), "next_cell": (2, "N", 128)}, **TEXT_SIZES)
add("gru_language_model", "GRU", lambda dims: nets.GruLanguageModel(),
    {"input_ids": (kinds.tokens, ("N", "T"))}, {"logits": ("N", "T", 256)}, **TEXT_SIZES)
add("conformer", "Conformer", lambda dims: nets.Conformer(),
    {"features": (kinds.speech, ("N", "T", 80))}, {"logits": ("N", "?", 32)},
    {"N": 1, "T": 200}, {"N": 2, "T": 40}, ("N", "T"), [{"N": 2, "T": 63}])
