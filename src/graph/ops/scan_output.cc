#include "graph/ops/scan_output.h"

#include "graph/ops/movement.h"

namespace dunlin::ops {

void ScanOutput::add(const ValueCall& c, int output, RunValue value) {
  if (!value.is_tensor()) c.error("output {} collects tensors, an iteration gives something else", output);
  Tensor& t = value.tensor();
  if (!parts_.empty() && (t.format() != parts_[0].format() || t.shape() != parts_[0].shape()))
    c.error("output {}: an iteration gives {}{}, those before it {}{}", output, t.format()->name,
            to_string(t.shape()), parts_[0].format()->name, to_string(parts_[0].shape()));
  parts_.push_back(std::move(t));
}

uint64_t ScanOutput::num_bytes() const { return parts_.empty() ? 0 : parts_.size() * parts_[0].num_bytes(); }

Tensor ScanOutput::stacked(const ValueCall& c, int output, int64_t axis, bool reverse) const {
  if (parts_.empty()) {
    Type none = c.output_types().at(static_cast<size_t>(output));
    if (!none.format || !none.shape)
      c.error("no iteration ran, and the type of what one would add to output {} is not known", output);
    for (int i = 0; i < none.shape->rank(); ++i) (*none.shape)[i] = std::max<int64_t>((*none.shape)[i], 0);
    (*none.shape)[c.normalize_axis(axis, none.shape->rank())] = 0;
    return c.allocate(none.format, *none.shape);
  }
  const Type type = stacked_type(c, {.format = parts_[0].format(), .shape = parts_[0].shape()}, axis,
                                 static_cast<int64_t>(parts_.size()));
  Tensor out = c.allocate(type.format, *type.shape);
  Strides strides = out.strides();
  const auto at = strides.begin() + c.normalize_axis(axis, out.shape().rank());
  const int64_t step = *at;
  strides.erase(at);
  for (size_t i = 0; i < parts_.size(); ++i) {
    const size_t place = reverse ? parts_.size() - 1 - i : i;
    scatter_window(parts_[i], out, static_cast<int64_t>(place) * step, strides, false);
  }
  return out;
}

Tensor part_of(const Tensor& x, int axis, int64_t index) {
  Shape shape;
  Strides strides;
  for (int d = 0; d < x.shape().rank(); ++d) {
    if (d == axis) continue;
    shape.push_back(x.shape()[d]);
    strides.push_back(x.strides()[static_cast<size_t>(d)]);
  }
  const int64_t offset = index * x.strides()[static_cast<size_t>(axis)] * element_bytes(x.format());
  // Bodies only read what they are given.
  auto* data = const_cast<std::byte*>(x.plane(Plane::kPayload).data()) + offset;
  return Tensor::over(x.format(), std::move(shape), std::move(strides), data);
}

void meet(const NodeView& n, int64_t& length, int64_t other) {
  if (length >= 0 && other >= 0 && length != other)
    n.error("one input has {} parts along its axis, another {}", length, other);
  if (length < 0) length = other;
}

Type stacked_type(const NodeView& n, const Type& element, int64_t axis, int64_t length) {
  Type out{.format = element.format, .shape = {}};
  if (!element.shape) return out;
  const int at = n.normalize_axis(axis, element.shape->rank() + 1);
  out.shape.emplace();
  for (int i = 0; i <= element.shape->rank(); ++i) {
    if (i == at) out.shape->push_back(length);
    if (i < element.shape->rank()) out.shape->push_back((*element.shape)[i]);
  }
  return out;
}

}  // namespace dunlin::ops
