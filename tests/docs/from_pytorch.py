"""Runs docs/from-pytorch.md's export on a small net; `dunlin` must train what comes of it."""
import json
import subprocess
import sys

import numpy as np
import torch
from torch import nn

model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1),
                      nn.Flatten(), nn.Linear(4, 2)).train()
example = torch.randn(2, 3, 8, 8)
exec(open(sys.argv[1]).read())


def dunlin(*arguments):
    return json.loads(subprocess.run(["dunlin", *arguments, "--json"], check=True, stdout=subprocess.PIPE).stdout)


y = np.arange(64) % 2
x = (np.random.default_rng(0).standard_normal((64, 3, 8, 8)) + y[:, None, None, None]).astype(np.float32)
np.savez("data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
dunlin("train", "model.onnx", "--data", "data.npz", "--epochs", "30", "--lr", "0.05", "--out", "trained.onnx")
accuracy = dunlin("eval", "trained.onnx", "--data", "data.npz")["accuracy"]
print("accuracy", accuracy)
assert accuracy > 0.9
