"""Exports torchvision's classifiers as a tree of ONNX backend tests: model.onnx, input_0.pb and PyTorch's output_0.pb.

  export_torchvision.py OUT [NAME ...]
"""
import os
import sys

import torch
import torchvision

NAMES = ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0"]


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def write_tensor(path, tensor):
    """An ONNX TensorProto: dims = 1, data_type = 2 (FLOAT is 1), raw_data = 9."""
    raw = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
    with open(path, "wb") as f:
        for d in tensor.shape:
            f.write(b"\x08" + varint(d))
        f.write(b"\x10\x01\x4a" + varint(len(raw)) + raw)


def main():
    out = sys.argv[1]
    for name in sys.argv[2:] or NAMES:
        torch.manual_seed(0)
        model = getattr(torchvision.models, name)(weights=None).eval()
        # Fresh statistics are 0 and 1; a trained net's are not, and folding them must not go unnoticed.
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.8, 1.2)
        x = torch.randn(1, 3, 224, 224)
        folder = os.path.join(out, name)
        os.makedirs(os.path.join(folder, "test_data_set_0"), exist_ok=True)
        with torch.no_grad():
            y = model(x)
        torch.onnx.export(model, x, os.path.join(folder, "model.onnx"), input_names=["input"],
                          output_names=["logits"], opset_version=13,
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
        write_tensor(os.path.join(folder, "test_data_set_0", "input_0.pb"), x)
        write_tensor(os.path.join(folder, "test_data_set_0", "output_0.pb"), y)
        print(name, tuple(y.shape))


main()
