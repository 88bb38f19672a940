"""The models and batches that the benchmarks run, for Dunlin and its peers alike.

  export_models.py OUT     writes, for each model of INFERENCE and TRAINING:
    OUT/NAME.onnx                        inference form, BatchNormalization folded where PyTorch folds it
    OUT/NAME.train.onnx                  training form
    OUT/NAME.x.npy, OUT/NAME.y.npy       one batch: inputs f32 [N,C,H,W], classes i64 [N]

Weights are random, and the same each time: speed does not depend on them, and nothing needs to be downloaded.
"""
import os
import sys

import numpy
import torch
import torchvision
from torch import nn

INFERENCE = ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet50", "vit_b_16"]
# Name: batch and shape of a training step.
TRAINING = {"lenet": (32, (1, 28, 28)), "mobilenet_v2": (16, (3, 224, 224)), "resnet18": (16, (3, 224, 224))}


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def build(name):
    torch.manual_seed(0)
    model = lenet() if name == "lenet" else getattr(torchvision.models, name)(weights=None)
    for module in model.modules():
        # Fresh statistics are 0 and 1; a trained net's are not, and folding them must not go unnoticed.
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
        # A head of zeros, as ViT begins with, would say nothing of what is before it.
        if isinstance(module, nn.Linear) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.02)
        # Two libraries draw different random numbers; without Dropout their losses can be compared.
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def batch(name):
    size, shape = TRAINING[name]
    generator = torch.Generator().manual_seed(1)
    return (torch.randn((size, *shape), generator=generator),
            torch.randint(0, 10 if name == "lenet" else 1000, (size,), generator=generator))


def export(model, x, path, training):
    torch.onnx.export(model, x, path, input_names=["input"], output_names=["logits"], opset_version=13,
                      dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}}, do_constant_folding=not training,
                      training=torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL)


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for name in INFERENCE:
        export(build(name).eval(), torch.randn(1, 3, 224, 224), os.path.join(out, f"{name}.onnx"), False)
    for name in TRAINING:
        x, y = batch(name)
        numpy.save(os.path.join(out, f"{name}.x.npy"), x.numpy())
        numpy.save(os.path.join(out, f"{name}.y.npy"), y.numpy())
        export(build(name).train(), x[:2], os.path.join(out, f"{name}.train.onnx"), True)


if __name__ == "__main__":
    main()
