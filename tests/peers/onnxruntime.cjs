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

// Sums in 16 bits and sums rounded once at the end differ by a few units in the last place.
function closeHalf(ours, theirs) {
  for (let i = 0; i < ours.data.length; ++i) {
    const a = halfToNumber(ours.data[i]), b = halfToNumber(theirs.data[i]);
    if (Object.is(a, b) || a === b) continue;
    if (!(Math.abs(a - b) <= 1e-3 + 1e-2 * Math.abs(b))) return `element ${i} is ${a}, ONNX Runtime gives ${b}`;
  }
  return '';
}

function close(ours, theirs) {
  if (ours.type !== theirs.type || String(ours.dims) !== String(theirs.dims))
    return `${ours.type}[${ours.dims}], ONNX Runtime gives ${theirs.type}[${theirs.dims}]`;
  if (ours.type === 'float16') return closeHalf(ours, theirs);
  if (!ours.type.startsWith('float')) return same(ours, theirs) ? '' : 'values differ';
  // Where large terms cancel (DFT), float32 leaves the rounding of the largest.
  let largest = 0;
  for (const b of theirs.data) if (Number.isFinite(b)) largest = Math.max(largest, Math.abs(b));
  for (let i = 0; i < ours.data.length; ++i) {
    const a = ours.data[i], b = theirs.data[i];
    if (Object.is(a, b) || a === b) continue;
    if (!(Math.abs(a - b) <= 1e-4 + 1e-3 * Math.abs(b) + 1e-6 * largest)) return `element ${i} is ${a}, ONNX Runtime gives ${b}`;
  }
  return '';
}

module.exports = {
  load: packages => require(path.join(path.resolve(packages), 'node_modules', 'onnxruntime-node')),
  readNpy, parseNpy, runModel, same, close,
};
