"""Trains models of zoo.py for a few steps by PyTorch and by Dunlin, from the same weights and on the same batches.

  train.py --train-models PROGRAM [--table FILE] WORK [NAME ...]

Without names: an older PyTorch all models that its exporter writes, a current one those that only the dynamo exporter
does. FILE, docs/models-training.md, holds what both left in WORK.

WORK/NAME holds the model as exported in training form, its batches, PyTorch's losses and weights (run.json), Dunlin's
(dunlin.json) and what comes of the comparison (training.json).

PyTorch trains in double, which is the reference, and in float, once as it is and DRAWS times from weights moved by
less than their rounding: how far these stray from the double run is what rounding alone does to the model (a ReLU that
flips counts for more than many last digits). Dunlin may stray SLACK times as far as the farthest of them, or FLOOR
where they do not stray. A flip that is rare may come to Dunlin and to none of so few: where it strays, PyTorch is drawn
up to MOST_DRAWS times.
Losses are compared relative to the reference; weights and running statistics by the norm of what is off relative to
the norm of what the steps changed, over a sample of each: after the last step all together, after the first one (which
shows the gradients, before steps have amplified anything) also each by itself, so that none hides behind the others.
"""
import argparse
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import zoo

warnings.filterwarnings("ignore")  # about traced Python conditions
STEPS, SAMPLES = 4, 512
DRAWS, MOST_DRAWS, SLACK, FLOOR = 3, 19, 10, 1e-5
TELLING = 0.1  # where PyTorch's float strays farther in the first step, the steps were too small to judge by
ONE_FLOOR, UNMOVED = 0.1, 1e-6  # of one weight by itself, which may have moved by less than its own rounding
# As `dunlin train` takes them. A large epsilon: where a gradient is nearly 0, rounding would decide where Adam goes.
SGD, ADAMW = "sgd:momentum=0.9", "adamw:epsilon=0.001,weight_decay=0.01"
ADAMW_RATE, SGD_CHANGE = 0.001, 1e-3  # the first step of SGD changes the norm of the weight that moves most by so much
ALSO_ADAMW = ("resnet18", "mobilenet_v3_small", "vit_b_16", "unet_3d", "bert_encoder", "lstm_language_model",
              "conformer")
EXPORTER = "dynamo" if hasattr(torch.onnx, "ONNXProgram") else "torchscript"  # which models this PyTorch writes
MADE_BY = f"{EXPORTER}, PyTorch {torch.__version__.split('+')[0]}"


def make_optimizer(text, rate, parameters):
    if text == SGD:
        return torch.optim.SGD(parameters, rate, momentum=0.9)
    return torch.optim.AdamW(parameters, rate, eps=0.001, weight_decay=0.01)


# Pooling to 6x6 or 7x7 is exported from a map of that size only.
SIZES = {name: {"N": 2, "H": 224, "W": 224} for name in ("alexnet", "vgg11", "vgg11_bn")}


def sizes(model):
    return SIZES.get(model.name, {**model.small, "N": max(4, model.small["N"])})


def training_form(net):
    """Without what is random, and without heads that only training has."""
    for module in net.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) or type(module).__name__ == "StochasticDepth":
            module.p = 0.0
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
        if getattr(module, "aux_logits", False):
            module.aux_logits = False
            for name in ("AuxLogits", "aux1", "aux2"):
                if hasattr(module, name):
                    setattr(module, name, None)
    return net.train()


def first(result):
    return result[0] if isinstance(result, (tuple, list)) else result


class PopulationVariance:
    """Follows running variances as ONNX defines them: PyTorch stores n / (n - 1) times the population's."""

    def __init__(self, net):
        self.values = {}
        for name, m in net.named_modules():
            if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats:
                name += ".running_var"
                self.values[name] = m.running_var.clone()
                m.register_forward_pre_hook(lambda m, x, name=name: self.see(name, m, x[0].detach()))

    def see(self, name, m, x):
        variance = x.transpose(0, 1).flatten(1).var(1, unbiased=False)
        self.values[name] = (1 - m.momentum) * self.values[name] + m.momentum * variance


