#include "learn/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace dunlin {

namespace {
constexpr uint64_t kPieceBytes = 1 << 18;
// Deflate cannot shrink further than this (zlib's documentation: 1032 to 1).
constexpr uint64_t kMaxRatio = 1032;
}  // namespace

struct GzipFile::State {
  State(FileSystem& f, std::string p) : files(f), path(std::move(p)), size(files.size(path)) {
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
      fail(ErrorCode::kResourceExhausted, "{}: zlib has no memory", path);
  }
  ~State() { inflateEnd(&z); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool refill() {
    piece = files.read_range(path, offset, kPieceBytes);
    offset += piece.size();
    z.next_in = reinterpret_cast<Bytef*>(piece.data());
    z.avail_in = static_cast<uInt>(piece.size());
    return !piece.empty();
  }

  FileSystem& files;
  std::string path;
  uint64_t size, offset = 0;
  Bytes piece;
  z_stream z{};
  bool ended = false;
};

GzipFile::GzipFile(FileSystem& files, const std::string& path)
    : state_(std::make_unique<State>(files, path)) {}
GzipFile::~GzipFile() = default;
GzipFile::GzipFile(GzipFile&&) noexcept = default;
GzipFile& GzipFile::operator=(GzipFile&&) noexcept = default;

size_t GzipFile::read(std::span<std::byte> out) {
  State& s = *state_;
  size_t done = 0;
  while (done < out.size() && !s.ended) {
    if (s.z.avail_in == 0 && !s.refill()) break;
    const size_t now = std::min<size_t>(out.size() - done, 1u << 30);  // zlib counts in 32 bits
    s.z.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    s.z.avail_out = static_cast<uInt>(now);
    const int result = inflate(&s.z, Z_NO_FLUSH);
    done += now - s.z.avail_out;
    if (result == Z_STREAM_END)
      s.ended = true;
    else if (result != Z_OK && result != Z_BUF_ERROR)
      fail(ErrorCode::kCorrupt, "{}: not a sound .gz file: {}", s.path, s.z.msg ? s.z.msg : "bad data");
  }
  return done;
}

uint64_t GzipFile::skip(uint64_t count) {
  std::array<std::byte, 1 << 14> waste;
  uint64_t done = 0;
  while (done < count) {
    const size_t n = read(std::span(waste).first(std::min<uint64_t>(waste.size(), count - done)));
    if (n == 0) break;
    done += n;
  }
  return done;
}

void GzipFile::expect_room_for(uint64_t bytes) const {
  // The divided form cannot overflow.
  if (bytes / kMaxRatio > state_->size)
    fail(ErrorCode::kCorrupt, "{}: claims {} bytes, which its {} compressed bytes cannot hold", state_->path,
         bytes, state_->size);
}

void GzipFile::expect_end(uint64_t bytes) {
  std::byte extra;
  if (read({&extra, 1}) != 0)
    fail(ErrorCode::kCorrupt, "{}: more data than the {} bytes its header states", state_->path, bytes);
  if (!state_->ended)
    fail(ErrorCode::kCorrupt, "{}: truncated: {} bytes inflate from it, and no end", state_->path, bytes);
}

}  // namespace dunlin
