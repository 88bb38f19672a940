// A CSV manifest: columns `file`, `target` and, if wanted, `group`; others are ignored. Files are named
// relative to the manifest: PNG, JPEG or NPY. A target is a class or a number ("cat", "3"), numbers separated
// by spaces or semicolons ("0.1 0.2"), or the name of an NPY file.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

DatasetPtr open_manifest(FileSystem& files, const std::string& path);

}  // namespace dunlin
