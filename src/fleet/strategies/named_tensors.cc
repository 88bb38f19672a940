#include "fleet/strategies/named_tensors.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "fleet/strategies/framing.h"

namespace dunlin::fleet {

namespace {
constexpr uint64_t kMaxElements = uint64_t{1} << 36;

void same_shape(const NamedTensor& a, const NamedTensor& b) {
  if (a.shape != b.shape)
    fail(ErrorCode::kInvalidArgument, "tensor \"{}\": shape is {}, expected {}", a.name, shape_text(b.shape),
         shape_text(a.shape));
}
}  // namespace

size_t num_elements(const std::vector<int64_t>& shape, std::string_view name) {
  uint64_t n = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || static_cast<uint64_t>(extent) > kMaxElements ||
        (n *= static_cast<uint64_t>(extent)) > kMaxElements)
      fail(ErrorCode::kInvalidArgument, "tensor \"{}\": absurd shape {}", name, shape_text(shape));
  }
  return n;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

NamedTensors::NamedTensors(std::vector<NamedTensor> tensors) {
  for (NamedTensor& t : tensors) add(std::move(t));
}

void NamedTensors::add(NamedTensor tensor) {
  if (find(tensor.name) != nullptr)
    fail(ErrorCode::kInvalidArgument, "tensor \"{}\": there are two of this name", tensor.name);
  if (const size_t n = num_elements(tensor.shape, tensor.name); n != tensor.values.size())
    fail(ErrorCode::kInvalidArgument, "tensor \"{}\": {} values, shape {} needs {}", tensor.name,
         tensor.values.size(), shape_text(tensor.shape), n);
  tensors_.push_back(std::move(tensor));
}

const NamedTensor* NamedTensors::find(std::string_view name) const {
  const auto it =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const NamedTensor& t) { return t.name == name; });
  return it == tensors_.end() ? nullptr : &*it;
}

const NamedTensor& NamedTensors::at(std::string_view name) const {
  const NamedTensor* t = find(name);
  if (t == nullptr) fail(ErrorCode::kNotFound, "tensor \"{}\": there is none of this name", name);
  return *t;
}

NamedTensor& NamedTensors::at(std::string_view name) {
  return const_cast<NamedTensor&>(static_cast<const NamedTensors*>(this)->at(name));
}

size_t NamedTensors::num_values() const {
  size_t n = 0;
  for (const NamedTensor& t : tensors_) n += t.values.size();
  return n;
}

NamedTensors NamedTensors::plus(const NamedTensors& other) const {
  NamedTensors out = *this;
  for (const NamedTensor& b : other) {
    if (find(b.name) == nullptr)
      fail(ErrorCode::kInvalidArgument, "tensor \"{}\": the model has none", b.name);
    NamedTensor& a = out.at(b.name);
    same_shape(a, b);
    for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  }
  return out;
}

NamedTensors NamedTensors::minus(const NamedTensors& other) const {
  if (size() != other.size())
    fail(ErrorCode::kInvalidArgument, "tensors: {} on one side, {} on the other", size(), other.size());
  NamedTensors out = *this;
  for (NamedTensor& a : out.tensors_) {
    const NamedTensor& b = other.at(a.name);
    same_shape(a, b);
    for (size_t i = 0; i < a.values.size(); ++i) a.values[i] -= b.values[i];
  }
  return out;
}

NamedTensors NamedTensors::only(const std::vector<std::string>& names) const {
  NamedTensors out;
  for (const NamedTensor& t : tensors_)
    if (std::find(names.begin(), names.end(), t.name) != names.end()) out.tensors_.push_back(t);
  if (out.size() != names.size())
    for (const std::string& name : names) out.at(name);  // throws for the one that is missing
  return out;
}

Bytes NamedTensors::serialise() const {
  wire::v1::TensorsHeader header;
  header.set_format(kTensorsFormat);
  header.set_kind("tensors");
  for (const NamedTensor& t : tensors_) {
    auto* d = header.add_tensors();
    d->set_name(t.name);
    d->mutable_shape()->Add(t.shape.begin(), t.shape.end());
    header.add_roles(static_cast<uint32_t>(t.role));
  }
  size_t offset = 0;
  Bytes out = frame(header, num_values() * sizeof(float), &offset);
  for (const NamedTensor& t : tensors_) {
    if (!t.values.empty()) std::memcpy(out.data() + offset, t.values.data(), t.values.size() * sizeof(float));
    offset += t.values.size() * sizeof(float);
  }
  return out;
}

NamedTensors NamedTensors::parse(ByteSpan bytes) {
  wire::v1::TensorsHeader header;
  ByteSpan payload = unframe(bytes, header, "tensors");
  if (header.format() != kTensorsFormat || header.kind() != "tensors" ||
      header.roles_size() != header.tensors_size())
    fail(ErrorCode::kCorrupt, "tensors: format {} kind \"{}\", expected format {} kind \"tensors\"",
         header.format(), header.kind(), kTensorsFormat);
  NamedTensors out;
  for (int i = 0; i < header.tensors_size(); ++i) {
    const auto& d = header.tensors(i);
    NamedTensor t{d.name(), {d.shape().begin(), d.shape().end()}, Role::kParameter, {}};
    if (header.roles(i) > 1) fail(ErrorCode::kCorrupt, "tensor \"{}\": role {}", t.name, header.roles(i));
    t.role = static_cast<Role>(header.roles(i));
    const size_t n = num_elements(t.shape, t.name);
    if (n > payload.size() / sizeof(float))
      fail(ErrorCode::kCorrupt, "tensor \"{}\": shape {} needs {} values, the data ends before", t.name,
           shape_text(t.shape), n);
    t.values.resize(n);
    if (n > 0) std::memcpy(t.values.data(), payload.data(), n * sizeof(float));
    payload = payload.subspan(n * sizeof(float));
    out.add(std::move(t));
  }
  if (!payload.empty()) fail(ErrorCode::kCorrupt, "tensors: {} bytes too many", payload.size());
  return out;
}

}  // namespace dunlin::fleet