def batches(model, net, loss):
    out = []
    for step in range(STEPS):
        arrays = model.inputs(sizes(model), real=step % 2 == 1, seed=100 + step)
        with torch.no_grad():
            shape = first(net(*map(torch.from_numpy, arrays.values()))).shape
        rng = np.random.default_rng(200 + step)
        target = rng.integers(0, shape[1], shape[0]) if loss == "ce" else rng.standard_normal(shape).astype(np.float32)
        out.append((list(arrays.values()), target))
    return out


def cast(array, dtype):
    t = torch.from_numpy(array)
    return t.to(dtype) if t.is_floating_point() else t


def loss_of(net, arrays, target, loss, dtype):
    y = first(net(*(cast(a, dtype) for a in arrays)))
    return F.cross_entropy(y, cast(target, dtype)) if loss == "ce" else F.mse_loss(y, cast(target, dtype))


def at_start(model, state, dtype):
    net = training_form(model.build(sizes(model)))
    net.load_state_dict(state)
    return net.to(dtype)


def sgd_rate(model, state, batch, loss):
    net = at_start(model, state, torch.float64)
    loss_of(net, *batch, loss, torch.float64).backward()
    rates = [SGD_CHANGE * p.detach().norm() / p.grad.norm() for p in net.parameters() if p.grad is not None]
    return float(f"{min(rates):.1g}")


def run(model, state, steps, loss, optimizer, dtype, draw=0):
    """Losses before each step, and everything that training moves after the first and after the last."""
    net = at_start(model, state, dtype)
    if draw:
        random = torch.Generator().manual_seed(draw)
        with torch.no_grad():
            for p in net.parameters():
                p *= 1 + 2.0**-24 * torch.empty_like(p).uniform_(-2, 2, generator=random)
    variances = PopulationVariance(net)
    descend = make_optimizer(*optimizer, net.parameters())
    losses = []
    for arrays, target in steps:
        descend.zero_grad()
        value = loss_of(net, arrays, target, loss, dtype)
        losses.append(value.item())
        value.backward()
        descend.step()
        after = {n: p.detach() for n, p in net.named_parameters()}
        after |= {n: b for n, b in net.named_buffers() if n.endswith("running_mean")} | variances.values
        if len(losses) == 1:
            begun = {n: t.clone() for n, t in after.items()}
    return losses, begun, after


def sample(tensor, stride):
    return tensor.detach().to(torch.float64).flatten()[::stride].tolist()


def export(model, net, arrays, path):
    given = {"input_names": list(model.reads), "output_names": list(model.writes)}
    arrays = tuple(map(torch.from_numpy, arrays))
    if EXPORTER == "dynamo":
        axes = model.axes()
        torch.onnx.export(net, arrays, str(path), dynamo=True, external_data=True, verbose=False, optimize=False,
                          dynamic_shapes=tuple(axes[name] for name in model.reads), **given)
    else:
        torch.onnx.export(net, arrays, str(path), opset_version=17, training=torch.onnx.TrainingMode.PRESERVE,
                          do_constant_folding=False, dynamic_axes=model.axes(), **given)


def sampled(strides, *of):
    losses, *moved = run(*of)
    first, after = ({n: sample(m[n], stride) for n, stride in strides.items()} for m in moved)
    return {"losses": losses, "first": first, "after": after}


