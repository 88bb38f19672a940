// A folder of class folders: D/cat/1.png, D/dog/7.jpg. The folders' names are the classes.
#pragma once

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

/// True when some folder inside holds images.
bool is_image_folder(FileSystem& files, const std::string& folder);
/// Images by class, then by name. Throws kNotFound when there are none.
DatasetPtr open_image_folder(FileSystem& files, const std::string& folder);

}  // namespace dunlin
