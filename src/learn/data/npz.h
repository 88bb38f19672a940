// NPZ: a zip of NPY arrays, as numpy.savez and savez_compressed write it.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

struct NpzParts {
  DatasetPtr train, test;  ///< test may be null
};

/// Arrays x and y; or x_train, y_train, x_test, y_test; or train_images, train_labels, test_images,
/// test_labels. An array `group` (group_train, ...) of integers may go with them. Integer targets [N] or
/// [N,1] are classes, all others are values. The arrays are held in memory.
NpzParts open_npz(const std::string& path);

}  // namespace dunlin
