// NumPy's .npy files, to and from what onnxruntime-node calls a tensor.
'use strict';
const fs = require('fs');

const kTypes = {
  'f4': ['float32', Float32Array], 'f8': ['float64', Float64Array], 'f2': ['float16', Uint16Array],
  'i1': ['int8', Int8Array], 'u1': ['uint8', Uint8Array], 'i2': ['int16', Int16Array], 'u2': ['uint16', Uint16Array],
  'i4': ['int32', Int32Array], 'u4': ['uint32', Uint32Array], 'i8': ['int64', BigInt64Array],
  'u8': ['uint64', BigUint64Array], 'b1': ['bool', Uint8Array],
};

const readNpy = file => parseNpy(fs.readFileSync(file));

function parseNpy(bytes) {
  const length = bytes.readUInt16LE(8);
  const header = bytes.subarray(10, 10 + length).toString('latin1');
  const [type, Array] = kTypes[/'descr': '.(\w+)'/.exec(header)[1]];
  const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(',').map(s => s.trim()).filter(s => s).map(Number);
  const data = Uint8Array.from(bytes.subarray(10 + length));  // its own buffer, so that it is aligned
  return {type, dims, data: new Array(data.buffer)};
}

function writeNpy(file, tensor) {
  const [code] = Object.entries(kTypes).find(([, [type]]) => type === tensor.type);
  const dims = tensor.dims.map(d => `${d},`).join(' ');
  const header = `{'descr': '${/1$/.test(code) ? '|' : '<'}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  const padded = Buffer.from(header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n', 'latin1');
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  fs.writeFileSync(file, Buffer.concat([head, padded, bytesOf(tensor)]));
}

const bytesOf = t => Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength);

module.exports = {readNpy, parseNpy, writeNpy, bytesOf};
