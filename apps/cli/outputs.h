// Whether results can be written, asked before hours of work rather than after.
#pragma once

#include <string>

namespace dunlin::cli {

/// Throws with what to do when `path` cannot become a file: its folder is missing or not writable, or `path`
/// is a folder. Writes nothing that stays.
void check_output_file(const std::string& path);

/// The same for a folder, which is made when it is missing.
void check_output_folder(const std::string& path);

}  // namespace dunlin::cli
