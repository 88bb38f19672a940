"""Runs `dunlin conform`, by the runtime and by the references, and compares with what is expected of each case.

    check.py DUNLIN EXPECTED.toml FOLDER [CORRECTED]

EXPECTED.toml: `passed`, how many; [[unsupported]] and [[differs]], the others: `cases`, names with wildcards; `count` of
them; `says`, a pattern that conform's reason must match; `because`. A [[differs]] with `corrected` is a mistake that a
later ONNX mended: its cases, which CORRECTED holds as that ONNX has them, must pass.
"""
import fnmatch
import json
import re
import subprocess
import sys
import tomllib

dunlin, expected_file, folder, *corrected = sys.argv[1:]
with open(expected_file, "rb") as f:
    expected = tomllib.load(f)
exceptions = [dict(e, result=result, met=0) for kind, result in (("unsupported", "unsupported"), ("differs", "failed"))
              for e in expected.get(kind, [])]
failures = []


def conform(where, *options):
    run = subprocess.run([dunlin, "conform", where, "--json", "--quiet", *options], stdout=subprocess.PIPE, text=True)
    if run.returncode not in (0, 1):
        sys.exit(f"dunlin conform {where} ended with {run.returncode}")
    return json.loads(run.stdout)


def exception_of(name):
    return next((e for e in exceptions if any(fnmatch.fnmatchcase(name, p) for p in e["cases"])), None)


for options in ([], ["--reference"]):
    way = " ".join(["conform"] + options)
    report = conform(folder, *options)
    for e in exceptions:
        e["met"] = 0
    for case in report["cases"]:
        e = exception_of(case["name"].split("/")[-1])
        if e:
            e["met"] += 1
        wanted = e["result"] if e else "passed"
        if case["result"] != wanted or (e and not re.fullmatch(e["says"], case["reason"])):
            failures.append(f"{way}: {case['name']} {case['result']}: {case['reason']}; expected: {wanted}"
                            + (f", {e['says']} ({e['because']})" if e else ""))
    for e in exceptions:
        if e["met"] != e["count"]:
            failures.append(f"{way}: {e['met']} cases are {', '.join(e['cases'])}, {e['count']} are expected")
    if report["passed"] != expected["passed"]:
        failures.append(f"{way}: {report['passed']} passed, {expected['passed']} are expected")
    print(f"{way}: {report['passed']} passed ({report['random']} of them random), {report['failed']} where the expected "
          f"values are named as mistaken or rounded, {report['unsupported']} unsupported")

if corrected:
    later = {c["name"].split("/")[-1]: c for c in conform(corrected[0])["cases"]}
    names = [c["name"].split("/")[-1] for c in report["cases"]]
    mended = [n for n in names if (exception_of(n) or {}).get("corrected")]
    for name in mended:
        if later.get(name, {}).get("result") != "passed":
            failures.append(f"{name}: is not among what passes in {corrected[0]}")
    print(f"{len(mended)} mistaken ones pass as later corrected")

for f in failures:
    print(f, file=sys.stderr)
sys.exit(1 if failures else 0)
