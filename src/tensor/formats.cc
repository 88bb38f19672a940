#include "tensor/formats.h"

#include "base/error.h"

namespace dunlin {

namespace {
constexpr Format kAll[] = {
#define FORMAT(name) &formats::k##name,
#include "tensor/formats/catalog.def"
#undef FORMAT
};
}  // namespace

namespace formats {
extern constexpr FormatDef kString{
    .name = "string",
    .source = "ONNX STRING",
    .kind = FormatDef::Kind::kString,
    .onnx_type = 8,
    .planes = {},
    .encode =
        [](const CodecCall&) { fail(ErrorCode::kInvalidArgument, "numbers cannot be stored as strings"); },
    .decode =
        [](const CodecCall&) { fail(ErrorCode::kInvalidArgument, "strings cannot be read as numbers"); },
    .max_relative_error = 0};
}  // namespace formats

std::span<const Format> all_formats() { return kAll; }

Format find_format(std::string_view name) {
  for (Format f : kAll)
    if (f->name == name) return f;
  return nullptr;
}

Format find_format_by_onnx_type(int onnx_type) {
  for (Format f : kAll)
    if (f->onnx_type == onnx_type && onnx_type != 0) return f;
  return nullptr;
}

uint64_t plane_bytes(const PlaneDef& plane, const Shape& shape, int axis) {
  const uint64_t elements = static_cast<uint64_t>(shape.num_elements());
  uint64_t count = 1;
  switch (plane.per.unit) {
    case Per::Unit::kElement:
      count = elements;
      break;
    case Per::Unit::kTensor:
      break;
    case Per::Unit::kAxis:
      count = static_cast<uint64_t>(shape[axis]);
      break;
    case Per::Unit::kBlock: {
      const uint64_t length = static_cast<uint64_t>(shape[axis]),
                     block = static_cast<uint64_t>(plane.per.block);
      count = length == 0 ? 0 : elements / length * ((length + block - 1) / block);
      break;
    }
  }
  return (count * static_cast<uint64_t>(plane.bits) + 7) / 8;
}

bool is_plain(Format format) {
  return format != nullptr && format->planes.size() == 1 && format->planes[0].bits % 8 == 0 &&
         format->planes[0].per.unit == Per::Unit::kElement;
}

int element_bytes(Format format) {
  if (!is_plain(format))
    fail(ErrorCode::kInvalidArgument, "format {} is not plain", format ? format->name : "(none)");
  return format->planes[0].bits / 8;
}

#define DUNLIN_FORMAT_OF(type, name) \
  template <>                        \
  Format format_of<type>() {         \
    return &formats::name;           \
  }
DUNLIN_FORMAT_OF(float, kF32)
DUNLIN_FORMAT_OF(double, kF64)
DUNLIN_FORMAT_OF(Half, kF16)
DUNLIN_FORMAT_OF(BFloat16, kBF16)
DUNLIN_FORMAT_OF(int8_t, kI8)
DUNLIN_FORMAT_OF(uint8_t, kU8)
DUNLIN_FORMAT_OF(int16_t, kI16)
DUNLIN_FORMAT_OF(uint16_t, kU16)
DUNLIN_FORMAT_OF(int32_t, kI32)
DUNLIN_FORMAT_OF(uint32_t, kU32)
DUNLIN_FORMAT_OF(int64_t, kI64)
DUNLIN_FORMAT_OF(uint64_t, kU64)
DUNLIN_FORMAT_OF(bool, kBool)
#undef DUNLIN_FORMAT_OF

}  // namespace dunlin
