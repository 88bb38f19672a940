"""Exports models of zoo.py, with what they are run on.

  export.py OUT torchscript|dynamo [NAME ...]      OUT/NAME is a case (see cases.py)

What is there already, and newer than this program, stays. Without names: all, and what is no model of the zoo goes.

torchscript is PyTorch's older exporter (opset 17, symbolic dimensions as dynamic_axes), dynamo its default since 2.9
(opset as it chooses, weights beside the file in model.onnx.data).
"""
import pathlib
import shutil
import sys
import time
import warnings

import torch

import cases
import zoo

# Warnings are about traced Python conditions, which the comparison at several shapes judges.
warnings.filterwarnings("ignore")


def export_torchscript(model, net, path):
    arrays = model.inputs(model.full, real=False)
    torch.onnx.export(net, tuple(map(torch.from_numpy, arrays.values())), str(path), opset_version=17,
                      input_names=list(model.reads), output_names=list(model.writes), dynamic_axes=model.axes(),
                      **({"dynamo": False} if hasattr(torch.onnx, "ONNXProgram") else {}))


def export_dynamo(model, net, path):
    # torch.export takes a dimension of 1 for a constant.
    arrays = model.inputs({**model.full, "N": 2}, real=False)
    axes = model.axes()
    torch.onnx.export(net, tuple(map(torch.from_numpy, arrays.values())), str(path), dynamo=True, external_data=True,
                      input_names=list(model.reads), output_names=list(model.writes), verbose=False,
                      dynamic_shapes=tuple(axes[name] for name in model.reads))


EXPORTERS = {"torchscript": export_torchscript, "dynamo": export_dynamo}


def newest_source():
    here = pathlib.Path(__file__).parent
    return max((here / f"{name}.py").stat().st_mtime for name in ("cases", "export", "inputs", "nets", "zoo"))


def export(model, exporter, folder):
    done = folder / "case.json"
    if done.exists() and done.stat().st_mtime > newest_source():
        return
    start = time.time()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    EXPORTERS[exporter](model, model.build(), folder / "model.onnx")
    runs = [(model.full, real, model.inputs(model.full, real)) for real in (False, True)]
    runs += [(dims, False, model.inputs(dims, real=False, seed=1)) for dims in model.more]
    cases.write_case(folder, model.name, model.family, f"{exporter}, PyTorch {torch.__version__.split('+')[0]}", runs)
    print(f"{model.name}: exported by {exporter} in {time.time() - start:.0f} s", flush=True)


def main():
    out, exporter, names, failed = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:], []
    if not names:
        names = [m.name for m in zoo.MODELS.values() if m.only in ("", exporter)]
        for other in set(out.glob("*")) - {out / name for name in names}:  # of a zoo that was
            shutil.rmtree(other)
    for name in names:
        try:
            export(zoo.MODELS[name], exporter, out / name)
        except Exception as e:  # the others are still wanted
            print(f"{name}: {exporter} does not export it: {e}", file=sys.stderr, flush=True)
            failed.append(name)
    sys.exit(f"not exported: {' '.join(failed)}" if failed else 0)


main()
