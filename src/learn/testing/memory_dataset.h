// For tests: a dataset made of plain vectors.
#pragma once

#include "learn/data/dataset.h"

namespace dunlin::testing {

class MemoryDataset final : public Dataset {
 public:
  struct Row {
    std::vector<float> input;
    int class_index = -1;
    std::string group;
    std::vector<float> target;
  };
  MemoryDataset(std::vector<Row> rows, std::vector<std::string> names)
      : rows_(std::move(rows)), names_(std::move(names)) {}
  size_t size() const override { return rows_.size(); }
  Example example(size_t i) const override {
    const Row& r = rows_.at(i);
    ++decoded;
    Example s{Tensor::of<float>({static_cast<int64_t>(r.input.size())}, std::span(r.input)), false, {}};
    if (!r.target.empty())
      s.target = Tensor::of<float>({static_cast<int64_t>(r.target.size())}, std::span(r.target));
    return s;
  }
  int class_of(size_t i) const override { return rows_.at(i).class_index; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string_view group(size_t i) const override { return rows_.at(i).group; }
  std::string where(size_t i) const override { return "row " + std::to_string(i); }

  mutable int decoded = 0;

 private:
  std::vector<Row> rows_;
  std::vector<std::string> names_;
};

}  // namespace dunlin::testing
