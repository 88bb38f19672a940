"""Exports the models, runs them in Dunlin and in ONNX Runtime, and writes what came of it as docs/models.md.

  make_table.py --dunlin DUNLIN --packages DIR --work WORK [--dynamo PYTHON] [--out FILE] [NAME ...]

DIR/onnxruntime and DIR/ocr-models hold npm's node_modules. PYTHON has a current torch, torchvision, onnx, onnxscript
and pillow; without it what the dynamo exporter writes is left out. Fails when a model does not match.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import compare

HERE = pathlib.Path(__file__).parent

HEAD = """\
# Models

Written by `make models` (`tests/peers/models`); do not edit.

Each model as PyTorch's exporters write it, run in Dunlin and in ONNX Runtime {onnxruntime}. *Random* and *real* are the
largest max|a-b| / max|b| of an output, on noise and on a real input; {tolerance:.0e} is the most that counts as a match.
A real input is photographs (Fashion-MNIST), a text (README.md), text drawn on a page (PP-OCR), or vowels synthesised
through formants (speech). *Sizes* is at how many combinations of the symbolic dimensions the model was run. *Trainable*
is what `dunlin inspect` says of the file. Weights are random, BatchNormalization's statistics such as training leaves.

{exporters}
| Model | Exporter | Opset | Nodes | Parameters | Loads | Random | Real | Sizes | Trainable |
|---|---|--:|--:|--:|---|--:|--:|--:|---|
"""


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dunlin", required=True)
    parser.add_argument("--packages", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--dynamo", default=os.environ.get("DUNLIN_DYNAMO_PYTHON", ""))
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
    if not given.names:
        subprocess.run([sys.executable, HERE / "ocr.py", given.packages / "ocr-models", given.work / "ocr"], check=True)
    folders = []
    for name in given.names or [p.name for p in sorted(given.work.glob("*/*"))]:
        folders += [f for f in sorted(given.work.glob(f"*/{name}")) if (f / "case.json").exists() and f not in folders]
    return folders, failed


def write(rows, given, onnxruntime):
    exporters = ", ".join(sorted({row.exporter for row in rows}))
    text = HEAD.format(onnxruntime=onnxruntime, tolerance=compare.TOLERANCE, exporters=f"Exporters: {exporters}.\n")
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
    subprocess.run(["node", HERE / "run_onnxruntime.cjs", given.packages / "onnxruntime", *folders], check=True)
    rows = []
    for folder in folders:
        row = compare.compare(given.dunlin, folder)
        rows.append(row)
        print(f"{row.name} ({row.exporter}): random {row.random}, real {row.real}, {row.seconds:.1f} s"
              + "".join("\n  " + fault for fault in row.faults), flush=True)
    version = json.loads((given.packages / "onnxruntime/node_modules/onnxruntime-node/package.json").read_text())["version"]
    if given.out:
        write(rows, given, version)
    wrong = sum(bool(row.faults) for row in rows)
    print(f"{len(rows)} models compared, {wrong} do not match")
    sys.exit(1 if wrong or failed or not rows else 0)


main()
