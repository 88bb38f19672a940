#include "learn/data/csv.h"

#include <algorithm>

#include "base/error.h"

namespace dunlin {

namespace {

constexpr uint64_t kPieceBytes = 1 << 20;

/// Length of the first row of `text` without its line break, or npos when it does not end within.
size_t row_length(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;  // "" toggles twice
    if (text[i] == '\n' && !quoted) return i;
  }
  return std::string_view::npos;
}

}  // namespace

std::vector<std::string> parse_csv_row(std::string_view text, const std::string& where,
                                       const CsvLimits& limits) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  std::vector<std::string> cells(1);
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '"' && cells.back().empty()) {
      for (++i;; ++i) {
        if (i >= text.size()) fail(ErrorCode::kCorrupt, "{}: a quoted cell is not closed", where);
        if (text[i] != '"') {
          cells.back() += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          cells.back() += text[i++];
        } else {
          ++i;
          break;
        }
      }
      if (i < text.size() && text[i] != ',') fail(ErrorCode::kCorrupt, "{}: text after a quoted cell", where);
    }
    if (i >= text.size()) break;
    if (text[i] == '"') fail(ErrorCode::kCorrupt, "{}: a quote inside a cell that is not quoted", where);
    if (text[i] != ',') {
      cells.back() += text[i];
    } else {
      if (cells.size() >= limits.max_columns)
        fail(ErrorCode::kCorrupt, "{}: more than {} columns", where, limits.max_columns);
      cells.emplace_back();
    }
  }
  return cells;
}

void scan_csv(FileSystem& files, const std::string& path,
              const std::function<void(const CsvRow&, const std::vector<std::string>&)>& row,
              const CsvLimits& limits) {
  std::string held;  // from `offset` on; rows end where a piece of the file need not
  uint64_t offset = 0, read = 0;
  CsvRow at;
  size_t columns = 0;
  for (bool end = false; !end || !held.empty();) {
    size_t length = row_length(held);
    if (length == std::string::npos && !end) {
      if (held.size() > limits.max_row_bytes)
        fail(ErrorCode::kCorrupt, "{} row {}: longer than {} bytes (a quote that is not closed?)", path,
             at.number + 1, limits.max_row_bytes);
      // Twice as much each time, so that a long row is not searched again and again.
      const Bytes piece = files.read_range(path, read, std::max<uint64_t>(kPieceBytes, held.size()));
      read += piece.size();
      end = piece.empty();
      held += as_chars(piece);
      continue;
    }
    size_t done = 0;
    for (; length != std::string::npos || end; length = row_length(std::string_view(held).substr(done))) {
      const std::string_view rest = std::string_view(held).substr(done);
      const std::string_view line = rest.substr(0, length == std::string::npos ? rest.size() : length);
      ++at.number;
      at.offset = offset + done;
      at.bytes = static_cast<uint32_t>(line.size());
      done += std::min(rest.size(), line.size() + 1);
      if (line.size() > limits.max_row_bytes)
        fail(ErrorCode::kCorrupt, "{} row {}: longer than {} bytes", path, at.number, limits.max_row_bytes);
      if (!line.empty() && line != "\r") {
        const bool first = columns == 0;
        const bool marked =
            first && line.starts_with("\xef\xbb\xbf");  // a byte-order mark, as spreadsheets write it
        const std::vector<std::string> cells =
            parse_csv_row(marked ? line.substr(3) : line, fmt::format("{} row {}", path, at.number), limits);
        if (first) columns = cells.size();
        if (cells.size() != columns)
          fail(ErrorCode::kCorrupt, "{} row {}: {} cells, the header has {}", path, at.number, cells.size(),
               columns);
        row(at, cells);
      }
      if (done >= held.size()) break;
    }
    held.erase(0, done);
    offset += done;
  }
}

size_t find_column(const std::vector<std::string>& header, const std::string& name, const std::string& path) {
  const auto it = std::find(header.begin(), header.end(), name);
  if (it != header.end()) return static_cast<size_t>(it - header.begin());
  const std::vector<std::string> some(header.begin(),
                                      header.begin() + std::min<std::ptrdiff_t>(20, std::ssize(header)));
  fail(ErrorCode::kNotFound, "{}: no column \"{}\"; there are {}{}", path, name, fmt::join(some, ", "),
       header.size() > 20 ? ", ..." : "");
}

}  // namespace dunlin
