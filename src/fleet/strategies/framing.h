// The layout of tensors at rest and of updates: u32 little-endian header length, header (protobuf), raw
// payload.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

constexpr uint32_t kTensorsFormat = 1;
constexpr uint32_t kUpdateFormat = 1;
constexpr size_t kMaxHeaderBytes = 16 << 20;

/// The framed header with room for the payload, which begins at *offset. Maps inside headers would not be
/// deterministic; there are none.
template <typename Header>
Bytes frame(const Header& header, size_t payload_bytes, size_t* offset) {
  const size_t header_bytes = header.ByteSizeLong();
  Bytes out(4 + header_bytes + payload_bytes);
  store_le(out.data(), static_cast<uint32_t>(header_bytes));
  DUNLIN_CHECK(header.SerializeToArray(out.data() + 4, static_cast<int>(header_bytes)));
  *offset = 4 + header_bytes;
  return out;
}

/// Fills `header` and returns the payload. Throws kCorrupt. A parsed header takes many times its bytes: who
/// knows how long it may be says so.
template <typename Header>
ByteSpan unframe(ByteSpan bytes, Header& header, const char* what,
                 size_t max_header_bytes = kMaxHeaderBytes) {
  if (bytes.size() < 4) fail(ErrorCode::kCorrupt, "{}: {} bytes, too short for a header", what, bytes.size());
  const size_t header_bytes = load_le<uint32_t>(bytes.data());
  if (header_bytes > max_header_bytes || header_bytes > bytes.size() - 4)
    fail(ErrorCode::kCorrupt, "{}: a header of {} bytes in {}", what, header_bytes, bytes.size());
  if (!header.ParseFromArray(bytes.data() + 4, static_cast<int>(header_bytes)))
    fail(ErrorCode::kCorrupt, "{}: the header cannot be read", what);
  return bytes.subspan(4 + header_bytes);
}

}  // namespace dunlin::fleet
