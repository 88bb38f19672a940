#include "learn/data/manifest.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "learn/data/array.h"
#include "learn/data/csv.h"
#include "learn/data/image.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace dunlin {

namespace {

constexpr uint64_t kMaxSampleBytes = uint64_t{1} << 30;

/// "0.1 0.2;3": two numbers or more. Empty when the text is anything else.
std::vector<float> parse_vector(std::string_view text) {
  std::vector<float> out;
  while (!text.empty()) {
    const size_t at = text.find_first_of(" ;");
    const std::string_view item = text.substr(0, at);
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    if (item.empty()) continue;
    float value = 0;
    const auto [p, error] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (error != std::errc() || p != item.data() + item.size()) return {};
    out.push_back(value);
  }
  if (out.size() < 2) out.clear();
  return out;
}

class Manifest final : public Dataset {
 public:
  Manifest(FileSystem& files, const std::string& path)
      : files_(files), path_(path), folder_(std::filesystem::path(path).parent_path().string()) {
    std::vector<std::string> header;
    size_t file = 0, target = 0, group = 0;
    scan_csv(files, path, [&](const CsvRow& at, const std::vector<std::string>& cells) {
      if (header.empty()) {
        header = cells;
        file = find_column(cells, "file", path);
        target = find_column(cells, "target", path);
        group = static_cast<size_t>(std::find(cells.begin(), cells.end(), "group") - cells.begin());
        return;
      }
      if (cells[file].empty() || cells[target].empty())
        fail(ErrorCode::kCorrupt, "{} row {}: the {} is empty", path, at.number,
             cells[file].empty() ? "file" : "target");
      Row row{at.number, cells[file], {}, group < cells.size() ? cells[group] : ""};
      const bool is_class = !cells[target].ends_with(".npy") && parse_vector(cells[target]).empty();
      if (!is_class) row.target = cells[target];
      classes_.push_back(is_class ? names_.add(cells[target]) : -1);
      rows_.push_back(std::move(row));
    });
    if (rows_.empty()) fail(ErrorCode::kNotFound, "{}: the manifest holds no rows", path);
    names_.finish(classes_);
  }

  size_t size() const override { return rows_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  std::string_view group(size_t i) const override { return rows_.at(i).group; }
  std::string where(size_t i) const override {
    return fmt::format("{} row {} ({})", path_, rows_.at(i).number, rows_[i].file);
  }

  Example example(size_t i) const override {
    const Row& row = rows_.at(i);
    Example e = read_input(row.file, where(i));
    if (row.target.empty()) return e;
    if (row.target.ends_with(".npy")) {
      e.target = parse_npy(read(row.target, where(i)), where(i) + " target").to_float();
    } else {
      const std::vector<float> values = parse_vector(row.target);
      e.target = Tensor::of<float>({static_cast<int64_t>(values.size())}, std::span<const float>(values));
    }
    return e;
  }

 private:
  struct Row {
    uint64_t number;
    std::string file, target;  // the target only when it is not a class
    std::string group;
  };

  Bytes read(const std::string& name, const std::string& where) const {
    try {
      return files_.read(join_path(folder_, name), kMaxSampleBytes);
    } catch (const Error& e) {
      fail(e.code(), "{}: {}", where, e.what());
    }
  }
  Example read_input(const std::string& name, const std::string& where) const {
    if (name.ends_with(".wav") || name.ends_with(".WAV"))
      fail(ErrorCode::kUnsupported, "{}: WAV files are not supported yet", where);
    const Bytes data = read(name, where);
    if (!name.ends_with(".npy")) return {decode_image(data, where), true, {}};
    return example_of_array(parse_npy(data, where));
  }

  FileSystem& files_;
  std::string path_, folder_;
  std::vector<Row> rows_;
  std::vector<int> classes_;
  ClassIndex names_;
};

}  // namespace

DatasetPtr open_manifest(FileSystem& files, const std::string& path) {
  return std::make_shared<Manifest>(files, path);
}

}  // namespace dunlin
