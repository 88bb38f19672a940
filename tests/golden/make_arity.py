#!/usr/bin/env python3
"""Writes arity.txt: how many inputs and outputs ONNX's own schemas give each operator.

    pip install onnx==1.23.2     (nothing but this script needs it)
    python tests/golden/make_arity.py

A line for each opset at which one of the numbers changes:

    OP SINCE FEWEST_INPUTS MOST_INPUTS OPTIONAL FEWEST_OUTPUTS MOST_OUTPUTS

OPTIONAL: bits of those among the fewest inputs that may be left out. -1: any number.
"""
import collections
import pathlib

import onnx
from onnx import defs

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview.training")
UNBOUNDED = 2**31 - 1  # what a schema says of a variadic one


def counts(schema):
    optional = sum(1 << i for i, parameter in enumerate(schema.inputs[: schema.min_input])
                   if parameter.option == defs.OpSchema.FormalParameterOption.Optional)
    return [-1 if n == UNBOUNDED else n for n in (schema.min_input, schema.max_input, optional, schema.min_output,
                                                  schema.max_output)]


versions = collections.defaultdict(dict)
for schema in defs.get_all_schemas_with_history():
    if schema.domain in DOMAINS:
        versions[".".join(filter(None, (schema.domain, schema.name)))][schema.since_version] = counts(schema)

with (pathlib.Path(__file__).parent / "arity.txt").open("w") as out:
    print(f"# By make_arity.py from onnx {onnx.__version__}", file=out)
    for name, history in sorted(versions.items()):
        before = None
        for since in sorted(history):
            if history[since] != before:
                print(name, since, *history[since], file=out)
            before = history[since]
