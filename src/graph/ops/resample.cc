#include "graph/ops/resample.h"

#include <algorithm>
#include <cmath>

#include "graph/to_integer.h"

namespace dunlin::ops {

namespace {

/// Resize before opset 11 and Upsample have one way of counting and no further attributes.
bool old_form(const NodeView& a) {
  return a.node().domain.empty() && (a.node().op == "Upsample" || a.opset() < 11);
}

/// Scale and size of one axis of the output; the scale is what the coordinates are computed with.
struct Target {
  double scale = 1;
  int64_t size = 0;
};

std::vector<int> chosen_axes(const NodeView& a, int rank) {
  std::vector<int> axes;
  if (a.has_attr("axes"))
    for (int64_t axis : a.attr_ints("axes")) axes.push_back(a.normalize_axis(axis, rank));
  else
    for (int d = 0; d < rank; ++d) axes.push_back(d);
  return axes;
}

std::vector<double> floats_of(const Tensor* t) { return t ? to_doubles(*t) : std::vector<double>{}; }

std::vector<Target> targets(const NodeView& a, const Shape& x, const Tensor* scales_input,
                            const Tensor* sizes_input) {
  std::vector<double> scales = floats_of(scales_input);
  if (const auto* list = find_attribute<std::vector<float>>(a.node(), "scales"))
    scales.assign(list->begin(), list->end());
  const std::vector<int64_t> sizes = sizes_input ? to_ints(*sizes_input) : std::vector<int64_t>{};
  const std::vector<int> axes = chosen_axes(a, x.rank());
  if (scales.empty() == sizes.empty()) a.error("exactly one of scales and sizes is expected");
  if (std::max(scales.size(), sizes.size()) != axes.size())
    a.error("{} scales or sizes for {} axes", std::max(scales.size(), sizes.size()), axes.size());
  std::vector<Target> out(static_cast<size_t>(x.rank()));
  for (int d = 0; d < x.rank(); ++d) out[static_cast<size_t>(d)] = {1, x[d]};
  const std::string policy = a.attr_string("keep_aspect_ratio_policy", "stretch");
  double common = policy == "not_larger" ? INFINITY : 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const double scale = static_cast<double>(sizes[i]) / static_cast<double>(x[axes[i]]);
    common = policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    Target& t = out[static_cast<size_t>(axes[i])];
    const double in = static_cast<double>(x[axes[i]]);
    if (!sizes.empty() && policy == "stretch") {
      t = {static_cast<double>(sizes[i]) / in, sizes[i]};
    } else if (!sizes.empty()) {
      t = {common, to_integer<int64_t>(std::floor(common * in + 0.5))};
    } else {
      t = {scales[i], to_integer<int64_t>(std::floor(in * scales[i]))};
    }
    if (!(t.scale > 0) || t.size < 0 || t.size > (int64_t{1} << 31))
      a.error("scale {} of axis {}", t.scale, axes[i]);
  }
  return out;
}

/// Where output element i lies in the input.
double coordinate(const NodeView& a, const std::string& mode, int64_t i, int64_t in, const Target& t,
                  double start, double end) {
  const double x = static_cast<double>(i), length = static_cast<double>(in);
  // ONNX counts in the unrounded size where scales are given.
  const double resized = length * t.scale;
  if (mode == "half_pixel") return (x + 0.5) / t.scale - 0.5;
  if (mode == "asymmetric") return x / t.scale;
  if (mode == "pytorch_half_pixel") return t.size > 1 ? (x + 0.5) / t.scale - 0.5 : 0;
  if (mode == "align_corners") return resized == 1 ? 0 : x * (length - 1) / (resized - 1);
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / t.scale;
  if (mode == "half_pixel_symmetric") {
    const double adjustment = static_cast<double>(t.size) / resized;
    return length / 2 * (1 - adjustment) + (x + 0.5) / t.scale - 0.5;
  }
  if (mode == "tf_crop_and_resize") {
    if (t.size <= 1) return 0.5 * (start + end) * (length - 1);
    return start * (length - 1) + x * (end - start) * (length - 1) / static_cast<double>(t.size - 1);
  }
  a.unsupported("coordinate_transformation_mode {} is not supported", mode);
}

double nearest(const NodeView& a, const std::string& mode, double x) {
  if (mode == "round_prefer_floor") return std::ceil(x - 0.5);
  if (mode == "round_prefer_ceil") return std::floor(x + 0.5);
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  a.unsupported("nearest_mode {} is not supported", mode);
}

double cubic(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

}  // namespace

bool ResampleAxis::identity() const {
  if (static_cast<int64_t>(taps.size()) != in) return false;
  for (size_t i = 0; i < taps.size(); ++i)
    if (taps[i].size() != 1 || taps[i][0] != std::pair{static_cast<int64_t>(i), 1.0}) return false;
  return true;
}

ResizeInputs resize_inputs(const NodeView& a) {
  if (!a.node().domain.empty()) return {2, 3, 4};  // ResizeGrad: dy, x, roi, scales, sizes
  if (old_form(a)) return {-1, 1, -1};
  return {1, 2, 3};
}

std::vector<ResampleAxis> resample_axes(const OpCall& c, const Shape& x, const Shape& y) {
  const ResizeInputs inputs = resize_inputs(c);
  const auto given = [&](int i) -> const Tensor* {
    return i >= 0 && c.has_input(i) && c.input(i).num_elements() > 0 ? &c.input(i) : nullptr;
  };
  const bool old = old_form(c);
  const std::string mode = c.attr_string("mode", "nearest");
  const std::string where =
      old ? "asymmetric" : c.attr_string("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = old ? "floor" : c.attr_string("nearest_mode", "round_prefer_floor");
  const double cubic_a = c.attr_float("cubic_coeff_a", -0.75f);
  const bool exclude = c.attr_int("exclude_outside", 0) != 0, antialias = c.attr_int("antialias", 0) != 0;
  const bool linear = mode == "linear" || mode == "bilinear";
  if (!linear && mode != "nearest" && mode != "cubic") c.unsupported("mode {} is not supported", mode);
  const std::vector<Target> target = targets(c, x, given(inputs.scales), given(inputs.sizes));
  const std::vector<int> axes = chosen_axes(c, x.rank());
  const std::vector<double> roi = floats_of(given(inputs.roi));
  std::vector<ResampleAxis> out;
  for (int d = 0; d < x.rank(); ++d) {
    ResampleAxis axis{.in = x[d], .taps = {}, .outside = {}};
    const Target& t = target[static_cast<size_t>(d)];
    const size_t place = static_cast<size_t>(std::find(axes.begin(), axes.end(), d) - axes.begin());
    double start = 0, end = 1;
    if (roi.size() == 2 * axes.size() && place < axes.size())
      start = roi[place], end = roi[place + axes.size()];
    for (int64_t i = 0; i < y[d]; ++i) {
      auto& taps = axis.taps.emplace_back();
      if (place == axes.size()) {
        taps.emplace_back(i, 1.0);
        axis.outside.push_back(false);
        continue;
      }
      const double at = coordinate(c, where, i, x[d], t, start, end);
      const double last = static_cast<double>(x[d] - 1);
      axis.outside.push_back(where == "tf_crop_and_resize" && (at < 0 || at > last));
      const auto clamped = [&](double v) { return static_cast<int64_t>(std::clamp(v, 0.0, last)); };
      if (mode == "nearest") {
        taps.emplace_back(clamped(nearest(c, rounding, at)), 1.0);
        continue;
      }
      // Antialiasing widens the filter where the image shrinks.
      const double shrink = antialias ? std::min(t.scale, 1.0) : 1;
      const double reach = linear ? 1 : 2;
      const double base = std::floor(at);
      const double first = std::floor(-reach / shrink) + 1;
      double total = 0;
      for (double k = first; k <= 1 - first; ++k) {
        const double arg = (k - (at - base)) * shrink;
        double weight = linear ? std::max(1 - std::abs(arg), 0.0) : cubic(arg, cubic_a);
        const double index = base + k;
        if (exclude && (index < 0 || index > last)) weight = 0;
        if (weight == 0) continue;
        total += weight;
        taps.emplace_back(clamped(index), weight);
      }
      if (exclude || antialias)
        for (auto& tap : taps) tap.second /= total;
    }
    out.push_back(std::move(axis));
  }
  return out;
}

std::vector<double> resample(std::vector<double> data, const std::vector<ResampleAxis>& axes,
                             bool transposed) {
  for (size_t d = 0; d < axes.size(); ++d) {
    const ResampleAxis& axis = axes[d];
    if (axis.identity()) continue;
    size_t outer = 1, inner = 1;
    const auto sizes = [&](const ResampleAxis& a) {  // before and after
      const size_t in = static_cast<size_t>(a.in), out = a.taps.size();
      return transposed ? std::pair{out, in} : std::pair{in, out};
    };
    for (size_t k = 0; k < d; ++k) outer *= sizes(axes[k]).second;
    for (size_t k = d + 1; k < axes.size(); ++k) inner *= sizes(axes[k]).first;
    const auto [from, to] = sizes(axis);
    std::vector<double> next(outer * to * inner, 0.0);
    for (size_t o = 0; o < outer; ++o)
      for (size_t i = 0; i < axis.taps.size(); ++i)
        for (const auto& [index, weight] : axis.taps[i]) {
          const size_t k = static_cast<size_t>(index);
          const double* source = data.data() + (o * from + (transposed ? i : k)) * inner;
          double* target = next.data() + (o * to + (transposed ? k : i)) * inner;
          for (size_t e = 0; e < inner; ++e) target[e] += weight * source[e];
        }
    data = std::move(next);
  }
  return data;
}

std::vector<Type> infer_resize(const InferArgs& a) {
  const Shape& x = a.shape(0);
  const ResizeInputs inputs = resize_inputs(a);
  Shape y(std::vector<int64_t>(static_cast<size_t>(x.rank()), kUnknownDim));
  const auto given = [&](int i) { return i >= 0 && a.has_input(i); };
  const auto value = [&](int i) {
    const Tensor* t = given(i) ? a.constant(i) : nullptr;
    return t && t->num_elements() > 0 ? t : nullptr;
  };
  const Tensor *scales = value(inputs.scales), *sizes = value(inputs.sizes);
  const bool stretch = a.attr_string("keep_aspect_ratio_policy", "stretch") == "stretch";
  const bool given_now = a.has_attr("scales") || scales || sizes;
  if (!given_now || (sizes && !stretch && !x.known())) return {{.format = a.format(0), .shape = y}};
  // An axis whose size is open stays open, unless its size is given or its scale is 1.
  Shape counted = x;
  for (int d = 0; d < x.rank(); ++d)
    if (x[d] < 0) counted[d] = 1;
  const std::vector<Target> t = targets(a, counted, scales, sizes);
  const std::vector<int> axes = chosen_axes(a, x.rank());
  for (int d = 0; d < x.rank(); ++d) {
    const Target& target = t[static_cast<size_t>(d)];
    const bool chosen = std::find(axes.begin(), axes.end(), d) != axes.end();
    if (x[d] >= 0 || (sizes && chosen))
      y[d] = target.size;
    else if (!chosen || target.scale == 1)
      y[d] = x[d];
  }
  return {{.format = a.format(0), .shape = y}};
}

void resize_forward(const OpCall& c) {
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  const std::vector<ResampleAxis> axes = resample_axes(c, x, y);
  std::vector<double> data = resample(to_doubles(c.input(0)), axes, false);
  const double extrapolated = c.attr_float("extrapolation_value", 0);
  const Strides strides = row_major_strides(y);
  for (int d = 0; d < y.rank(); ++d) {
    const ResampleAxis& axis = axes[static_cast<size_t>(d)];
    if (std::find(axis.outside.begin(), axis.outside.end(), true) == axis.outside.end()) continue;
    const size_t step = static_cast<size_t>(strides[static_cast<size_t>(d)]);
    for (size_t i = 0; i < data.size(); ++i)
      if (axis.outside[i / step % axis.outside.size()]) data[i] = extrapolated;
  }
  store_doubles(c, 0, data);
}

}  // namespace dunlin::ops
