"""Writes the node tests of the ONNX that this Python has, those of opsets up to the newest that Dunlin reads.

    write_cases.py FOLDER NEWEST-OPSET
"""
import os
import shutil
import sys
import types
import warnings

warnings.filterwarnings("ignore")  # NumPy's, of overflows that the cases are about

import onnx
from onnx.backend.test import cmd_tools
from onnx.backend.test.case import model as model_cases
from onnx.backend.test.case import node as node_cases


def opset(case):
    return max((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), default=0)


folder, newest = sys.argv[1], int(sys.argv[2])
every = node_cases.collect_testcases(None)
cases = [c for c in every if opset(c) <= newest]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(os.path.join(folder, "node"))
# ONNX's own writer writes what these two return.
model_cases.collect_testcases = lambda: cases
node_cases.collect_testcases = lambda op_type=None: []
cmd_tools.generate_data(types.SimpleNamespace(output=folder, clean=False, diff=False, op_type=None))
print(f"ONNX {onnx.__version__}: {len(cases)} cases, {len(every) - len(cases)} of opsets after {newest} left out")
