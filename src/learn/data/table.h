// A CSV table of numbers: one column is the label, the others are the features in their order.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

/// `group` may be empty. The whole table is checked at once (rows are named in errors); the rows themselves
/// are read again when asked for.
DatasetPtr open_table(FileSystem& files, const std::string& path, const std::string& label,
                      const std::string& group);

}  // namespace dunlin
