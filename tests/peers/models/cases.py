"""A case is a folder: model.onnx, the arrays it is run on, and case.json that says which of them belong together."""
import json

import numpy as np


def write_arrays(folder, k, arrays):
    """{name: array} as files of run k; returns {name: file}."""
    files = {name: f"input_{k}_{i}.npy" for i, name in enumerate(arrays)}
    for name, array in arrays.items():
        np.save(folder / files[name], array)
    return files


def write_case(folder, name, family, exporter, runs):
    """runs: [(dims, real, {input: array})]. Written last: a folder with case.json is whole."""
    listed = [{"dims": dims, "real": real, "inputs": write_arrays(folder, k, arrays)}
              for k, (dims, real, arrays) in enumerate(runs)]
    case = {"name": name, "family": family, "exporter": exporter, "runs": listed}
    (folder / "case.json").write_text(json.dumps(case, indent=1))
