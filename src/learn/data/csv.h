// CSV as RFC 4180 defines it: commas, "quoted ""cells""", CR LF or LF. Read in pieces, so that a table may be
// larger than memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace dunlin {

struct CsvLimits {
  uint64_t max_row_bytes = uint64_t{1} << 24;
  size_t max_columns = 1 << 20;
};

/// Where a row lies in its file.
struct CsvRow {
  uint64_t offset = 0;
  uint32_t bytes = 0;
  uint64_t number = 0;  ///< line of a text editor, the header being 1, as long as no cell holds a line break
};

/// Calls `row` for every row, the header included, empty lines left out. Throws kCorrupt naming file and row.
void scan_csv(FileSystem& files, const std::string& path,
              const std::function<void(const CsvRow&, const std::vector<std::string>&)>& row,
              const CsvLimits& limits = {});

/// One row's cells.
std::vector<std::string> parse_csv_row(std::string_view text, const std::string& where,
                                       const CsvLimits& limits = {});

/// Index of the column called `name`. Throws kNotFound listing the columns.
size_t find_column(const std::vector<std::string>& header, const std::string& name, const std::string& path);

}  // namespace dunlin
