// What the comparisons with ONNX Runtime share: running a model, and when outputs agree.
'use strict';
const path = require('path');
const {readNpy, parseNpy, bytesOf} = require('./npy.cjs');

// `model`: a file's name, or its bytes.
async function runModel(ort, model, inputs) {
  const session = await ort.InferenceSession.create(model, {logSeverityLevel: 4, intraOpNumThreads: 1});
  const feeds = {};
  for (const [name, t] of Object.entries(inputs)) feeds[name] = new ort.Tensor(t.type, t.data, t.dims);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

const same = (a, b) => a.type === b.type && String(a.dims) === String(b.dims) && bytesOf(a).equals(bytesOf(b));

function halfToNumber(h) {
  const sign = h >> 15 ? -1 : 1, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

const kEpsilon = {float16: 2 ** -10, float32: 2 ** -23, float64: 2 ** -52};
// Of a result: a unit in the last place of float16, which both compute in more bits; sums in another order and other
// functions of the mathematical library for the others.
const kRelative = {float16: 2 ** -10, float32: 2e-5, float64: 1e-12};
const kSmallestHalf = 2 ** -24;

const asNumbers = t => t.type === 'float16' ? Array.from(t.data, halfToNumber) : t.data;

function largest(tensors) {
  let most = 0;
  for (const t of tensors)
    if (t.type in kEpsilon)
      for (const x of asNumbers(t)) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
  return most;
}

// Why two tensors do not agree, or ''. Where terms cancel, the rounding of the largest remains: `inputs` may hold them.
// `relative`: what the type is not judged by. `leaves(i, ours)`: the elements that are not compared.
function close(ours, theirs, {inputs = [], relative, leaves} = {}) {
  if (ours.type !== theirs.type || String(ours.dims) !== String(theirs.dims))
    return `${ours.type}[${ours.dims}], ONNX Runtime gives ${theirs.type}[${theirs.dims}]`;
  const floats = ours.type in kEpsilon;
  if (!floats && !leaves) return same(ours, theirs) ? '' : 'values differ';
  const mine = asNumbers(ours), his = asNumbers(theirs);
  const bound = floats ? Math.max(kRelative[ours.type], relative ?? 0) : 0;
  // Half precision is rounded once, at the end.
  const cancelled = (32 * (kEpsilon[ours.type === 'float16' ? 'float32' : ours.type] ?? 0) + (relative ?? 0)) *
      largest([theirs, ...inputs]) + (ours.type === 'float16' ? kSmallestHalf : 0);
  for (let i = 0; i < mine.length; ++i) {
    const a = mine[i], b = his[i];
    if (Object.is(a, b) || a === b || leaves && leaves(i, a)) continue;
    if (!floats || !(Math.abs(a - b) <= bound * Math.abs(b) + cancelled)) return `element ${i} is ${a}, ONNX Runtime gives ${b}`;
  }
  return '';
}

module.exports = {
  load: packages => require(path.join(path.resolve(packages), 'node_modules', 'onnxruntime-node')),
  readNpy, parseNpy, runModel, same, close,
};
