/// Number formats as data: how numbers are stored, in named planes.
///
/// A plain type such as f32 has one payload plane with one code per element. A quantised or sparse format
/// adds planes: scales, zero points, indices, a bitmask, offsets. One file in src/tensor/formats/ defines a
/// format and one line in its catalog lists it; training, quantising, kernels, files and the wire use that
/// one definition.
///
/// Example:
///   dunlin::Format bf16 = dunlin::find_format("bf16");
///   dunlin::Shape shape{3};
///   std::vector<float> values{1.0f, 0.1f, -2.0f};
///   std::vector<std::byte> codes(dunlin::plane_bytes(bf16->planes[0], shape, 0));  // 6 bytes
///   const std::span<std::byte> planes[] = {codes};
///   bf16->encode({shape, 0, planes, values});
///   bf16->decode({shape, 0, planes, values});  // 1, 0.10009766, -2
///
/// Aliasing  a codec's planes and values must not overlap.
/// Threads   formats are constants; codecs keep no state, so several threads may call one at once.
/// Errors    codecs check nothing: sizes are the caller's. find_format and find_format_by_onnx_type give null
///           for what they do not know; element_bytes throws kInvalidArgument for a format that is not plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dunlin/half.h"
#include "dunlin/shape.h"

namespace dunlin {

enum class Plane : uint8_t { kPayload, kScale, kZeroPoint, kIndex, kBitmask, kOffsets };

/// How often an element of a plane occurs.
struct Per {
  enum class Unit : uint8_t { kElement, kTensor, kAxis, kBlock };
  Unit unit = Unit::kElement;
  int block = 0;  ///< elements per block along the format's axis (kBlock)

  static constexpr Per element() { return {Unit::kElement, 0}; }
  static constexpr Per tensor() { return {Unit::kTensor, 0}; }
  static constexpr Per axis() { return {Unit::kAxis, 0}; }
  static constexpr Per blocks_of(int size) { return {Unit::kBlock, size}; }
};

struct PlaneDef {
  Plane plane;
  int bits;  ///< of one element of the plane; below 8, elements are packed, the first in the lowest bits
  Per per;
};

/// One tensor's worth of work for a codec. Borrowed for the call.
struct CodecCall {
  const Shape& shape;
  int axis;  ///< of blocks and of per-axis scales; ignored by formats without them
  std::span<const std::span<std::byte>> planes;  ///< as FormatDef::planes, each plane_bytes() long
  std::span<float> values;                       ///< the elements, row major
};

/// Where a number goes that lies between two codes. FLOAT8E8M0 alone asks for anything but the nearest.
enum class Rounding : uint8_t { kNearest, kUp, kDown };

/// One code of an element type of 8 bits or fewer that C++ has no type for (FLOAT8, FLOAT4, INT4). In memory each code
/// takes a byte, so that whatever only moves elements need not know these types.
struct NarrowCodec {
  double (*decode)(uint8_t code);  ///< exact
  /// Nearest, ties to even, unless said otherwise. What lies beyond the largest number becomes it when `saturate`, else
  /// infinity where the format has one, else NaN where it has that.
  uint8_t (*encode)(double x, bool saturate, Rounding rounding);
};

struct FormatDef {
  enum class Kind : uint8_t { kFloat, kSigned, kUnsigned, kBool, kString };

  std::string_view name;    ///< "f32", "int8_block32"
  std::string_view source;  ///< the standard or paper that defines it
  Kind kind;
  int onnx_type;  ///< TensorProto.DataType; 0 where ONNX has no type for it
  std::span<const PlaneDef> planes;
  /// Float to codes: nearest, ties to even; integers saturate, NaN becomes 0 in formats that have none.
  void (*encode)(const CodecCall&);
  /// Codes to float: exact for every format of 24 significant bits or fewer, nearest otherwise.
  void (*decode)(const CodecCall&);
  /// Largest |decode(encode(x)) - x| within the format's range, as a fraction of the largest |x| of the group
  /// that shares a scale (of |x| itself where there is no scale).
  double max_relative_error;
  /// Bits of a code in ONNX files, where those below 8 are packed, the first in the lowest; 0: as in memory.
  int file_bits = 0;
  const NarrowCodec* narrow = nullptr;  ///< null for types that C++ has
};

/// A format is named by the address of its one definition.
using Format = const FormatDef*;

/// Every format, in catalog order.
std::span<const Format> all_formats();
/// Null when there is no such format.
Format find_format(std::string_view name);
Format find_format_by_onnx_type(int onnx_type);

/// Bytes of a plane for a tensor of `shape`, rows of sub-byte codes unpadded, the end padded to a whole byte.
uint64_t plane_bytes(const PlaneDef& plane, const Shape& shape, int axis);

/// One payload plane of whole bytes, one code per element: data can be addressed as a C++ type.
bool is_plain(Format format);
/// Bytes of one element of a plain format.
int element_bytes(Format format);

/// The plain format of a C++ type: float, double, Half, BFloat16, bool, (u)int8..64_t.
template <typename T>
Format format_of();

}  // namespace dunlin
