#include "graph/strings.h"

#include <algorithm>

namespace dunlin {

StringNumbers::StringNumbers(std::span<const Tensor* const> inputs) {
  for (const Tensor* t : inputs) {
    if (!holds_strings(t)) continue;
    kept_.push_back(t->view());
    for (const std::string& s : t->strings()) sorted_.push_back(s);
  }
  std::sort(sorted_.begin(), sorted_.end());
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
}

Tensor StringNumbers::numbers(const Tensor& strings) const {
  Tensor out(&formats::kI64, strings.shape());
  int64_t* number = out.data<int64_t>();
  for (const std::string& s : strings.strings())
    *number++ = std::lower_bound(sorted_.begin(), sorted_.end(), std::string_view(s)) - sorted_.begin();
  return out;
}

Tensor StringNumbers::strings(const Tensor& numbers, uint64_t max_bytes) const {
  uint64_t bytes = 0;
  std::vector<std::string> out;
  for (int64_t i : to_ints(numbers)) {
    if (i < 0 || i >= static_cast<int64_t>(sorted_.size()))
      fail(ErrorCode::kUnsupported, "an output of strings holds what stands in no input");
    const std::string_view s = sorted_[static_cast<size_t>(i)];
    bytes += sizeof(std::string) + s.size();
    if (bytes > max_bytes)
      fail(ErrorCode::kResourceExhausted,
           "an output of strings takes more than the {} bytes left for this run", max_bytes);
    out.emplace_back(s);
  }
  return Tensor::of_strings(numbers.shape(), std::move(out));
}

}  // namespace dunlin
