// Dividing data between devices, and between training and held-out. The same on every machine: Philox draws,
// classes taken in the order of their names.
//
// A group (a patient, a speaker) is never torn apart: it lies on one share, and on one side of a split.
#pragma once

#include <optional>
#include <string>

#include "learn/data/dataset.h"

namespace dunlin {

struct PartitionSpec {
  /// Dirichlet's concentration: each class is spread over the shares by proportions drawn from Dir(alpha,
  /// ..., alpha) (Hsu et al., arXiv:1909.06335): small is uneven. None: every share gets an even number of
  /// random samples.
  std::optional<double> alpha;
  uint64_t seed = 0;

  /// "uniform", "uniform:SEED", "dirichlet:ALPHA" or "dirichlet:ALPHA:SEED"; throws kInvalidArgument
  /// otherwise.
  static PartitionSpec parse(const std::string& text);
};

/// Which share of how many; `index` counts from 0.
struct DataShare {
  size_t index = 0, count = 1;

  /// "1/8" ... "8/8": people count from 1. Throws kInvalidArgument otherwise.
  static DataShare parse(const std::string& text);
};

/// The sample numbers of every share, ascending; each sample is on exactly one. A draw that leaves a share
/// empty is repeated (up to 64 times) as long as there are enough groups.
std::vector<std::vector<size_t>> partition(const Dataset& data, const PartitionSpec& spec, size_t shares);
/// One share's. Throws kFailedPrecondition when it is empty.
std::vector<size_t> samples_of_share(const Dataset& data, const PartitionSpec& spec, DataShare share);
/// Those samples.
DatasetPtr take_share(const DatasetPtr& data, const PartitionSpec& spec, DataShare share);

struct HeldOutSplit {
  DatasetPtr train, held_out;
};
/// Holds out about `fraction` of the samples, by whole groups. With two groups or more and 0 < fraction < 1
/// neither side is empty.
HeldOutSplit split_held_out(const DatasetPtr& data, double fraction, uint64_t seed);

}  // namespace dunlin
