"""Runs cases in Dunlin and compares with ONNX Runtime's outputs."""
import dataclasses
import json
import pathlib
import shutil
import subprocess
import time

import numpy as np

TOLERANCE = 1e-4      # of the largest expected magnitude
TIMEOUT_S = 300


@dataclasses.dataclass
class Row:
    name: str
    family: str
    exporter: str
    opset: str = ""
    nodes: int = 0
    parameters: int = 0
    trainable: str = ""
    random: float = None  # largest max|a-b| / max|b| of an output
    real: float = None
    sizes: int = 0
    seconds: float = 0.0
    faults: list = dataclasses.field(default_factory=list)


class Fault(Exception):
    pass


def dunlin(command, *arguments):
    try:
        done = subprocess.run([command, *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Fault(f"dunlin {arguments[0]} takes longer than {TIMEOUT_S} s")
    if done.returncode != 0:
        raise Fault((done.stderr or done.stdout or f"exit code {done.returncode}").strip())
    return json.loads(done.stdout)


def difference(ours, expected, name):
    """max|a-b| / max|b|. Anything that could not be told from a match is a fault."""
    if ours.dtype != expected.dtype or ours.shape != expected.shape:
        raise Fault(f"{name} is {ours.dtype}{ours.shape}, ONNX Runtime gives {expected.dtype}{expected.shape}")
    if expected.size == 0 or not np.isfinite(expected).all() or not np.abs(expected).max() > 0:
        raise Fault(f"{name}: ONNX Runtime's is empty, zero or not finite; nothing can be compared with it")
    if not np.isfinite(ours).all():
        raise Fault(f"{name} is not finite")
    return float(np.abs(ours.astype(np.float64) - expected).max() / np.abs(expected).max())


def run(command, folder, case, k, expected):
    """The largest difference over the outputs of run k."""
    out = folder / "dunlin"
    shutil.rmtree(out, ignore_errors=True)
    given = []
    for name, file in case["runs"][k]["inputs"].items():
        given += ["--input", f"{name}={folder / file}"]
    told = dunlin(command, "run", folder / "model.onnx", *given, "--output", out)
    outputs = {o["name"]: o["file"] for o in told["outputs"]}
    if not expected or outputs.keys() != expected.keys():
        raise Fault(f"the outputs are {sorted(outputs)}, ONNX Runtime gives {sorted(expected)}")
    return max(difference(np.load(file), np.load(folder / expected[name]), name) for name, file in outputs.items())


def moves(folder, before, after):
    """Some output differs between the two runs by far more than the tolerance."""
    for name in before:
        a, b = np.load(folder / before[name]), np.load(folder / after[name])
        if np.abs(a - b).max() > 100 * TOLERANCE * np.abs(a).max():
            return True
    return False


def compare(command, folder):
    folder = pathlib.Path(folder)
    case, expected = (json.loads((folder / file).read_text()) for file in ("case.json", "expected.json"))
    row = Row(case["name"], case["family"], case["exporter"])
    try:
        told = dunlin(command, "inspect", folder / "model.onnx")
        row.opset = ", ".join(f"{v}" if d == "ai.onnx" else f"{d} {v}" for d, v in told["opsets"].items())
        row.nodes, row.parameters = told["nodes"], told["parameters"]
        row.trainable = "yes" if told["trainable"] else "no: " + told["trainable_why_not"]
    except Fault as fault:
        row.faults.append(str(fault))
        return row
    if "error" in expected:
        row.faults.append(f"ONNX Runtime does not run it: {expected['error']}")
        return row
    start = time.time()
    for k, given in enumerate(case["runs"]):
        kind = "real" if given["real"] else "random"
        try:
            worst = run(command, folder, case, k, expected["runs"][k])
        except Fault as fault:
            row.faults.append(f"{given['dims']} {kind}: {fault}")
            continue
        setattr(row, kind, max(worst, getattr(row, kind) or 0.0))
        if worst > TOLERANCE:
            row.faults.append(f"{given['dims']} {kind}: differs by {worst:.1e} of the largest value")
    row.seconds = time.time() - start
    row.sizes = len({json.dumps(given["dims"]) for given in case["runs"]})
    kinds = [given["real"] for given in case["runs"]]
    if row.random is None or row.real is None:
        row.faults.append("not compared on a random and on a real input")
    elif not moves(folder, expected["runs"][kinds.index(False)], expected["runs"][kinds.index(True)]):
        row.faults.append("the outputs hardly depend on the input")
    return row
