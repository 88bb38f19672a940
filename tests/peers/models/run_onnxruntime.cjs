// ONNX Runtime's outputs of cases (see cases.py): NAME/expected.json and NAME/expected_K_I.npy.
//   node run_onnxruntime.cjs DIR-WITH-node_modules CASE...
'use strict';
const fs = require('fs');
const path = require('path');
const {readNpy, writeNpy} = require('../npy.cjs');
const [packages, ...folders] = process.argv.slice(2).map(p => path.resolve(p));
const ort = require(path.join(packages, 'node_modules', 'onnxruntime-node'));

async function runCase(folder) {
  const session = await ort.InferenceSession.create(path.join(folder, 'model.onnx'), {logSeverityLevel: 4});
  const runs = [];
  for (const [k, run] of JSON.parse(fs.readFileSync(path.join(folder, 'case.json'))).runs.entries()) {
    const feeds = {};
    for (const [name, file] of Object.entries(run.inputs)) {
      const t = readNpy(path.join(folder, file));
      feeds[name] = new ort.Tensor(t.type, t.data, t.dims);
    }
    const outputs = {};
    for (const [i, [name, t]] of Object.entries(await session.run(feeds)).entries()) {
      outputs[name] = `expected_${k}_${i}.npy`;
      writeNpy(path.join(folder, outputs[name]), t);
    }
    runs.push(outputs);
  }
  await session.release();
  return {runs};
}

(async () => {
  for (const folder of folders) {
    const result = await runCase(folder).catch(e => ({error: e.message}));
    fs.writeFileSync(path.join(folder, 'expected.json'), JSON.stringify(result, null, 1));
  }
})();
