// Where a comparison with ONNX Runtime over random models does not hold, each with its reason: the standard's text, or
// that it leaves something open. A case is what random_op_models writes.
'use strict';

const numbers = text => (text.match(/-?[\d.]+(?:e[+-]?\d+)?/g) || []).map(Number);
const sizesOf = t => numbers(t.shape);
const isEmpty = t => sizesOf(t).includes(0);
/// Of a constant operand, "i64[2]{1,0}"; null of an input or of what is left out.
const valuesOf = operand => /\{/.test(operand || '') ? numbers(/\{(.*)\}/.exec(operand)[1]) : null;
const shapeOf = operand => numbers(/\[(.*?)\]/.exec(operand)[1]);
const attribute = (c, name) => (new RegExp(`(?:^| )${name}=([^ ]*)`).exec(c.attributes) || [])[1];
const numbersIn = (c, name) => attribute(c, name) === undefined ? null : numbers(attribute(c, name));
const is16 = c => c.outputs[0].format === 'f16';
const is32 = c => c.outputs[0].format === 'f32';
const is64 = c => c.outputs[0].format === 'f64';

// A window's axes, as [reach, stride, dilation, kernel].
const windowOf = (c, kernel) => kernel.map((k, i) => {
  const dilation = (numbersIn(c, 'dilations') || [])[i] ?? 1;
  return {reach: (k - 1) * dilation + 1, stride: (numbersIn(c, 'strides') || [])[i] ?? 1, dilation, kernel: k};
});
const sameWithDilation = c => /auto_pad=SAME/.test(c.attributes) &&
    windowOf(c, numbersIn(c, 'kernel_shape')).some(w => w.dilation > 1 && w.kernel > 1);
const sameLeavesOut = c => /auto_pad=SAME/.test(c.attributes) &&
    windowOf(c, numbersIn(c, 'kernel_shape')).some(
        (w, i) => (Math.ceil(sizesOf(c.inputs[0])[i + 2] / w.stride) - 1) * w.stride + w.reach < sizesOf(c.inputs[0])[i + 2]);
const shorterThanStride = c => /auto_pad=SAME/.test(c.attributes) &&
    windowOf(c, shapeOf(c.operands[1]).slice(2))
        .some((w, i) => w.reach + ((numbersIn(c, 'output_padding') || [])[i] ?? 0) < w.stride);

// `sequence_lens` is input 4 and here a constant.
const noSteps = c => c.inputs.some(isEmpty) || (valuesOf(c.operands[4]) || [1]).every(n => n === 0);
const someWithoutSteps = c => !noSteps(c) && (valuesOf(c.operands[4]) || []).includes(0);
function lastStateOfNone(c, output, i) {
  if (output.name === 'out0') return false;
  const lengths = valuesOf(c.operands[4]);
  const [a, b, hidden] = sizesOf(output);
  const row = Math.floor(i / hidden);
  return lengths[attribute(c, 'layout') === '1' ? Math.floor(row / b) : row % b] === 0;
}
// One step from nothing leaves |i * g| <= 1 * tanh(clip) in the cell.
const cellMayExceedClip = c => attribute(c, 'clip') !== undefined && (sizesOf(c.inputs[0])[0] > 1 || (c.operands[6] || '_') !== '_');

function binsDoNotFit(c) {
  const axis = (valuesOf(c.operands[2]) || [c.opset < 20 ? attribute(c, 'axis') ?? 1 : -2])[0];
  const given = sizesOf(c.inputs[0]).at(axis), n = sizesOf(c.outputs[0]).at(axis), used = Math.floor(n / 2) + 1;
  return given > used || given < used && Number.isInteger(Math.log2(n));
}

function unpooledElsewhere(c) {
  if (c.operands.length < 3) return false;
  const x = sizesOf(c.inputs[0]), asked = valuesOf(c.operands[2]), pads = numbersIn(c, 'pads') || [];
  return windowOf(c, numbersIn(c, 'kernel_shape')).some((w, i, all) =>
      (x[i + 2] - 1) * w.stride + w.kernel - (pads[i] ?? 0) - (pads[i + all.length] ?? 0) !== asked[i + 2]);
}

// [size, begin, end] of the axes that a Pad names.
function paddedAxes(c) {
  const sizes = sizesOf(c.inputs[0]), pads = valuesOf(c.operands[1]) || numbersIn(c, 'pads');
  const axes = valuesOf(c.operands[3]) || sizes.map((_, i) => i);
  return axes.map((axis, i) => [sizes.at(axis), pads[i], pads[i + axes.length]]);
}

const scalesOf = c => valuesOf(c.operands[c.operands.length > 2 ? 2 : 1]) || [];
const scaledAxes = c => scalesOf(c).map((s, i) => ({
  scale: Math.fround(s), in: sizesOf(c.inputs[0]).at((numbersIn(c, 'axes') || [])[i] ?? i)}));
function cropEdge(c) {
  const roi = (valuesOf(c.operands[1]) || []).map(Math.fround), x = sizesOf(c.inputs[0]), y = sizesOf(c.outputs[0]);
  const rank = roi.length / 2, axes = numbersIn(c, 'axes') || x.map((_, i) => i);
  const place = (i, at, f) => f(f(roi[i] * (x.at(axes[i]) - 1)) +
      f(f(at * f(roi[rank + i] - roi[i])) * f((x.at(axes[i]) - 1) / (y.at(axes[i]) - 1))));
  return [...Array(rank).keys()].some(i => [...Array(y.at(axes[i])).keys()].some(at => {
    const outside = p => p < 0 || p > x.at(axes[i]) - 1;
    return outside(place(i, at, Math.fround)) !== outside(place(i, at, v => v)) && y.at(axes[i]) > 1;
  }));
}
// Whether single and double precision find different elements the nearest, or outside what is cropped.
function precisionDecides(c) {
  if (/tf_crop_and_resize/.test(c.attributes)) return cropEdge(c);
  if (attribute(c, 'mode') !== undefined && attribute(c, 'mode') !== 'nearest') return false;
  const where = attribute(c, 'coordinate_transformation_mode') || 'half_pixel';
  const rounding = {round_prefer_floor: x => Math.ceil(x - 0.5), round_prefer_ceil: x => Math.floor(x + 0.5),
                    floor: Math.floor, ceil: Math.ceil}[attribute(c, 'nearest_mode') || 'round_prefer_floor'];
  // Of half_pixel_symmetric.
  const offset = (a, f) => f(a.in / 2 * f(1 - f(Math.floor(a.in * a.scale) / f(a.in * a.scale))));
  const place = (x, a, f) => where === 'asymmetric' ? f(x / a.scale)
      : where === 'half_pixel_symmetric' ? f(offset(a, f) + f(f((x + 0.5) / a.scale) - 0.5))
      : where === 'align_corners' ? f(f(x * (a.in - 1)) / f(f(a.in * a.scale) - 1)) : f(f((x + 0.5) / a.scale) - 0.5);
  return scaledAxes(c).some(a => [...Array(Math.floor(a.in * a.scale)).keys()].some(
      x => rounding(place(x, a, Math.fround)) !== rounding(place(x, a, v => v))));
}

const all = () => true;
const output = name => (c, o) => o.name === name;

// `is`: the cases. `leaves`: of those, the elements that are not compared (types and shapes are); without it nothing is.
const kDeparts = [
  // Drawn.
  ...['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'].map(
      op => ({op, is: all, leaves: all})),
  {op: 'Dropout', is: c => (valuesOf(c.operands[2]) || [0])[0] === 1 && (valuesOf(c.operands[1]) || [0.5])[0] > 0,
   leaves: all},
  // With one place along an axis, -1 to 1 has no step: Dunlin puts it at 0, as PyTorch does.
  {op: 'AffineGrid', is: c => /align_corners=1/.test(c.attributes) && sizesOf(c.outputs[0]).slice(1, -1).includes(1)},
  // "A fully-masked query row produces a zero output row, not NaN": in double precision NaN, or the mean of all values.
  {op: 'Attention', is: is64, leaves: (c, o, i, ours) => ours === 0},
  // "offset = nonpad_kv_seqlen - q_sequence_length": 0 in double precision.
  {op: 'Attention', is: c => is64(c) && attribute(c, 'is_causal') === '1' && (c.operands[6] || '_') !== '_'},
  // auto_pad SAME_*: "output_shape[i] = ceil(input_shape[i] / strides[i])"; a dilation makes it fewer.
  ...['AveragePool', 'LpPool', 'MaxPool'].map(op => ({op, is: sameWithDilation})),
  // The padding is negative where the kernel is shorter than the stride: none here, as in TensorFlow; cut off there.
  ...['AveragePool', 'LpPool', 'MaxPool'].map(op => ({op, is: sameLeavesOut})),
  // "pad the input so that output_shape[i] = input_shape[i] * strides[i]"; not where the kernel is shorter than the stride.
  {op: 'ConvTranspose', is: shorterThanStride},
  // Before opset 14: saved_var is "saved variance"; 1 / sqrt(variance) there.
  {op: 'BatchNormalization', is: c => c.opset < 14, leaves: output('out4')},
  // Before opset 12 nothing says what the mask of a run that drops nothing is: true here, false there.
  {op: 'Dropout', is: c => c.opset < 12, leaves: output('out1')},
  // The onesided inverse: "only values for k in [0, 1, 2, ..., floor(n_fft/2) + 1] are used", and what is missing is 0.
  // There all that are given are used, and what is missing is not 0 where the length is a power of two.
  {op: 'DFT', is: c => /inverse=1/.test(c.attributes) && /onesided=1/.test(c.attributes) && binsDoNotFit(c)},
  // "y_scale = (maximum(0, max(x)) - minimum(0, min(x))) / (qmax - qmin)" is 0 where nothing is but 0; 1 there.
  {op: 'DynamicQuantizeLinear', is: c => c.outputs[1].values[0] === 0, leaves: output('out1')},
  // When no sequence has a step, the whole process ends (std::terminate).
  ...['GRU', 'LSTM', 'RNN'].map(op => ({op, is: noSteps})),
  // "The last output value" of a sequence without steps: the initial one here, 0 there.
  ...['GRU', 'LSTM', 'RNN'].map(op => ({op, is: someWithoutSteps, leaves: lastStateOfNone})),
  // With one target no other transform than PROBIT is applied there.
  {op: 'LinearRegressor', is: c => sizesOf(c.outputs[0])[1] === 1 && /=(SOFTMAX|LOGISTIC)/.test(c.attributes)},
  // The clip "is applied to the input of activations", of which h(Ct) is one; the cell state is not clipped there.
  {op: 'LSTM', is: cellMayExceedClip},
  // A sum of no products is what the memory held.
  {op: 'MatMulInteger', is: c => c.inputs.some(isEmpty) && !isEmpty(c.outputs[0])},
  // As in run_onnxruntime.cjs.
  {op: 'MaxUnpool', is: unpooledElsewhere},
  // Around an axis that is cut at one end: the standard does not say which is done first.
  {op: 'Pad', is: c => /mode=wrap/.test(c.attributes) && paddedAxes(c).some(([, a, b]) => a < 0 || b < 0)},
  // "wrap-around padding as if the data tensor forms a torus": not more than once around.
  {op: 'Pad', is: c => /mode=wrap/.test(c.attributes) && paddedAxes(c).some(([d, a, b]) => a > d || b > d)},
  // An axis counted from the end is not looked at when the aspect ratio is kept.
  {op: 'Resize', is: c => /axes=\[-/.test(c.attributes) && /keep_aspect_ratio_policy=not/.test(c.attributes)},
  // The standard does not say in which precision places are counted.
  {op: 'Resize', is: precisionDecides},
  // Cropping is left out along an axis that keeps its size.
  {op: 'Resize', is: c => /tf_crop_and_resize/.test(c.attributes) &&
      sizesOf(c.outputs[0]).some((d, axis) => axis > 1 && d === sizesOf(c.inputs[0])[axis])},
  // As in run_onnxruntime.cjs.
  {op: 'Resize', is: c => /align_corners/.test(c.attributes) && scaledAxes(c).some(a => a.in * a.scale % 1 !== 0)},
  // The same for the sizes that keep the aspect ratio, where ONNX's reference implementation is the judge.
  {op: 'Resize', is: c => /align_corners/.test(c.attributes) && /keep_aspect_ratio_policy=not/.test(c.attributes)},
];

// What Dunlin refuses, by its message, and ONNX Runtime runs.
const kRefused = [
  // "theta: (N, 2, 3) or (N, 3, 4)", of the N that `size` has; a theta of more sizes, or more samples, is cut there.
  {op: 'AffineGrid', why: /theta is/},
  // More tokens than there are keys: memory behind the keys is not read in Dunlin.
  {op: 'Attention', why: /nonpad_kv_seqlen holds/},
  // The output's size by the standard's equations is 0 or less, which PyTorch refuses too; 0 there, or 1 where the
  // division is cut instead of rounded down.
  ...['AveragePool', 'LpPool', 'MaxPool'].map(op => ({op, why: /the kernel reaches over/})),
  // "Its length can be less than the input length", not more.
  {op: 'Compress', why: /the condition has/},
  // As many outputs as inputs times strides: too many.
  {op: 'ConvTranspose', why: /more than 2\^48 elements/},
  // "y_scale: It's a scalar" before opset 13.
  {op: 'DequantizeLinear', why: /before opset 13 a scalar/},
  {op: 'QuantizeLinear', why: /before opset 13 a scalar/},
  // "Input tensor of shape (N, C, H, W)" before opset 20.
  {op: 'GridSample', why: /opset 16 has two spatial axes/},
  // "The coefficients array is of length n" for each target or class: behind fewer, memory is read there.
  ...['LinearClassifier', 'LinearRegressor'].map(op => ({op, why: /coefficients/})),
  // "The length of the attribute array may be 1 or F", the features; of others the first counts there.
  {op: 'Imputer', why: /the features of X/},
  // As where unpooledElsewhere: in the pooled shape there is no such place.
  {op: 'MaxUnpool', why: /is outside the unpooled/},
  // "has to be a tensor of size C": behind fewer, memory is read there.
  ...['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'].map(op => ({op, why: /the weights are/})),
  // "head_size has to be even"
  {op: 'RotaryEmbedding', why: /an even number is expected/},
  // "if the input or window tensors are complex, then onesided output is not possible"
  {op: 'STFT', why: /onesided is for real signals/},
];

// Where results of ONNX Runtime are not as exact as their type: by how much they may differ, of an element and of the
// largest. ONNX's reference implementation agrees with Dunlin unless something else is said.
const kHalf = 2 ** -10, kSingle = 2 ** -23;
const kInexact = [
  // In half precision every intermediate result is rounded to it; in double precision the scale is single.
  {op: 'Attention', is: c => !is32(c), relative: c => is64(c) ? kSingle : kHalf},
  ...['AffineGrid', 'ConvTranspose', 'DFT', 'Einsum', 'STFT'].map(op => ({op, is: is16, relative: () => kHalf})),
  // Training: "computation of ReduceMean and ReduceVar uses float"; half precision there, with an estimated square root.
  {op: 'BatchNormalization', is: c => is16(c) && c.outputs.length > 1, relative: () => 2e-2},
  // Attributes and constants of functions in single precision. ONNX's function of Gelu and HardSwish has such constants,
  // the equations in their texts do not.
  ...['BlackmanWindow', 'Gelu', 'HammingWindow', 'HardSwish', 'Shrink'].map(op => ({op, is: is64, relative: () => kSingle})),
  // Angles in single precision where the length is no power of two.
  {op: 'DFT', is: is64, relative: () => kSingle},
  // stash_type 1: the first stage is in single precision, also by the reference. Dunlin has double, as for LayerNormalization both.
  {op: 'GroupNormalization', is: is64, relative: () => 1e-3},
  // The variance of nearly equal numbers loses digits; Dunlin sums it in double.
  ...['GroupNormalization', 'InstanceNormalization', 'LayerNormalization', 'MeanVarianceNormalization'].map(
      op => ({op, is: c => !is16(c), relative: c => is64(c) ? 1e-11 : 1e-3})),
  // The probit by a formula of three digits; Dunlin's is exact.
  {op: 'LinearRegressor', is: c => /PROBIT/.test(c.attributes), relative: () => 5e-3},
  // What a step rounds is carried to the next.
  ...['GRU', 'LSTM', 'RNN'].map(op => ({op, is: is32, relative: () => 64 * kSingle})),
];

// Whole numbers where the result lies between two and the precision decides.
const kOneUnit = [
  {op: 'QLinearConv', is: all},
  {op: 'QLinearMatMul', is: all},
  // Since opset 23 the division is "in the type of the scale", in single precision there.
  {op: 'QuantizeLinear', is: c => c.opset >= 23 && /^f16/.test(c.operands[1])},
];

// Of how many models of an op there must be results to compare, with 20 for each of its samples: over nine seeds there are
// 13 at least. Of Multinomial ONNX Runtime has few types.
const kFewest = {others: 8, Multinomial: 1};

module.exports = {kDeparts, kRefused, kInexact, kOneUnit, kFewest};
