#include "dunlin/tensor.h"

#include <cstring>
#include <new>

#include "base/cpu.h"
#include "base/error.h"
#include "tensor/formats.h"
#include "tensor/strided.h"

namespace dunlin {

namespace {

constexpr size_t kAlignment = 64;

std::shared_ptr<std::byte> allocate(uint64_t bytes) {
  constexpr auto align = std::align_val_t(kAlignment);
  // Linux hands out more than there is, and ends the process when it is used.
  void* p =
      bytes > usable_memory_bytes() ? nullptr : ::operator new(bytes == 0 ? 1 : bytes, align, std::nothrow);
  if (p == nullptr) fail(ErrorCode::kResourceExhausted, "cannot allocate {} bytes for a tensor", bytes);
  std::memset(p, 0, bytes);
  return {static_cast<std::byte*>(p), [](std::byte* b) { ::operator delete(b, align); }};
}

}  // namespace

Tensor::Tensor(Format format, Shape shape, int axis)
    : format_(format), shape_(std::move(shape)), strides_(row_major_strides(shape_)), axis_(axis) {
  if (format == &formats::kString)
    fail(ErrorCode::kUnsupported, "a tensor of strings {} is made from its strings", to_string(shape_));
  uint64_t total = 0;
  std::vector<uint64_t> sizes;
  for (const PlaneDef& plane : format->planes) {
    sizes.push_back(plane_bytes(plane, shape_, axis));
    total += (sizes.back() + kAlignment - 1) / kAlignment * kAlignment;
  }
  auto memory = allocate(total);
  std::byte* p = memory.get();
  for (uint64_t size : sizes) {
    planes_.emplace_back(p, size);
    p += (size + kAlignment - 1) / kAlignment * kAlignment;
  }
  owner_ = std::move(memory);
}

Tensor Tensor::of_strings(Shape shape, std::vector<std::string> values) {
  check_count(shape, values.size());
  Tensor t;
  t.format_ = &formats::kString;
  t.strides_ = row_major_strides(shape);
  t.shape_ = std::move(shape);
  t.owner_ = std::make_shared<const std::vector<std::string>>(std::move(values));
  return t;
}

std::span<const std::string> Tensor::strings() const {
  check_element(&formats::kString);
  return *static_cast<const std::vector<std::string>*>(owner_.get());
}

Tensor Tensor::over(Format format, Shape shape, Strides strides, std::byte* data,
                    std::shared_ptr<const void> keep_alive) {
  DUNLIN_CHECK(is_plain(format));
  Tensor t;
  t.format_ = format;
  t.shape_ = std::move(shape);
  t.strides_ = std::move(strides);
  t.planes_.emplace_back(
      data, static_cast<size_t>(t.shape_.num_elements()) * static_cast<size_t>(element_bytes(format)));
  t.owner_ = std::move(keep_alive);
  return t;
}

uint64_t Tensor::num_bytes() const {
  uint64_t n = 0;
  if (format_ == &formats::kString)
    for (const std::string& s : strings()) n += sizeof(s) + s.size();
  for (auto p : planes_) n += p.size();
  return n;
}

bool Tensor::is_row_major() const {
  const Strides dense = row_major_strides(shape_);
  for (int i = 0; i < shape_.rank(); ++i)
    if (shape_[i] > 1 && strides_[static_cast<size_t>(i)] != dense[static_cast<size_t>(i)]) return false;
  return true;
}

std::span<std::byte> Tensor::plane(Plane plane) {
  for (size_t i = 0; format_ != nullptr && i < planes_.size(); ++i)
    if (format_->planes[i].plane == plane) return planes_[i];
  fail(ErrorCode::kInvalidArgument, "format {} has no plane {}", format_ ? format_->name : "(none)",
       static_cast<int>(plane));
}

std::span<const std::byte> Tensor::plane(Plane plane) const {
  return const_cast<Tensor*>(this)->plane(plane);
}

void Tensor::check_count(const Shape& shape, size_t values) {
  if (static_cast<uint64_t>(shape.num_elements()) != values)
    fail(ErrorCode::kInvalidArgument, "tensor {}: {} values, {} are expected", to_string(shape), values,
         shape.num_elements());
}

void Tensor::check_element(Format wanted) const {
  if (format_ != wanted)
    fail(ErrorCode::kInvalidArgument, "tensor is {}, {} is expected", format_ ? format_->name : "missing",
         wanted->name);
}

void Tensor::check_row_major() const {
  if (!is_row_major()) fail(ErrorCode::kInvalidArgument, "tensor {} is not row major", to_string(shape_));
}

Tensor Tensor::view() const {
  Tensor t;
  t.format_ = format_;
  t.shape_ = shape_;
  t.strides_ = strides_;
  t.axis_ = axis_;
  t.planes_ = planes_;
  t.owner_ = owner_;
  return t;
}

Tensor Tensor::clone() const {
  if (format_ == &formats::kString) return view();
  Tensor t(format_, shape_, axis_);
  if (is_row_major()) {
    for (size_t i = 0; i < planes_.size(); ++i)
      if (!planes_[i].empty()) std::memcpy(t.planes_[i].data(), planes_[i].data(), t.planes_[i].size());
  } else {
    copy_strided(*this, t);
  }
  return t;
}

Tensor Tensor::reshaped(Shape shape) const {
  check_row_major();
  if (shape.num_elements() != num_elements())
    fail(ErrorCode::kInvalidArgument, "cannot view {} as {}: {} against {} elements", to_string(shape_),
         to_string(shape), num_elements(), shape.num_elements());
  Tensor t = view();
  t.strides_ = row_major_strides(shape);
  t.shape_ = std::move(shape);
  return t;
}

Tensor Tensor::to_float() const {
  if (!is_row_major()) return clone().to_float();
  Tensor t(&formats::kF32, shape_);
  format_->decode({.shape = shape_,
                   .axis = axis_,
                   .planes = planes_,
                   .values = {t.data<float>(), static_cast<size_t>(num_elements())}});
  return t;
}

}  // namespace dunlin
