// Runs what random_op_models wrote in ONNX Runtime, whose outputs must agree with Dunlin's.
//   node compare_random_ops.cjs DIR-WITH-node_modules DIR-OF-random_op_models [OP]
'use strict';
const fs = require('fs');
const path = require('path');
const {load, parseNpy, runModel, close} = require('./onnxruntime.cjs');
const {kDeparts, kRefused, kInexact, kOneUnit, kFewest} = require('./random_op_departures.cjs');
const [packages, work, only] = process.argv.slice(2);
const ort = load(packages);

const withinOneUnit = (a, b) => a.type === b.type && String(a.dims) === String(b.dims) &&
    a.data.every((x, i) => Math.abs(x - b.data[i]) <= 1);

(async () => {
  const cases = JSON.parse(fs.readFileSync(path.join(work, 'cases.json')));
  const data = fs.readFileSync(path.join(work, 'data'));
  const at = ([offset, size]) => data.subarray(offset, offset + size);
  const ops = {};
  const failures = [];
  let compared = 0, refused = 0, departs = 0, weRefuse = 0, inParts = 0;
  for (const [number, c] of cases.entries()) {
    if (only && c.op !== only) continue;
    const op = ops[c.op] ??= {compared: 0, refusals: new Map()};
    const fail = why => failures.push(`${number}: ${c.op} (opset ${c.opset}; ${c.attributes}; ${c.operands.join(' ')}): ${why}`);
    if (c.refused && c.refused.code === 'internal') fail(c.refused.why);
    for (const o of c.outputs || []) o.values = parseNpy(at(o.npy)).data;
    const listed = c.refused ? kRefused.filter(r => r.op === c.op && r.why.test(c.refused.why))
                             : kDeparts.filter(d => d.op === c.op && d.is(c));
    if (listed.some(l => !l.leaves)) {
      ++departs;
      continue;
    }
    const inputs = {};
    for (const i of c.inputs) inputs[i.name] = parseNpy(at(i.npy));
    let theirs;
    try {
      theirs = await runModel(ort, at(c.model), inputs);
    } catch (e) {
      if (c.refused) {
        ++weRefuse;
        continue;
      }
      ++refused;
      const why = e.message.replace(/\s+/g, ' ').slice(0, 160);
      op.refusals.set(why, [...(op.refusals.get(why) || []), number]);
      continue;
    }
    if (c.refused) {
      fail(`refused (${c.refused.why}), ONNX Runtime runs it`);
      continue;
    }
    ++op.compared;
    ++compared;
    if (listed.length) ++inParts;
    const relative = Math.max(0, ...kInexact.filter(k => k.op === c.op && k.is(c)).map(k => k.relative(c)));
    for (const o of c.outputs) {
      const ours = parseNpy(at(o.npy));
      const leaves = listed.length ? (i, x) => listed.some(l => l.leaves(c, o, i, x)) : undefined;
      const why = close(ours, theirs[o.name], {inputs: Object.values(inputs), relative, leaves});
      if (why && !(kOneUnit.some(k => k.op === c.op && k.is(c)) && withinOneUnit(ours, theirs[o.name]))) fail(`output ${o.name}: ${why}`);
    }
  }
  for (const [name, op] of Object.entries(ops)) {
    const fewest = kFewest[name] ?? kFewest.others;
    if (op.compared < fewest)
      failures.push(`${name}: ${op.compared} models compared, ${fewest} are expected: ${[...op.refusals.keys()].slice(0, 2)}`);
    if (only) for (const [why, numbers] of op.refusals) console.log(`refused: ${why} (${numbers.slice(0, 5)})`);
  }
  for (const f of failures) console.error(f);
  const names = Object.values(ops).filter(o => o.compared > 0).length;
  console.log(`${compared} models of ${names} ops compared (${inParts} but for outputs that may differ), and ${weRefuse} ` +
              `refused by both; ONNX Runtime refuses ${refused} others; ${departs} where it departs from ONNX are left out; ` +
              `${failures.length} failures`);
  process.exit(failures.length || !compared ? 1 : 0);
})();
