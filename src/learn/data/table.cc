#include "learn/data/table.h"

#include <charconv>

#include "base/error.h"
#include "learn/data/csv.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

float parse_feature(std::string_view text, const std::string& path, uint64_t row, const std::string& column) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  float value = 0;
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || p != text.data() + text.size())
    fail(ErrorCode::kCorrupt, "{} row {}, column \"{}\": \"{}\" is not a number", path, row, column, text);
  return value;
}

class Table final : public Dataset {
 public:
  Table(FileSystem& files, const std::string& path, const std::string& label, const std::string& group)
      : files_(files), path_(path) {
    scan_csv(files, path, [&](const CsvRow& at, const std::vector<std::string>& cells) {
      if (header_.empty()) return read_header(cells, label, group);
      for (const size_t c : features_) parse_feature(cells[c], path_, at.number, header_[c]);
      if (cells[label_].empty()) fail(ErrorCode::kCorrupt, "{} row {}: the label is empty", path_, at.number);
      rows_.push_back(at);
      classes_.push_back(names_.add(cells[label_]));
      if (!group.empty()) groups_.push_back(group_names_.add(cells[group_]));
    });
    if (rows_.empty()) fail(ErrorCode::kNotFound, "{}: the table holds no rows", path);
    names_.finish(classes_);
  }

  size_t size() const override { return rows_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  std::string_view group(size_t i) const override {
    return groups_.empty() ? std::string_view() : group_names_.names()[static_cast<size_t>(groups_.at(i))];
  }
  std::string where(size_t i) const override { return fmt::format("{} row {}", path_, rows_.at(i).number); }

  Example example(size_t i) const override {
    const CsvRow& at = rows_.at(i);
    const Bytes text = files_.read_range(path_, at.offset, at.bytes);
    const std::vector<std::string> cells = parse_csv_row(as_chars(text), where(i));
    if (cells.size() != header_.size())
      fail(ErrorCode::kCorrupt, "{}: changed since it was opened", where(i));
    Example e{Tensor(&formats::kF32, Shape{static_cast<int64_t>(features_.size())}), false, {}};
    float* out = e.input.data<float>();
    for (const size_t c : features_) *out++ = parse_feature(cells[c], path_, at.number, header_[c]);
    return e;
  }

 private:
  void read_header(const std::vector<std::string>& cells, const std::string& label,
                   const std::string& group) {
    header_ = cells;
    label_ = find_column(cells, label, path_);
    if (!group.empty()) group_ = find_column(cells, group, path_);
    for (size_t c = 0; c < cells.size(); ++c)
      if (c != label_ && (group.empty() || c != group_)) features_.push_back(c);
    if (features_.empty()) fail(ErrorCode::kCorrupt, "{}: no column beside the label", path_);
  }

  FileSystem& files_;
  std::string path_;
  std::vector<std::string> header_;
  size_t label_ = 0, group_ = 0;
  std::vector<size_t> features_;
  std::vector<CsvRow> rows_;
  std::vector<int> classes_, groups_;
  ClassIndex names_, group_names_;
};

}  // namespace

DatasetPtr open_table(FileSystem& files, const std::string& path, const std::string& label,
                      const std::string& group) {
  return std::make_shared<Table>(files, path, label, group);
}

}  // namespace dunlin
