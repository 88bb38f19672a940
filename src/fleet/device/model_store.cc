#include "fleet/device/model_store.h"

#include <charconv>
#include <cstring>

#include "base/error.h"

namespace dunlin::fleet {

namespace {
constexpr const char* kCurrent = "current";  // "VERSION SHA256"
}

Sha256 sha256_of(const std::string& bytes, std::string_view what) {
  Sha256 out;
  if (bytes.size() != out.size())
    fail(ErrorCode::kCorrupt, "{}: a SHA-256 has {} bytes, got {}", what, out.size(), bytes.size());
  std::memcpy(out.data(), bytes.data(), out.size());
  return out;
}

ModelStore::ModelStore(const std::string& state_dir, FileSystem& files)
    : dir_(join_path(state_dir, "models")), files_(files) {}

std::string ModelStore::path_of(const Sha256& name) const { return join_path(dir_, to_hex(name) + ".onnx"); }

std::optional<ModelStore::Current> ModelStore::current() const {
  const std::string path = join_path(dir_, kCurrent);
  if (!files_.exists(path)) return std::nullopt;
  const Bytes bytes = files_.read(path, 4096);
  const std::string_view text = as_chars(bytes);
  Current out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.version);
  const std::string_view hex =
      text.substr(std::min<size_t>(text.size(), static_cast<size_t>(end - text.data()) + 1));
  if (error != std::errc()) return std::nullopt;
  try {
    out.sha256 = sha256_of(std::string(as_chars(from_hex(hex))), path);
  } catch (const Error&) {
    return std::nullopt;
  }
  out.path = path_of(out.sha256);
  if (!files_.exists(out.path) || sha256_of_file(out.path, files_) != out.sha256) return std::nullopt;
  return out;
}

std::string ModelStore::fetch(const Sha256& name, ChunkClient& chunks, std::stop_token stop) {
  const std::string path = path_of(name);
  if (!files_.exists(path)) {
    files_.make_directories(dir_, 0700);
    chunks.download(name, path, stop);
  }
  return path;
}

void ModelStore::set_current(uint64_t version, const Sha256& name) {
  files_.write_atomic(join_path(dir_, kCurrent), as_bytes(fmt::format("{} {}", version, to_hex(name))), 0600);
  const std::string keep = to_hex(name) + ".onnx";
  for (const std::string& file : files_.list(dir_))
    if (file != kCurrent && file != keep) files_.remove(join_path(dir_, file));
}

}  // namespace dunlin::fleet
