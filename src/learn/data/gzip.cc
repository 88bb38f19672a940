#include "learn/data/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "base/error.h"

namespace dunlin {

namespace {

class Inflater {
 public:
  Inflater(ByteSpan data, const std::string& path) : path_(path), rest_(data) {
    if (inflateInit2(&z_, 16 + MAX_WBITS) != Z_OK)
      fail(ErrorCode::kResourceExhausted, "{}: zlib has no memory", path);
  }
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `out`; returns how much of it there was.
  size_t read(std::span<std::byte> out) {
    size_t done = 0;
    while (done < out.size() && !ended_) {
      // zlib counts in 32 bits
      const size_t in_now = std::min<size_t>(rest_.size(), 1u << 30),
                   out_now = std::min<size_t>(out.size() - done, 1u << 30);
      z_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));
      z_.avail_in = static_cast<uInt>(in_now);
      z_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
      z_.avail_out = static_cast<uInt>(out_now);
      const int result = inflate(&z_, Z_NO_FLUSH);
      rest_ = rest_.subspan(in_now - z_.avail_in);
      done += out_now - z_.avail_out;
      if (result == Z_STREAM_END)
        ended_ = true;
      else if (result == Z_BUF_ERROR)
        break;  // the input is used up
      else if (result != Z_OK)
        fail(ErrorCode::kCorrupt, "{}: not a sound .gz file: {}", path_, z_.msg ? z_.msg : "bad data");
    }
    return done;
  }
  bool ended() const { return ended_; }

 private:
  const std::string& path_;
  ByteSpan rest_;
  z_stream z_{};
  bool ended_ = false;
};

// Deflate cannot shrink further than this (zlib's documentation: 1032 to 1).
constexpr uint64_t kMaxRatio = 1032;

}  // namespace

Bytes inflate_gzip(ByteSpan data, const std::string& path, size_t head_bytes,
                   FunctionRef<uint64_t(ByteSpan head)> size_of) {
  Inflater in(data, path);
  Bytes out(head_bytes);
  out.resize(in.read(out));
  const size_t got = out.size();
  const uint64_t size = size_of(out);
  if (size < got || size > data.size() * kMaxRatio + head_bytes)
    fail(ErrorCode::kCorrupt, "{}: claims {} bytes, which its {} compressed bytes cannot hold", path, size,
         data.size());
  out.resize(size);
  const size_t end = got + in.read(std::span(out).subspan(got));
  std::byte extra;
  if (end == size && in.read({&extra, 1}) != 0)
    fail(ErrorCode::kCorrupt, "{}: more data than the {} bytes its header states", path, size);
  if (end != size || !in.ended()) fail(ErrorCode::kCorrupt, "{}: truncated: {} of {} bytes", path, end, size);
  return out;
}

}  // namespace dunlin
