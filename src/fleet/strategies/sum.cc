#include "fleet/strategies/sum.h"

#include <cstring>

#include "base/error.h"
#include "fleet/strategies/framing.h"
#include "fleet/strategies/update_code.h"

namespace dunlin::fleet {

Sum::Sum(std::vector<TensorCode> codes) : codes_(std::move(codes)) {
  size_t count = 0;
  for (const TensorCode& c : codes_) {
    check(c.code);
    count += c.count();
    code_bytes_ += c.code.bytes(c.count());
  }
  values_.resize(count);
}

void Sum::fold(ByteSpan codes, uint64_t weight) {
  DUNLIN_CHECK(codes.size() == code_bytes_);
  size_t begin = 0;
  for (const TensorCode& c : codes_) {
    const size_t n = c.count(), bytes = c.code.bytes(n);
    dunlin::fold(c.code, codes.first(bytes), static_cast<int64_t>(weight),
                 std::span(values_).subspan(begin, n));
    codes = codes.subspan(bytes);
    begin += n;
  }
  weight_ += weight;
  ++updates_;
}

void Sum::merge(const Sum& other) {
  if (!same_codes(codes_, other.codes_))
    fail(ErrorCode::kInvalidArgument, "sum: tensors or codes differ, cannot be added");
  for (size_t i = 0; i < values_.size(); ++i) values_[i] += other.values_[i];
  weight_ += other.weight_;
  updates_ += other.updates_;
}

NamedTensors Sum::mean() const {
  if (weight_ == 0) fail(ErrorCode::kFailedPrecondition, "sum: no update in it, there is no mean");
  NamedTensors out;
  size_t begin = 0;
  for (const TensorCode& c : codes_) {
    NamedTensor t{c.name, c.shape, Role::kParameter, std::vector<float>(c.count())};
    decode_mean(c.code, std::span(values_).subspan(begin, t.values.size()), weight_, t.values);
    begin += t.values.size();
    out.add(std::move(t));
  }
  return out;
}

Bytes Sum::serialise() const {
  wire::v1::TensorsHeader header;
  header.set_format(kTensorsFormat);
  header.set_kind("sum");
  for (const TensorCode& c : codes_) *header.add_tensors() = to_wire(c);
  header.set_weight(weight_);
  header.set_updates(updates_);
  size_t offset = 0;
  Bytes out = frame(header, values_.size() * sizeof(int64_t), &offset);
  if (!values_.empty()) std::memcpy(out.data() + offset, values_.data(), values_.size() * sizeof(int64_t));
  return out;
}

Sum Sum::parse(ByteSpan bytes) {
  wire::v1::TensorsHeader header;
  const ByteSpan payload = unframe(bytes, header, "sum");
  if (header.format() != kTensorsFormat || header.kind() != "sum")
    fail(ErrorCode::kCorrupt, "sum: format {} kind \"{}\", expected format {} kind \"sum\"", header.format(),
         header.kind(), kTensorsFormat);
  std::vector<TensorCode> codes;
  size_t count = 0;
  for (const auto& t : header.tensors()) {
    codes.push_back(from_wire(t));
    count += codes.back().count();
  }
  if (payload.size() / sizeof(int64_t) != count || payload.size() % sizeof(int64_t) != 0)
    fail(ErrorCode::kCorrupt, "sum: {} bytes for {} values", payload.size(), count);
  Sum out(std::move(codes));
  if (count > 0) std::memcpy(out.values_.data(), payload.data(), payload.size());
  out.weight_ = header.weight();
  out.updates_ = header.updates();
  return out;
}

}  // namespace dunlin::fleet
