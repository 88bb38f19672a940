// NPZ: a zip of NPY arrays, as numpy.savez and savez_compressed write it.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

struct NpzParts {
  DatasetPtr train, test;  ///< either may be null
};

struct NpzOptions {
  Selection keep = {};     ///< of the training part
  bool want_train = true;  ///< otherwise it is read only when there is no test part
  bool want_test = true;
};

/// Arrays x and y; or x_train, y_train, x_test, y_test; or train_images, train_labels, test_images,
/// test_labels. An array `group` (group_train, ...) of integers may go with them. Integer targets [N] or
/// [N,1] are classes, all others are values. The samples that are kept are held in memory, as the numbers
/// they are.
NpzParts open_npz(const std::string& path, const NpzOptions& options = {});

}  // namespace dunlin
