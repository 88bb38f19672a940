#include "learn/data/fingerprint.h"

#include <algorithm>

#include "base/bytes.h"

namespace dunlin {

namespace {

constexpr size_t kSamplesRead = 256;

class Hasher {
 public:
  void number(uint64_t value) {
    std::byte bytes[8];
    store_le(bytes, value);
    stream_.update(bytes);
  }
  // With its length, so that "ab" "c" is not "a" "bc".
  void text(std::string_view value) {
    number(value.size());
    stream_.update(as_bytes(value));
  }
  void tensor(const Tensor& t) {
    if (!t) return number(0);
    text(t.format()->name);
    for (const int64_t dim : t.shape()) number(static_cast<uint64_t>(dim));
    const Tensor rows = t.clone();
    stream_.update(rows.plane(Plane::kPayload));
  }
  std::string finish() { return to_hex(stream_.finish()); }

 private:
  Sha256Stream stream_;
};

}  // namespace

std::string data_fingerprint(const Dataset& data) {
  Hasher hash;
  const size_t n = data.size();
  hash.number(n);
  for (const std::string& name : data.class_names()) hash.text(name);
  for (size_t i = 0; i < n; ++i) {
    hash.number(static_cast<uint64_t>(int64_t{data.class_of(i)}));
    hash.text(data.group(i));
  }
  const size_t reads = std::min(n, kSamplesRead);
  for (size_t k = 0; k < reads; ++k) {
    const Example sample = data.example(k * n / reads);
    hash.tensor(sample.input);
    hash.tensor(sample.target);
  }
  return hash.finish();
}

}  // namespace dunlin
