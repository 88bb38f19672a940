#include "tensor/npy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/file_system.h"
#include "tensor/formats.h"
#include "tensor/strided.h"

namespace dunlin {

namespace {

// File: magic (6 bytes), version (2), header length (2 bytes in version 1, 4 after), header, data. The header
// is a Python literal, {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, padded with spaces.
constexpr std::string_view kMagic = "\x93NUMPY";

struct NpyType {
  std::string_view descr;  ///< without the byte order
  const FormatDef* format;
};
constexpr NpyType kTypes[] = {{"f4", &formats::kF32}, {"f8", &formats::kF64}, {"f2", &formats::kF16},
                              {"i1", &formats::kI8},  {"u1", &formats::kU8},  {"i2", &formats::kI16},
                              {"u2", &formats::kU16}, {"i4", &formats::kI32}, {"u4", &formats::kU32},
                              {"i8", &formats::kI64}, {"u8", &formats::kU64}, {"b1", &formats::kBool}};

class Header {
 public:
  Header(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  /// What stands behind 'key':, spaces skipped.
  std::string_view value(std::string_view key) const {
    const size_t at = text_.find(fmt::format("'{}'", key));
    const size_t colon = at == std::string_view::npos ? at : text_.find(':', at);
    if (colon == std::string_view::npos) fail(ErrorCode::kCorrupt, "{}: the header has no {}", origin_, key);
    std::string_view rest = text_.substr(colon + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    return rest;
  }

  Format format() const {
    std::string_view descr = value("descr");
    const size_t end = descr.empty() || descr[0] != '\'' ? std::string_view::npos : descr.find('\'', 1);
    if (end == std::string_view::npos)
      fail(ErrorCode::kUnsupported, "{}: only plain element types are supported, not records", origin_);
    descr = descr.substr(1, end - 1);
    const bool little = !descr.empty() && descr[0] != '>';
    for (const NpyType& type : kTypes)
      if (!descr.empty() && descr.substr(1) == type.descr && (little || element_bytes(type.format) == 1))
        return type.format;
    fail(ErrorCode::kUnsupported,
         "{}: element type '{}' is not supported (little-endian numbers and bool are)", origin_, descr);
  }

  Shape shape() const {
    std::string_view list = value("shape");
    const size_t end = list.find(')');
    if (list.empty() || list[0] != '(' || end == std::string_view::npos)
      fail(ErrorCode::kCorrupt, "{}: the header's shape is not a tuple", origin_);
    list = list.substr(1, end - 1);
    Shape shape;
    while (true) {
      list.remove_prefix(std::min(list.find_first_not_of(" ,"), list.size()));
      if (list.empty()) break;
      int64_t d = 0;
      const auto [p, error] = std::from_chars(list.data(), list.data() + list.size(), d);
      if (error != std::errc() || d < 0)
        fail(ErrorCode::kCorrupt, "{}: the header's shape is not of sizes", origin_);
      list.remove_prefix(static_cast<size_t>(p - list.data()));
      shape.push_back(d);
      if (shape.rank() > 64) fail(ErrorCode::kUnsupported, "{}: more than 64 dimensions", origin_);
    }
    return shape;
  }

  bool fortran_order() const { return value("fortran_order").starts_with("True"); }

 private:
  std::string_view text_;
  const std::string& origin_;
};

}  // namespace

size_t npy_header_bytes(ByteSpan begin, const std::string& origin) {
  if (begin.size() < 10 || as_chars(begin.first(6)) != kMagic)
    fail(ErrorCode::kCorrupt, "{}: not a .npy file", origin);
  const auto version = static_cast<unsigned>(begin[6]);
  if (version < 1 || version > 3) fail(ErrorCode::kUnsupported, "{}: .npy version {}", origin, version);
  const size_t prefix = version == 1 ? 10 : 12;
  if (begin.size() < prefix) fail(ErrorCode::kCorrupt, "{}: cut short in its header", origin);
  return prefix + (version == 1 ? load_le<uint16_t>(&begin[8]) : load_le<uint32_t>(&begin[8]));
}

NpyHeader parse_npy_header(ByteSpan begin, const std::string& origin) {
  const size_t size = npy_header_bytes(begin, origin), prefix = begin[6] == std::byte{1} ? 10 : 12;
  if (size > begin.size()) fail(ErrorCode::kCorrupt, "{}: cut short in its header", origin);
  const Header header(as_chars(begin.subspan(prefix, size - prefix)), origin);
  return {header.format(), header.shape(), header.fortran_order(), size};
}

Tensor parse_npy(ByteSpan bytes, const std::string& origin) {
  const NpyHeader header = parse_npy_header(bytes, origin);
  const Format format = header.format;
  const Shape& shape = header.shape;
  const ByteSpan data = bytes.subspan(header.size_bytes);
  uint64_t expected = 0;
  try {
    expected = static_cast<uint64_t>(shape.num_elements()) * static_cast<uint64_t>(element_bytes(format));
  } catch (const Error& e) {
    fail(e.code(), "{}: {}", origin, e.what());
  }
  if (data.size() < expected)
    fail(ErrorCode::kCorrupt, "{}: {} {} needs {} bytes, the file has {}", origin, format->name,
         to_string(shape), expected, data.size());
  Tensor t(format, shape);
  std::byte* out = t.plane(Plane::kPayload).data();
  if (format == &formats::kBool) {
    for (size_t i = 0; i < expected; ++i) out[i] = data[i] == std::byte{0} ? std::byte{0} : std::byte{1};
  } else if (expected > 0) {
    std::memcpy(out, data.data(), expected);
  }
  if (!header.fortran_order || shape.rank() < 2) return t;
  Strides strides(static_cast<size_t>(shape.rank()));
  int64_t step = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    strides[static_cast<size_t>(i)] = step;
    step *= shape[i];
  }
  return Tensor::over(format, shape, strides, out).clone();
}

Bytes to_npy(const Tensor& tensor) {
  const NpyType* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                     [&](const NpyType& t) { return t.format == tensor.format(); });
  if (type == std::end(kTypes)) return to_npy(tensor.to_float());
  const Tensor dense = tensor.is_row_major() ? tensor.view() : tensor.clone();
  std::string shape;
  for (int64_t d : tensor.shape())
    shape += fmt::format("{}{}", shape.empty() ? "" : " ", fmt::format("{},", d));
  if (tensor.shape().rank() > 1) shape.pop_back();
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   element_bytes(type->format) == 1 ? '|' : '<', type->descr, shape);
  header.append(63 - (10 + header.size()) % 64, ' ');  // data begin at a multiple of 64
  header += '\n';
  if (header.size() > UINT16_MAX)
    fail(ErrorCode::kUnsupported, "NPY: {} axes are more than its header holds", tensor.shape().rank());
  std::string file(kMagic);
  file += '\1';
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  Bytes out(as_bytes(file).begin(), as_bytes(file).end());
  const auto data = dense.plane(Plane::kPayload);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Tensor load_npy(const std::string& path) {
  const MappedFile file(path);
  return parse_npy(file.bytes(), path);
}

}  // namespace dunlin
