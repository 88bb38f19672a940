// Runs what random_op_models wrote in ONNX Runtime, whose outputs must agree with Dunlin's.
//   node compare_random_ops.cjs DIR-WITH-node_modules DIR-OF-random_op_models [OP]
'use strict';
const fs = require('fs');
const path = require('path');
const {load, parseNpy, runModel, close} = require('./onnxruntime.cjs');
const [packages, work, only] = process.argv.slice(2);
const ort = load(packages);

// Ops that no case of compares, and why: ONNX Runtime's CPU provider does not have them, or their outputs are drawn.
const kNotCompared = {
  Bernoulli: 'random',
  Multinomial: 'random',
  RandomNormal: 'random',
  RandomNormalLike: 'random',
  RandomUniform: 'random',
  RandomUniformLike: 'random',
};

// Where ONNX Runtime departs from the standard's text, or the standard leaves open what it does, by op.
const isEmpty = t => /\b0\b/.test(t.shape);
const sizesOf = t => (t.shape.match(/\d+/g) || []).map(Number);
const same = c => /auto_pad=SAME/.test(c.attributes);
// `sequence_lens` is input 4 and here a constant.
const noSteps = c => c.inputs.some(isEmpty) || /[{,]0[,}]/.test(c.operands[4] || '');
const kDeparts = [
  // With one place along an axis, -1 to 1 has no step: Dunlin puts it at 0, as PyTorch does.
  {op: 'AffineGrid', is: c => /align_corners=1/.test(c.attributes) && sizesOf(c.outputs[0]).slice(1, -1).includes(1)},
  // In double precision a query that sees no key gives NaN, or the mean of all values; 0 in single precision.
  {op: 'Attention', is: c => c.inputs[0].format === 'f64'},
  // auto_pad SAME_*: as many outputs as inputs divided by strides, says the standard; the dilation is left out of that.
  {op: 'AveragePool', is: c => same(c) && /dilations=/.test(c.attributes)},
  {op: 'LpPool', is: c => same(c) && /dilations=/.test(c.attributes)},
  {op: 'MaxPool', is: c => same(c) && /dilations=/.test(c.attributes)},
  // As many outputs as inputs times strides; not where the kernel is shorter than the stride.
  {op: 'ConvTranspose', is: same},
  // In training: sums in half precision; before opset 14 saved_var is 1 / sqrt(variance) there.
  {op: 'BatchNormalization', is: c => c.outputs.length > 1 && (c.opset < 14 || c.outputs[0].format === 'f16')},
  // Before opset 12 the standard does not say what the mask of a run that drops nothing is: true here, false there.
  {op: 'Dropout', is: c => c.opset < 12 && c.outputs.length > 1},
  // Drawn.
  {op: 'Dropout', is: c => /\{1\}/.test(c.operands[2] || '')},
  // The range of nothing or of zeros alone is 0, and so is the scale; 1 there.
  {op: 'DynamicQuantizeLinear', is: c => c.outputs[1].value === 0},
  // Of a sequence without steps the last state is 0 there, not the initial one; and when no sequence has a step, the
  // whole process ends (std::terminate).
  {op: 'GRU', is: noSteps},
  {op: 'LSTM', is: noSteps},
  {op: 'RNN', is: noSteps},
  // The clip bounds the input of each activation, says the standard; the cell state is not clipped.
  {op: 'LSTM', is: c => /clip=/.test(c.attributes)},
  // A sum of no products is what the memory held.
  {op: 'MatMulInteger', is: c => c.inputs.some(isEmpty)},
  // As in run_onnxruntime.cjs.
  {op: 'MaxUnpool', is: c => c.operands.length > 2},
  // Around an axis that is cut at one end: the standard does not say which is done first.
  {op: 'Pad', is: c => /mode=wrap/.test(c.attributes) && /-/.test(c.operands[1] || c.attributes)},
  // Around an axis more than once, and before opset 19, which brought the mode.
  {op: 'Pad', is: c => /mode=wrap/.test(c.attributes) && (c.opset < 19 ||
      sizesOf(c.outputs[0]).some((d, axis) => d > 2 * sizesOf(c.inputs[0])[axis]))},
  // An axis counted from the end is not looked at when the aspect ratio is kept.
  {op: 'Resize', is: c => /axes=\[-/.test(c.attributes) && /keep_aspect_ratio_policy=not/.test(c.attributes)},
  // Where a place lies between two elements, or just beside one, single precision decides which is the nearest.
  {op: 'Resize', is: c => /mode=nearest /.test(c.attributes) && /f(32|64|16)\[[1-9]/.test(c.operands[2] || '')},
  // Cropping is left out along an axis that keeps its size.
  {op: 'Resize', is: c => /tf_crop_and_resize/.test(c.attributes) &&
      sizesOf(c.outputs[0]).some((d, axis) => axis > 1 && d === sizesOf(c.inputs[0])[axis])},
  // As in run_onnxruntime.cjs, wherever sizes come from scales.
  {op: 'Resize', is: c => /align_corners/.test(c.attributes) && /f(32|64|16)\[[1-9]/.test(c.operands[2] || '')},
];

// Results lie between two integers, and single precision decides.
const kOneUnit = new Set(['QLinearConv', 'QLinearMatMul']);
const withinOneUnit = (a, b) => a.type === b.type && String(a.dims) === String(b.dims) &&
    a.data.every((x, i) => Math.abs(x - b.data[i]) <= 1);

(async () => {
  const cases = JSON.parse(fs.readFileSync(path.join(work, 'cases.json')));
  const data = fs.readFileSync(path.join(work, 'data'));
  const at = ([offset, size]) => data.subarray(offset, offset + size);
  const ops = {};
  const failures = [];
  let compared = 0, refused = 0, departs = 0;
  for (const [number, c] of cases.entries()) {
    if (only && c.op !== only) continue;
    const op = ops[c.op] ??= {cases: 0, compared: 0, refusals: new Map()};
    ++op.cases;
    const value = c.outputs[1] && parseNpy(at(c.outputs[1].npy)).data;
    if (value && value.length === 1) c.outputs[1].value = value[0];
    if (c.op in kNotCompared || kDeparts.some(d => d.op === c.op && d.is(c))) {
      ++departs;
      continue;
    }
    const inputs = {};
    for (const i of c.inputs) inputs[i.name] = parseNpy(at(i.npy));
    let theirs;
    try {
      theirs = await runModel(ort, at(c.model), inputs);
    } catch (e) {
      ++refused;
      const why = e.message.replace(/\s+/g, ' ').slice(0, 160);
      op.refusals.set(why, [...(op.refusals.get(why) || []), number]);
      continue;
    }
    ++op.compared;
    ++compared;
    for (const o of c.outputs) {
      const ours = parseNpy(at(o.npy));
      const why = close(ours, theirs[o.name]);
      if (why && !(kOneUnit.has(c.op) && withinOneUnit(ours, theirs[o.name])))
        failures.push(`${number}: ${c.op} (opset ${c.opset}; ${c.attributes}; ${c.operands.join(' ')}): ` +
                      `output ${o.name}: ${why}`);
    }
  }
  for (const [name, op] of Object.entries(ops)) {
    if (op.compared === 0 && !(name in kNotCompared))
      failures.push(`${name}: ONNX Runtime ran none of its ${op.cases} cases: ${[...op.refusals.keys()][0]}`);
    if (op.compared > 0 && name in kNotCompared) failures.push(`${name} is listed as not compared, and was`);
    if (only) for (const [why, numbers] of op.refusals) console.log(`refused: ${why} (${numbers.slice(0, 5)})`);
  }
  for (const f of failures) console.error(f);
  const names = Object.values(ops).filter(o => o.compared > 0).length;
  console.log(`${compared} models of ${names} ops run by ONNX Runtime, which refuses ${refused} others; ${departs} where it ` +
              `departs from ONNX; ${failures.length} failures`);
  process.exit(failures.length || !compared ? 1 : 0);
})();
