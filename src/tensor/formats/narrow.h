// A FormatDef from a codec of narrow codes.
#pragma once

#include "tensor/formats/plain.h"

namespace dunlin::formats {

template <typename Codec>
void encode_narrow(const CodecCall& c) {
  auto* out = reinterpret_cast<uint8_t*>(c.planes[0].data());
  for (size_t i = 0; i < c.values.size(); ++i)
    out[i] = Codec::encode(c.values[i], !Codec::kHasInfinity, Rounding::kNearest);
}

template <typename Codec>
void decode_narrow(const CodecCall& c) {
  const auto* in = reinterpret_cast<const uint8_t*>(c.planes[0].data());
  for (size_t i = 0; i < c.values.size(); ++i) c.values[i] = static_cast<float>(Codec::decode(in[i]));
}

template <typename Codec>
inline constexpr NarrowCodec kNarrowCodec{Codec::decode, Codec::encode};

template <typename Codec>
constexpr FormatDef narrow_format(std::string_view name, std::string_view source, FormatDef::Kind kind,
                                  int onnx_type, double max_relative_error, int file_bits = 0) {
  return {.name = name,
          .source = source,
          .kind = kind,
          .onnx_type = onnx_type,
          .planes = kPlainPlanes<8>,
          .encode = encode_narrow<Codec>,
          .decode = decode_narrow<Codec>,
          .max_relative_error = max_relative_error,
          .file_bits = file_bits,
          .narrow = &kNarrowCodec<Codec>};
}

}  // namespace dunlin::formats
