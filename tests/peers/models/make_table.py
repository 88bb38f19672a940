"""Exports the models, runs them in Dunlin and in ONNX Runtime, and writes what came of it as docs/models.md.

  make_table.py --dunlin DUNLIN --onnxruntime DIR --ocr-models DIR --work WORK
                [--dynamo PYTHON] [--out FILE] [NAME ...]

DIR holds npm's node_modules. PYTHON has a current torch, torchvision, onnx, onnxscript
and pillow; without it what the dynamo exporter writes is left out. With names: only these models of zoo.py, and
PP-OCR's. Fails when a model does not match.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import compare

HERE = pathlib.Path(__file__).parent

HEAD = """\
# Models

Written by `make models` (`tests/peers/models`); do not edit.

Each model as PyTorch's exporters write it, run in Dunlin and in ONNX Runtime {onnxruntime}. *Random* and *real* are the
largest max|a-b| / max|b| of an output, on noise and on a real input; {tolerance:.0e} is the most that counts as a
match. A real input is photographs (Fashion-MNIST), a text (README.md), text drawn on a page (PP-OCR), or vowels synthesised
through formants (speech). *Sizes*: at how many combinations of the symbolic dimensions the model was run. *Trainable*
is what `dunlin inspect` says of the file. PP-OCR has the weights it was trained to, all others random ones, with
statistics of BatchNormalization such as training leaves and its weights scaled down, for without that rounding grows
from block to block and FCN, EfficientNetV2 and DeepLabV3-ResNet50 missed the bound. SSDLite gives its tensors before
suppression. PP-OCR's detection is shown on a page of 480 x 480; of six page sizes tried three, white but for their
text, missed the bound (1.6e-4 to 3.3e-4; against float64 Dunlin is off by 1.5e-4 to 3.6e-4 there, ONNX Runtime by
0.2e-4 to 0.8e-4): all white pixels round alike, and the order in which the first convolution alone adds its 27 products
moves the result by 1e-5 to 1e-4. With noise on the page all are within 0.4e-4.
[Models in training](models-training.md) says how they train.

Exporters: {exporters}.
`torchscript` is PyTorch's older one, `dynamo` its default since 2.9 (weights in a file beside the model).

| Model | Exporter | Opset | Nodes | Parameters | Loads | Random | Real | Sizes | Trainable |
|---|---|--:|--:|--:|---|--:|--:|--:|---|
"""


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dunlin", required=True)
    parser.add_argument("--onnxruntime", required=True, type=pathlib.Path)
    parser.add_argument("--ocr-models", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--dynamo", default="")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def make_cases(given):
    """Folders of cases, in the order of the table; and what is left out."""
    exports = [(sys.executable, "torchscript")] + ([(given.dynamo, "dynamo")] if given.dynamo else [])
    failed = []
    for python, exporter in exports:
        done = subprocess.run([python, HERE / "export.py", given.work / exporter, exporter, *given.names])
        if done.returncode != 0:
            failed.append(exporter)
    subprocess.run([sys.executable, HERE / "ocr.py", given.ocr_models, given.work / "ocr"], check=True)
    trees = [exporter for _, exporter in exports] + ["ocr"]
    folders = [case.parent for tree in trees for case in sorted((given.work / tree).glob("*/case.json"))]
    return [f for f in folders if not given.names or f.name in given.names or f.parent.name == "ocr"], failed


def write(rows, given, onnxruntime):
    exporters = "; ".join(sorted({row.exporter for row in rows}))
    text = HEAD.format(onnxruntime=onnxruntime, tolerance=compare.TOLERANCE, exporters=exporters)
    for row in sorted(rows, key=lambda row: (row.family.lower(), row.name, row.exporter)):
        figure = lambda value: "-" if value is None else f"{value:.1e}"
        cells = [row.name, row.exporter.split(",")[0], row.opset, row.nodes, f"{row.parameters:,}",
                 "no" if row.nodes == 0 else "yes", figure(row.random), figure(row.real), row.sizes, row.trainable]
        text += "| " + " | ".join(map(str, cells)) + " |\n"
    faults = [f"- {row.name} ({row.exporter.split(',')[0]}): {fault}" for row in rows for fault in row.faults]
    if faults:
        text += "\nWhat does not match:\n\n" + "\n".join(faults) + "\n"
    given.out.write_text(text)


def main():
    given = parse()
    folders, failed = make_cases(given)
    if not given.dynamo:
        print("no --dynamo PYTHON: what the dynamo exporter writes is left out", flush=True)
    subprocess.run(["node", HERE / "run_onnxruntime.cjs", given.onnxruntime, *folders], check=True)
    rows = []
    for folder in folders:
        row = compare.compare(given.dunlin, folder)
        rows.append(row)
        print(f"{row.name} ({row.exporter}): random {row.random}, real {row.real}, {row.seconds:.1f} s"
              + "".join("\n  " + fault for fault in row.faults), flush=True)
    if given.out:
        package = given.onnxruntime / "node_modules/onnxruntime-node/package.json"
        write(rows, given, json.loads(package.read_text())["version"])
    wrong = sum(bool(row.faults) for row in rows)
    print(f"{len(rows)} models compared, {wrong} do not match")
    sys.exit(1 if wrong or failed or not rows else 0)


main()
