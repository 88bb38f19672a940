// Data as the trainer sees it, whatever the files: numbered samples that are decoded when asked for.
//
// What partitioning needs (class and group of a sample) is known without decoding. Classes go by name: a
// reader lists the names that occur in its data, and the model's task maps names to its own label numbers, so
// that a class that one share lacks shifts nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dunlin/tensor.h"

namespace dunlin {

struct Example {
  /// An image: u8, u16 or f32 [H,W,C] with C 1 (gray) or 3 (RGB). Otherwise f32 values in the model's own
  /// order.
  Tensor input;
  bool is_image = false;
  /// f32, or no tensor when the target is the sample's class (Dataset::class_of).
  Tensor target;
};

/// Thread safe: several threads may ask for samples at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual size_t size() const = 0;
  /// Reads and decodes one sample. Throws kCorrupt, kNotFound or kIo, naming the file and the row.
  virtual Example example(size_t i) const = 0;
  /// Index into class_names(), or -1 when the target is a tensor.
  virtual int class_of(size_t i) const = 0;
  /// The targets' names as the data spells them: a folder's name, a cell's text, a number in decimal.
  virtual const std::vector<std::string>& class_names() const = 0;
  /// True where the file itself numbers its classes from 0 (IDX, NPZ), false where it names them.
  virtual bool classes_are_indices() const { return false; }
  /// What must not be torn apart by a split (a patient, a speaker); empty: the sample stands alone.
  virtual std::string_view group(size_t i) const {
    static_cast<void>(i);
    return {};
  }
  /// Where the sample comes from, for error messages: `cats.csv row 17`.
  virtual std::string where(size_t i) const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Which samples are wanted, ascending. Called once classes and groups are known and before any sample is
/// read, so that a reader which holds samples in memory holds no others. Empty: all of them.
using Selection = std::function<std::vector<size_t>(const Dataset&)>;

/// What `keep` wants of `data`; throws kInvalidArgument when there is no such sample or they do not ascend.
std::vector<size_t> selected(const Dataset& data, const Selection& keep);
/// Moves the elements at `indices`, which ascend, to the front and drops the others.
template <typename T>
void keep_only(std::vector<T>& values, const std::vector<size_t>& indices) {
  for (size_t i = 0; i < indices.size(); ++i)
    if (i != indices[i]) values[i] = std::move(values[indices[i]]);
  values.resize(indices.size());
  values.shrink_to_fit();
}

/// Some samples of another dataset, in the given order.
class Subset final : public Dataset {
 public:
  Subset(DatasetPtr whole, std::vector<size_t> indices);
  size_t size() const override { return indices_.size(); }
  Example example(size_t i) const override { return whole_->example(indices_.at(i)); }
  int class_of(size_t i) const override { return whole_->class_of(indices_.at(i)); }
  const std::vector<std::string>& class_names() const override { return whole_->class_names(); }
  bool classes_are_indices() const override { return whole_->classes_are_indices(); }
  std::string_view group(size_t i) const override { return whole_->group(indices_.at(i)); }
  std::string where(size_t i) const override { return whole_->where(indices_.at(i)); }

 private:
  DatasetPtr whole_;
  std::vector<size_t> indices_;
};

/// Keeps decoded samples, the least recently used going first once they exceed `max_bytes`.
class CachedDataset final : public Dataset {
 public:
  CachedDataset(DatasetPtr source, uint64_t max_bytes) : source_(std::move(source)), max_bytes_(max_bytes) {}
  size_t size() const override { return source_->size(); }
  Example example(size_t i) const override;
  int class_of(size_t i) const override { return source_->class_of(i); }
  const std::vector<std::string>& class_names() const override { return source_->class_names(); }
  bool classes_are_indices() const override { return source_->classes_are_indices(); }
  std::string_view group(size_t i) const override { return source_->group(i); }
  std::string where(size_t i) const override { return source_->where(i); }
  uint64_t bytes_held() const;

 private:
  struct Entry {
    Example sample;
    std::list<size_t>::iterator age;
  };
  DatasetPtr source_;
  uint64_t max_bytes_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<size_t, Entry> entries_;
  mutable std::list<size_t> ages_;  // most recently used first
  mutable uint64_t bytes_ = 0;
};

/// What every reader that has classes needs: names numbered in order of first sight, then sorted at the end.
class ClassIndex {
 public:
  int add(std::string_view name);
  /// Sorts the names (numbers by value, before other text) and renumbers `classes` accordingly.
  void finish(std::vector<int>& classes);
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, int> index_;
};

}  // namespace dunlin
