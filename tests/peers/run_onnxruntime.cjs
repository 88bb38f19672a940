// Runs what round_trip_models wrote in ONNX Runtime. A model that ONNX Runtime reads must still be read after Dunlin
// wrote it, and give the same bits; Dunlin's own outputs must agree with ONNX Runtime's.
//   node run_onnxruntime.cjs DIR-WITH-node_modules DIR-OF-round_trip_models
'use strict';
const fs = require('fs');
const path = require('path');
const [packages, work] = process.argv.slice(2).map(p => path.resolve(p));
const {load, readNpy, runModel, same, close} = require('./onnxruntime.cjs');
const ort = load(packages);

// Of a whole model, and of ops whose sums ONNX Runtime rounds to half precision in between.
const kWholeModel = 1e-4;
const kRandom = /bernoulli|training_dropout/;

// Here ONNX's own expected outputs, which `dunlin conform` holds Dunlin to, are the judge. Resize: ONNX divides by the
// scaled size as it is (2.4), ONNX Runtime by its integer part (2). MaxUnpool: ONNX takes the indices for places in the
// pooled shape, also when another output_shape is given; ONNX Runtime for places in that.
const kDiffersFromOnnx =
    /^test_resize_downsample_scales_(linear|cubic)_align_corners$|^test_maxunpool_export_with_output_shape$/;

(async () => {
  const cases = JSON.parse(fs.readFileSync(path.join(work, 'cases.json')));
  let compared = 0, agreed = 0, unread = 0, random = 0, differs = 0, unsupported = 0;
  const failures = [];
  for (const c of cases) {
    const folder = path.join(work, c.name);
    const inputs = {};
    for (const i of c.inputs) inputs[i.name] = readNpy(path.join(folder, i.file));
    let expected;
    try {
      expected = await runModel(ort, path.join(folder, 'original.onnx'), inputs);
    } catch (e) {
      ++unread;  // ONNX Runtime does not run the original either
      continue;
    }
    for (const form of ['exported', 'external']) {
      try {
        const got = await runModel(ort, path.join(folder, form + '.onnx'), inputs);
        for (const name of Object.keys(expected))
          if (!kRandom.test(c.name) && !same(got[name], expected[name]))
            failures.push(`${c.name}: ${form}: output ${name} changed`);
      } catch (e) {
        failures.push(`${c.name}: ${form}: ${e.message}`);
      }
    }
    ++compared;
    if (kRandom.test(c.name)) ++random;
    else if (kDiffersFromOnnx.test(c.name)) ++differs;
    else if (!c.outputs) ++unsupported;
    if (!c.outputs || kRandom.test(c.name) || kDiffersFromOnnx.test(c.name)) continue;
    const wrong = c.outputs.map(o => [o.name, close(readNpy(path.join(folder, o.file)), expected[o.name], {relative: kWholeModel})]).filter(([, why]) => why);
    if (wrong.length === 0) ++agreed;
    for (const [name, why] of wrong) failures.push(`${c.name}: Dunlin's output ${name}: ${why}`);
  }
  for (const f of failures) console.error(f);
  console.log(`${compared} models run by ONNX Runtime before and after Dunlin wrote them (${unread} it does not run); ` +
              `Dunlin's outputs agree on ${agreed} (beside ${random} random, ${differs} where ONNX Runtime differs from ` +
              `ONNX, ${unsupported} that Dunlin does not run); ${failures.length} failures`);
  process.exit(failures.length || !compared ? 1 : 0);
})();