def prepare(model, folder):
    done = folder / "run.json"
    here = pathlib.Path(__file__).parent
    newest = max((here / f).stat().st_mtime for f in ("train.py", "zoo.py", "nets.py", "inputs.py"))
    if done.exists() and done.stat().st_mtime > newest:
        return
    start = time.time()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    net = training_form(model.build(sizes(model)))
    loss = "ce" if len(next(iter(model.writes.values()))) == 2 else "mse"
    steps = batches(model, net, loss)
    export(model, net, steps[0][0], folder / "model.onnx")
    state = copy.deepcopy(net.state_dict())  # now, for tracing moves running statistics
    for k, (arrays, target) in enumerate(steps):
        for i, array in enumerate([*arrays, target]):
            np.save(folder / f"batch_{k}_{i}.npy", array)
    torch.save(state, folder / "state.pt")
    parameters = [n for n, _ in net.named_parameters()]
    strides = {n: max(1, t.numel() // SAMPLES) for n, t in state.items()
               if n in parameters or n.endswith(("running_mean", "running_var"))}
    case = {"name": model.name, "exporter": MADE_BY, "loss": loss, "inputs": len(model.reads),
            "steps": STEPS, "strides": strides, "parameters": parameters,
            "before": {n: sample(state[n], stride) for n, stride in strides.items()}, "runs": []}
    optimizers = [(SGD, sgd_rate(model, state, steps[0], loss))] + [(ADAMW, ADAMW_RATE)] * (model.name in ALSO_ADAMW)
    for optimizer in optimizers:
        given = (model, state, steps, loss, optimizer)
        case["runs"].append({"optimizer": optimizer[0], "learning_rate": optimizer[1],
                             "double": sampled(strides, *given, torch.float64),
                             "floats": [sampled(strides, *given, torch.float32, draw) for draw in range(1 + DRAWS)]})
    done.write_text(json.dumps(case))
    print(f"{model.name}: prepared in {time.time() - start:.0f} s", flush=True)


def draw_another(model, folder, case, reference):
    """One more of PyTorch's own in float, from weights moved a little."""
    steps = [([np.load(folder / f"batch_{k}_{i}.npy") for i in range(case["inputs"])],
              np.load(folder / f"batch_{k}_{case['inputs']}.npy")) for k in range(case["steps"])]
    reference["floats"].append(sampled(
        case["strides"], model, torch.load(folder / "state.pt"), steps, case["loss"],
        (reference["optimizer"], reference["learning_rate"]), torch.float32, len(reference["floats"])))
    (folder / "run.json").write_text(json.dumps(case))


def off_by(reference, before, ours):
    """Relative to what the steps changed: all together, and the worst by itself with its name."""
    off, moved, worst = [], [], (0.0, "")
    for name, end in reference.items():
        if name not in ours:
            continue
        start, end, got = (np.array(v) for v in (before[name], end, ours[name]))
        off.append(np.linalg.norm(got - end))
        moved.append(np.linalg.norm(end - start))
        worst = max(worst, (float(off[-1] / (moved[-1] + UNMOVED * np.linalg.norm(start) + 1e-12)), name))
    return float(np.linalg.norm(off) / np.linalg.norm(moved)), worst


def strayed(reference, before, run):
    """{what: how far off}, and the weight that strays most in the first step."""
    loss = max(abs(a - b) / abs(b) for a, b in zip(run["losses"], reference["losses"]))
    first, worst = off_by(reference["first"], before, run["first"])
    return {"loss": loss, "weights": off_by(reference["after"], before, run["after"])[0], "first": first,
            "worst": worst[0]}, worst[1]


def judge(reference, before, error):
    """How far PyTorch's floats stray, and in what Dunlin's `error` is more than that allows."""
    floats = [strayed(reference["double"], before, r)[0] for r in reference["floats"]]
    # The draws begin elsewhere, so the first step is judged by the run that does not.
    own = {what: floats[0][what] if what in ("first", "worst") else max(f[what] for f in floats) for what in error}
    most = {what: max(ONE_FLOOR if what == "worst" else FLOOR, SLACK * own[what]) for what in error}
    return own, [what for what in error if error[what] > most[what]]


def compare(model, folder):
    """training.json: {"trains": bool, "why_not": text, "runs": [{optimizer, error and PyTorch's own by what}]}."""
    case = json.loads((folder / "run.json").read_text())
    ours = json.loads((folder / "dunlin.json").read_text())
    out = {"name": model.name, "family": model.family, "exporter": case["exporter"], "loss": case["loss"],
           "trains": "error" not in ours, "runs": []}
    good = out["trains"]
    if not good:
        out["why_not"] = ours["error"]
        print(f"{model.name}: {ours['error']}")
    for reference, got in zip(case["runs"], ours.get("runs", [])):
        # A head that the loss does not see stays; PyTorch runs it, so that its statistics move.
        stays = {u["weight"] for u in got["untrained"]}
        missing = [name for name in reference["double"]["after"] if name not in got["after"] and name not in stays
                   and name.replace(".running_mean", ".weight").replace(".running_var", ".weight") not in stays]
        error, worst = strayed(reference["double"], case["before"], got)
        own, wrong = judge(reference, case["before"], error)
        while not missing and {"loss", "weights"} & set(wrong) and len(reference["floats"]) <= MOST_DRAWS:
            draw_another(model, folder, case, reference)
            own, wrong = judge(reference, case["before"], error)
        agrees = not missing and not wrong
        good = good and agrees
        out["runs"].append({"optimizer": reference["optimizer"], "agrees": agrees, "error": error, "pytorch": own,
                            "seconds": got["seconds"]})
        print(f"{model.name}, {reference['optimizer'].split(':')[0]}: {'agrees' if agrees else 'STRAYS'}; "
              + ", ".join(f"{what} {error[what]:.1e} ({own[what]:.1e})" for what in error) + f" {worst}"
              + (f", not compared: {missing}" if missing else ""))
    (folder / "training.json").write_text(json.dumps(out, indent=1))
    return good


HEAD = """\
# Training the models

Written by `make models-training` (`tests/peers/models/train.py`); do not edit.

Each model of [models.md](models.md), exported from PyTorch in training form as [from-pytorch.md](from-pytorch.md) says,
and trained for {steps} steps at small sizes, by PyTorch and by Dunlin, from the same weights and on the same batches. The
reference is PyTorch in double; in brackets how far PyTorch's own float strays from it (after the last step the
farthest of {floats} runs whose first weights differ by less than their rounding, or of up to {most} until one strays as
Dunlin does). *Loss* is relative. *First step* and *weights* are of what the steps changed, by norm, all weights and
running statistics together; *worst* is the one weight that strays most in the first step. Within {slack} times
PyTorch's own straying, or {floor:.0e} ({one_floor} for one weight), counts as the same training; *cannot tell* where
the steps changed hardly more than rounding does.

Exporters: {exporters}.

| Model | Loss function | Optimizer | Trains | Loss | First step | Weights | Worst |
|---|---|---|---|--:|--:|--:|--:|
"""


def judged(run):
    if not run["agrees"]:
        return "strays"
    return "yes" if run["pytorch"]["first"] <= TELLING else "cannot tell"


def write_table(path, work):
    found = [json.loads((work / name / "training.json").read_text()) for name in zoo.MODELS
             if (work / name / "training.json").exists()]
    exporters = "; ".join(sorted({model["exporter"] for model in found}))
    text = HEAD.format(exporters=exporters, steps=STEPS, floats=1 + DRAWS, most=1 + MOST_DRAWS, slack=SLACK,
                       floor=FLOOR, one_floor=ONE_FLOOR)
    for model in sorted(found, key=lambda m: (m["family"].lower(), m["name"])):
        if not model["trains"]:
            text += f"| {model['name']} | {model['loss']} | - | no: {model['why_not']} | | | | |\n"
        for run in model["runs"]:
            figures = " | ".join(f"{run['error'][what]:.0e} ({run['pytorch'][what]:.0e})"
                                 for what in ("loss", "first", "weights", "worst"))
            text += (f"| {model['name']} | {model['loss']} | {run['optimizer'].split(':')[0]} | "
                     f"{judged(run)} | {figures} |\n")
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--train-models", help="the program; without it models are only prepared")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    names = given.names or [m.name for m in zoo.MODELS.values() if (m.only == "dynamo") == (EXPORTER == "dynamo")]
    bad = []
    for name in names:
        try:
            prepare(zoo.MODELS[name], given.work / name)
            if given.train_models:
                subprocess.run([given.train_models, given.work, name], check=True)
                if not compare(zoo.MODELS[name], given.work / name):
                    bad.append(name)
        except Exception as e:  # the others are still wanted
            why = f"{type(e).__name__}: {e}".splitlines()[0].split(". Please")[0]
            print(f"{name}: {why}", file=sys.stderr, flush=True)
            (given.work / name / "training.json").write_text(json.dumps(
                {"name": name, "family": zoo.MODELS[name].family, "exporter": MADE_BY, "loss": "-", "trains": False,
                 "why_not": why, "runs": []}))
            bad.append(name)
    if given.table:
        write_table(given.table, given.work)
    sys.exit(f"of {len(names)} models these do not train as in PyTorch: {' '.join(bad)}" if bad else 0)


main()
