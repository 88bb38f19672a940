// From `--data D` to datasets: which reader serves D follows from what D is.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

struct DataParts {
  DatasetPtr train;
  DatasetPtr test;  ///< null when D has no part of its own for testing
};

struct DataOptions {
  uint64_t cache_bytes = uint64_t{256} << 20;  ///< of decoded samples, for each part
  /// What is not wanted is not read and stays null. kTest: the test part, or where D has none the training
  /// part.
  enum class Wanted : uint8_t { kBoth, kTrain, kTest };
  Wanted wanted = Wanted::kBoth;
  Selection keep = {};  ///< of the training part
};

/// D is one of:
///   a folder of IDX files                  train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz], ...
///   a folder of class folders              D/cat/1.png, or D/train/cat/1.png and D/test/... or D/val/...
///   FILE.csv#label=COLUMN[&group=COLUMN]   a table of numbers
///   FILE.csv                               a manifest with the columns file, target and, if wanted, group
///   FILE.npz                               arrays x and y, or x_train, y_train, x_test, y_test
/// Throws kNotFound or kUnsupported saying what was looked for.
DataParts open_data(const std::string& d, const DataOptions& options = {},
                    FileSystem& files = system_files());

}  // namespace dunlin
