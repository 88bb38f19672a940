#include "learn/data/open.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "learn/data/csv.h"
#include "learn/data/idx.h"
#include "learn/data/image_folder.h"
#include "learn/data/manifest.h"
#include "learn/data/npz.h"
#include "learn/data/table.h"

namespace dunlin {

namespace {

std::map<std::string, std::string> parse_options(const std::string& d, std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const size_t equals = item.find('=');
    const std::string key(item.substr(0, equals));
    if (equals == std::string_view::npos || (key != "label" && key != "group"))
      fail(ErrorCode::kInvalidArgument, "{}: \"{}\" after #; label=COLUMN and group=COLUMN are understood", d,
           item);
    out[key] = item.substr(equals + 1);
  }
  return out;
}

using Wanted = DataOptions::Wanted;

/// Readers that hold nothing in memory need no selection of their own.
DatasetPtr narrowed(DatasetPtr data, const Selection& keep) {
  if (!keep) return data;
  std::vector<size_t> indices = selected(*data, keep);
  return std::make_shared<Subset>(std::move(data), std::move(indices));
}

DataParts open_folder(FileSystem& files, const std::string& d, const DataOptions& o) {
  DataParts parts;
  const IdxParts idx = find_idx(files, d);
  if (idx.train || idx.test) {
    if (!idx.train)
      fail(ErrorCode::kNotFound, "{}: there are IDX files for testing but none for training", d);
    if (o.wanted != Wanted::kTest || !idx.test) parts.train = open_idx(files, *idx.train, o.keep);
    if (o.wanted != Wanted::kTrain && idx.test) parts.test = open_idx(files, *idx.test);
    return parts;
  }
  const std::string train = join_path(d, "train");
  if (std::filesystem::is_directory(train) && is_image_folder(files, train)) {
    for (const char* name : {"test", "val"}) {
      const std::string test = join_path(d, name);
      if (o.wanted != Wanted::kTrain && !parts.test && std::filesystem::is_directory(test))
        parts.test = open_image_folder(files, test);
    }
    if (o.wanted != Wanted::kTest || !parts.test)
      parts.train = narrowed(open_image_folder(files, train), o.keep);
    return parts;
  }
  if (is_image_folder(files, d)) {
    parts.train = narrowed(open_image_folder(files, d), o.keep);
    return parts;
  }
  fail(ErrorCode::kNotFound,
       "{}: no data: IDX files (train-images-idx3-ubyte ...) or class folders with PNG or JPEG images are "
       "expected",
       d);
}

DataParts open_csv(FileSystem& files, const std::string& d, const std::string& path,
                   std::string_view fragment, const Selection& keep) {
  auto options = parse_options(d, fragment);
  DataParts parts;
  if (options.contains("label")) {
    parts.train = narrowed(open_table(files, path, options["label"], options["group"]), keep);
    return parts;
  }
  // The header decides: it is within the first bytes, and a longer one is no manifest's.
  const Bytes head = files.read_range(path, 0, 4096);
  const std::string_view text = as_chars(head);
  const std::vector<std::string> cells = parse_csv_row(text.substr(0, text.find('\n')), path + " row 1");
  const auto has = [&](const char* name) {
    return std::find_if(cells.begin(), cells.end(),
                        [&](const std::string& c) { return c.ends_with(name); }) != cells.end();
  };
  if (!has("file") || !has("target"))
    fail(ErrorCode::kInvalidArgument,
         "{}: which column is the label? Write {}#label=COLUMN; a manifest has the columns file and target",
         d, path);
  parts.train = narrowed(open_manifest(files, path), keep);
  return parts;
}

DataParts open_raw(FileSystem& files, const std::string& d, const DataOptions& o) {
  // A path may hold a # itself: what exists as it stands is taken so.
  const size_t hash = files.exists(d) ? std::string::npos : d.rfind('#');
  const std::string path = d.substr(0, hash);
  if (!files.exists(path)) fail(ErrorCode::kNotFound, "{}: there is no such data", path);
  if (path.ends_with(".csv"))
    return open_csv(files, d, path,
                    hash == std::string::npos ? std::string_view() : std::string_view(d).substr(hash + 1),
                    o.keep);
  if (hash != std::string::npos) fail(ErrorCode::kInvalidArgument, "{}: # and options are for CSV tables", d);
  if (std::filesystem::is_directory(path)) return open_folder(files, path, o);
  if (path.ends_with(".npz")) {
    NpzParts npz = open_npz(
        path,
        {.keep = o.keep, .want_train = o.wanted != Wanted::kTest, .want_test = o.wanted != Wanted::kTrain});
    return {std::move(npz.train), std::move(npz.test)};
  }
  fail(ErrorCode::kUnsupported, "{}: a folder, a .csv or an .npz file is expected", d);
}

}  // namespace

DataParts open_data(const std::string& d, const DataOptions& options, FileSystem& files) {
  DataParts parts = open_raw(files, d, options);
  // IDX and NPZ have nothing to decode: a cache would only hold their bytes twice.
  for (DatasetPtr* part : {&parts.train, &parts.test})
    if (*part && options.cache_bytes > 0 && !(*part)->classes_are_indices())
      *part = std::make_shared<CachedDataset>(std::move(*part), options.cache_bytes);
  return parts;
}

}  // namespace dunlin
