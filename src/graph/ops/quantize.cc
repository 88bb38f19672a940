#include "graph/ops/quantize.h"

#include "graph/ops/channels.h"

namespace dunlin::ops {

void check_quantized(const NodeView& a, std::string_view what, Format format, bool wide) {
  if (format == nullptr || format == &formats::kU8 || format == &formats::kI8) return;
  if (wide && (format == &formats::kU16 || format == &formats::kI16)) return;
  if (wide && format->narrow && format != &formats::kF8E8M0) return;
  a.unsupported("{} is {}, {} is supported", what, format->name,
                wide ? "an integer of 4 to 16 bits, FLOAT8 or FLOAT4" : "u8 or i8");
}

namespace {

/// From attributes axis and block_size and known shapes.
ScaleIndex scale_index(const NodeView& a, const Shape& x, const Shape& scale, const Shape* zero_point) {
  if (zero_point && zero_point->num_elements() != scale.num_elements())
    a.error("the scale is {}, the zero point {}: one shape is expected", to_string(scale),
            to_string(*zero_point));
  ScaleIndex index;
  const int opset = a.node().domain == kDunlinDomain ? kNewestOpset : a.opset();
  const int64_t block = opset < 21 ? 0 : a.attr_int("block_size", 0);
  if (block < 0) a.error("block_size is {}, 0 or more is expected", block);
  if (block == 0 && scale.rank() <= 1 && scale.num_elements() == 1) return index;
  if (opset < 13) a.error("the scale is {}, before opset 13 a scalar is expected", to_string(scale));
  const int axis = a.normalize_axis(a.attr_int("axis", 1), x.rank());
  index.lanes = lanes_along(x, axis);
  Shape expected{x[axis]};
  index.block = 1;
  if (block > 0) {
    index.inner = true;
    index.block = block;
    index.blocks = x[axis] / block + (x[axis] % block != 0);
    expected = x;
    expected[axis] = index.blocks;
  }
  if (scale != expected)
    a.error("the scale is {}, {} is expected for {}, axis {}, block_size {}", to_string(scale),
            to_string(expected), to_string(x), axis, block);
  return index;
}

}  // namespace

ScaledValues scaled_values(const OpCall& c) {
  const Tensor &x = c.input(0), &scale = c.input(1);
  const Tensor* zero_point = optional_input(c, 2);
  return {.index = scale_index(c, x.shape(), scale.shape(), zero_point ? &zero_point->shape() : nullptr),
          .x = to_doubles(x),
          .scales = to_doubles(scale),
          .zeros = zero_point ? to_doubles(*zero_point) : std::vector<double>{}};
}

void check_scales(const InferArgs& a) {
  const auto known = [&](int i) { return a.has_shape(i) && a.shape(i).known(); };
  if (!known(0) || !known(1) || (a.has_input(2) && !known(2))) return;
  scale_index(a, a.shape(0), a.shape(1), a.has_input(2) ? &a.shape(2) : nullptr);
}

std::vector<int32_t> centred(const OpCall& c, int input, const Tensor* zero_point, const Shape& aligned) {
  const Tensor& x = c.input(input);
  std::vector<int64_t> zero{0};
  Strides strides(static_cast<size_t>(x.shape().rank()), 0);
  if (zero_point) {
    if (zero_point->format() != x.format())
      c.error("input {} is {}, its zero point {}: one type is expected", input, x.format()->name,
              zero_point->format()->name);
    if (broadcast_shapes(c, x.shape(), aligned) != x.shape())
      c.error("the zero point {} does not fit {}", to_string(aligned), to_string(x.shape()));
    zero = to_ints(*zero_point);
    strides =
        broadcast_strides(Tensor::over(x.format(), aligned, row_major_strides(aligned), nullptr), x.shape());
  }
  std::vector<int32_t> out(static_cast<size_t>(x.num_elements()));
  for_quantized_format(x.format(), [&]<typename T>() {
    const T* in = x.data<T>();
    for_each_strided(
        x.shape(),
        [&](size_t k, int64_t i, int64_t z) {
          out[k] = static_cast<int32_t>(in[i]) - static_cast<int32_t>(zero[static_cast<size_t>(z)]);
        },
        x.strides(), strides);
  });
  return out;
}

Shape aligned_to_channels(const NodeView& a, std::string_view what, const Shape& s, const Shape& w) {
  if (s.num_elements() == 1) return {};
  if (s.rank() != 1 || s[0] != w[0])
    a.error("{} is {}, a scalar or [{}] is expected", what, to_string(s), w[0]);
  Shape out = s;
  while (out.rank() < w.rank()) out.push_back(1);
  return out;
}

Shape aligned_to_rows(const NodeView& a, std::string_view what, const Shape& s, const Shape& operand) {
  if (s.num_elements() == 1) return {};
  Shape out = s;
  if (s.rank() == 1) out.push_back(1);
  if (operand.rank() < 2 || out.rank() > operand.rank() || out[out.rank() - 1] != 1 ||
      out[out.rank() - 2] != operand[operand.rank() - 2])
    a.error("{} is {}, one number or one for each row of {} is expected", what, to_string(s),
            to_string(operand));
  return out;
}

Shape aligned_to_columns(const NodeView& a, std::string_view what, const Shape& s, const Shape& operand) {
  if (s.num_elements() == 1) return {};
  if (operand.rank() < 2 || s.rank() > operand.rank() || (s.rank() > 1 && s[s.rank() - 2] != 1) ||
      s[s.rank() - 1] != operand[operand.rank() - 1])
    a.error("{} is {}, one number or one for each column of {} is expected", what, to_string(s),
            to_string(operand));
  return s;
}

}  // namespace dunlin::ops
