#include "learn/data/dataset.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "base/error.h"

namespace dunlin {

std::vector<size_t> selected(const Dataset& data, const Selection& keep) {
  std::vector<size_t> indices = keep(data);
  for (size_t i = 0; i < indices.size(); ++i)
    if (indices[i] >= data.size() || (i > 0 && indices[i] <= indices[i - 1]))
      fail(ErrorCode::kInvalidArgument, "selection: sample {} of a dataset of {}, at place {}", indices[i],
           data.size(), i);
  return indices;
}

Subset::Subset(DatasetPtr whole, std::vector<size_t> indices)
    : whole_(std::move(whole)), indices_(std::move(indices)) {
  for (const size_t i : indices_)
    if (i >= whole_->size())
      fail(ErrorCode::kInvalidArgument, "subset: sample {} of a dataset of {}", i, whole_->size());
}

namespace {

Example share(const Example& s) {
  return {s.input.view(), s.is_image, s.target ? s.target.view() : Tensor()};
}

uint64_t bytes_of(const Example& s) { return s.input.num_bytes() + (s.target ? s.target.num_bytes() : 0); }

std::optional<double> as_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || p != end) return std::nullopt;
  return value;
}

}  // namespace

Example CachedDataset::example(size_t i) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(i); it != entries_.end()) {
      ages_.splice(ages_.begin(), ages_, it->second.age);
      return share(it->second.sample);
    }
  }
  Example made = source_->example(i);  // unlocked: decoding is the slow part, and doing it twice does no harm
  const uint64_t bytes = bytes_of(made);
  if (bytes > max_bytes_) return made;
  const std::lock_guard lock(mutex_);
  if (entries_.contains(i)) return made;
  while (bytes_ + bytes > max_bytes_) {
    const auto oldest = entries_.find(ages_.back());
    bytes_ -= bytes_of(oldest->second.sample);
    entries_.erase(oldest);
    ages_.pop_back();
  }
  ages_.push_front(i);
  bytes_ += bytes;
  entries_.emplace(i, Entry{share(made), ages_.begin()});
  return made;
}

uint64_t CachedDataset::bytes_held() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

int ClassIndex::add(std::string_view name) {
  const auto [it, fresh] = index_.try_emplace(std::string(name), static_cast<int>(names_.size()));
  if (fresh) names_.emplace_back(name);
  return it->second;
}

void ClassIndex::finish(std::vector<int>& classes) {
  std::vector<int> order(names_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const std::string &x = names_[static_cast<size_t>(a)], &y = names_[static_cast<size_t>(b)];
    const auto nx = as_number(x), ny = as_number(y);
    if (nx && ny && *nx != *ny) return *nx < *ny;
    if (nx.has_value() != ny.has_value()) return nx.has_value();
    return x < y;
  });
  std::vector<int> rank(order.size());
  std::vector<std::string> sorted(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<size_t>(order[i])] = static_cast<int>(i);
    sorted[i] = std::move(names_[static_cast<size_t>(order[i])]);
  }
  names_ = std::move(sorted);
  for (auto& [name, number] : index_) number = rank[static_cast<size_t>(number)];
  for (int& c : classes)
    if (c >= 0) c = rank[static_cast<size_t>(c)];
}

}  // namespace dunlin
