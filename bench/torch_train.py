"""Training steps in PyTorch: the counterpart of train_bench. Prints one JSON object.

  torch_train.py NAME MODELS THREADS STEPS [channels_last]
"""
import json
import os
import sys
import time

import numpy
import torch

import export_models


def peak_rss_bytes():
    with open("/proc/self/status") as status:  # ru_maxrss would count what a parent held before exec
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def main():
    name, models, threads, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    layout = torch.channels_last if "channels_last" in sys.argv else torch.contiguous_format
    torch.set_num_threads(threads)
    library_bytes = peak_rss_bytes()
    model = export_models.build(name).train().to(memory_format=layout)
    x = torch.from_numpy(numpy.load(os.path.join(models, f"{name}.x.npy"))).contiguous(memory_format=layout)
    y = torch.from_numpy(numpy.load(os.path.join(models, f"{name}.y.npy")))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    times, losses = [], []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        times.append((time.perf_counter() - start) * 1e3)
    json.dump({"step_ms": times, "losses": losses[:3], "peak_rss_bytes": peak_rss_bytes(),
               "library_rss_bytes": library_bytes, "version": torch.__version__}, sys.stdout)


main()
