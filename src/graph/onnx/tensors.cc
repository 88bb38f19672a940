#include "graph/onnx/tensors.h"

#include <algorithm>
#include <charconv>

#include "graph/graph_bytes.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/onnx/prescan.h"
#include "graph/op.h"

namespace dunlin::onnx {

namespace {

constexpr const char* kElementTypes[] = {
    "UNDEFINED", "FLOAT",      "UINT8",      "INT8",         "UINT16",         "INT16",      "INT32",
    "INT64",     "STRING",     "BOOL",       "FLOAT16",      "DOUBLE",         "UINT32",     "UINT64",
    "COMPLEX64", "COMPLEX128", "BFLOAT16",   "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
    "UINT4",     "INT4",       "FLOAT4E2M1", "FLOAT8E8M0",   "UINT2",          "INT2"};

std::byte* bytes_of(Tensor& t) { return t.plane(Plane::kPayload).data(); }

/// Whether a file's bytes are what a tensor has in memory.
bool as_in_memory(const void* p, Format format) {
  return format->file_bits == 0 && format->kind != FormatDef::Kind::kBool &&
         reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(element_bytes(format)) == 0;
}

/// From two codes a byte, the first in the lower half.
void unpack(ByteSpan bytes, Tensor& t) {
  std::byte* out = bytes_of(t);
  const bool is_signed = t.format()->kind == FormatDef::Kind::kSigned;
  for (size_t i = 0; i < static_cast<size_t>(t.num_elements()); ++i) {
    const unsigned code = (static_cast<unsigned>(bytes[i / 2]) >> (i % 2 * 4)) & 0xf;
    out[i] = static_cast<std::byte>(is_signed && code > 7 ? code | 0xf0 : code);
  }
}

/// A bool in memory may only be 0 or 1; a file may hold anything.
Tensor copy_plain(ByteSpan bytes, Format format, const Shape& shape) {
  Tensor t(format, shape);
  if (format->file_bits != 0)
    unpack(bytes, t);
  else if (format->kind == FormatDef::Kind::kBool)
    std::transform(bytes.begin(), bytes.end(), bytes_of(t),
                   [](std::byte b) { return b == std::byte{0} ? std::byte{0} : std::byte{1}; });
  else if (!bytes.empty())
    std::memcpy(bytes_of(t), bytes.data(), bytes.size());
  return t;
}

/// Copies a typed field. 16-bit floats are stored as their bits in int32_data.
template <typename T, typename Field>
Tensor read_typed(const Field& field, Format format, const Shape& shape, const char* field_name,
                  const std::string& what) {
  const int64_t expected = shape.num_elements();
  if (field.size() != expected)
    fail(ErrorCode::kCorrupt, "{}: {} has {} elements, its dimensions {} need {}", what, field_name,
         field.size(), to_string(shape), expected);
  Tensor t(format, shape);
  T* out = t.data<T>();
  for (int i = 0; i < field.size(); ++i) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
      out[i].bits = static_cast<uint16_t>(field.Get(i));
    else
      out[i] = static_cast<T>(field.Get(i));
  }
  return t;
}

/// As Tensor::num_bytes() will count them.
uint64_t bytes_of_strings(const TensorProto& p) {
  uint64_t bytes = 0;
  for (const std::string& s : p.string_data()) bytes += sizeof(s) + s.size();
  return bytes;
}

Tensor read_strings(TensorProto& p, const Shape& shape, const std::string& what) {
  if (p.has_raw_data() || p.data_location() == TensorProto::EXTERNAL)
    fail(ErrorCode::kCorrupt, "{}: strings stand in string_data, not in {}", what,
         p.has_raw_data() ? "raw_data" : "another file");
  if (p.string_data_size() != shape.num_elements())
    fail(ErrorCode::kCorrupt, "{}: string_data has {} elements, its dimensions {} need {}", what,
         p.string_data_size(), to_string(shape), shape.num_elements());
  std::vector<std::string> values;
  for (std::string& s : *p.mutable_string_data()) values.push_back(std::move(s));
  return Tensor::of_strings(shape, std::move(values));
}

/// FLOAT8 has its codes in int32_data, one each; types of 4 bits have two.
Tensor read_narrow(const TensorProto& p, Format format, const Shape& shape, const std::string& what) {
  const uint64_t expected = bytes_in_file(format, static_cast<uint64_t>(shape.num_elements()));
  if (static_cast<uint64_t>(p.int32_data_size()) != expected)
    fail(ErrorCode::kCorrupt, "{}: int32_data has {} elements, its dimensions {} need {}", what,
         p.int32_data_size(), to_string(shape), expected);
  Bytes bytes;
  for (int32_t code : p.int32_data()) bytes.push_back(static_cast<std::byte>(code & 0xff));
  return copy_plain(bytes, format, shape);
}

Tensor read_fields(const TensorProto& p, Format format, const Shape& shape, const std::string& what) {
  if (format->narrow) return read_narrow(p, format, shape, what);
  return for_format(format, [&]<typename T>() {
    if constexpr (std::is_same_v<T, float>)
      return read_typed<T>(p.float_data(), format, shape, "float_data", what);
    else if constexpr (std::is_same_v<T, double>)
      return read_typed<T>(p.double_data(), format, shape, "double_data", what);
    else if constexpr (std::is_same_v<T, int64_t>)
      return read_typed<T>(p.int64_data(), format, shape, "int64_data", what);
    else if constexpr (std::is_same_v<T, uint64_t> || std::is_same_v<T, uint32_t>)
      return read_typed<T>(p.uint64_data(), format, shape, "uint64_data", what);
    else
      return read_typed<T>(p.int32_data(), format, shape, "int32_data", what);
  });
}

uint64_t parse_number(const std::string& text, const char* key, const std::string& what) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || p != end)
    fail(ErrorCode::kCorrupt, "{}: external data: {} is \"{}\", not a number", what, key, text.substr(0, 40));
  return value;
}

}  // namespace

Bytes packed_codes(const Tensor& tensor) {
  Bytes out(bytes_in_file(tensor.format(), static_cast<uint64_t>(tensor.num_elements())));
  const auto codes = tensor.plane(Plane::kPayload);
  for (size_t i = 0; i < codes.size(); ++i) out[i / 2] |= (codes[i] & std::byte{0xf}) << (i % 2 * 4);
  return out;
}

uint64_t bytes_in_file(Format format, uint64_t num_elements) {
  if (format->file_bits == 0) return num_elements * static_cast<uint64_t>(element_bytes(format));
  return num_elements / 2 + num_elements % 2;
}

std::string element_type_name(int onnx_type) {
  if (onnx_type >= 0 && onnx_type < static_cast<int>(std::size(kElementTypes)))
    return kElementTypes[onnx_type];
  return fmt::format("number {}", onnx_type);
}

Format format_of_element_type(int onnx_type, const std::string& what) {
  const Format format =
      onnx_type == formats::kString.onnx_type ? &formats::kString : find_format_by_onnx_type(onnx_type);
  if (!is_plain(format) && format != &formats::kString)
    fail(ErrorCode::kUnsupported, "{}: elements of type {} are not supported", what,
         element_type_name(onnx_type));
  return format;
}

std::shared_ptr<const MappedFile> ExternalFiles::open(const std::string& location, const std::string& what) {
  if (!folder_)
    fail(ErrorCode::kInvalidArgument,
         "{}: its data are in another file, \"{}\", and this model came without a folder", what, location);
  auto& file = files_[location];
  if (!file) {
    try {
      file = std::make_shared<const MappedFile>(*folder_, location);
    } catch (const Error& e) {
      fail(e.code(), "{}: external data: {}", what, e.what());
    }
  }
  return file;
}

TensorPtr TensorReader::read(TensorProto& proto, const std::string& what) {
  const Format format = format_of_element_type(proto.data_type(), what);
  if (proto.dims_size() > limits_.max_rank)
    fail(ErrorCode::kResourceExhausted, "{}: has {} dimensions, more than the limit of {}", what,
         proto.dims_size(), limits_.max_rank);
  std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  for (int64_t d : dims)
    if (d < 0) fail(ErrorCode::kCorrupt, "{}: has a dimension of {}", what, d);
  const Shape shape(std::move(dims));
  const bool strings = format == &formats::kString;
  uint64_t expected = 0;
  try {
    expected = static_cast<uint64_t>(shape.num_elements());
    if (!strings) expected = bytes_in_file(format, expected);
  } catch (const Error& e) {
    fail(e.code(), "{}: {}", what, e.what());
  }
  if (strings) expected = bytes_of_strings(proto);
  // Before anything is allocated; the data themselves are compared with `expected` below.
  const uint64_t in_memory = format->file_bits ? static_cast<uint64_t>(shape.num_elements()) : expected;
  if (in_memory > limits_.max_bytes - std::min(limits_.max_bytes, total_bytes_))
    fail(ErrorCode::kResourceExhausted, "{}: {} {} needs {} bytes; all tensors together may have {}", what,
         format->name, to_string(shape), in_memory, limits_.max_bytes);
  total_bytes_ += in_memory;
  const bool external = proto.data_location() == TensorProto::EXTERNAL;
  limits_.model_bytes += external ? in_memory : in_memory - expected;
  check_model_bytes(limits_.model_bytes, limits_.max_model_bytes);
  if (strings) return std::make_shared<const Tensor>(read_strings(proto, shape, what));
  if (external) return std::make_shared<const Tensor>(read_external(proto, format, shape, expected, what));
  if (proto.has_raw_data()) {
    std::unique_ptr<std::string> raw(proto.release_raw_data());
    return std::make_shared<const Tensor>(read_raw(std::move(*raw), format, shape, expected, what));
  }
  return std::make_shared<const Tensor>(read_fields(proto, format, shape, what));
}

Tensor TensorReader::read_raw(std::string bytes, Format format, const Shape& shape, uint64_t expected,
                              const std::string& what) {
  if (bytes.size() != expected)
    fail(ErrorCode::kCorrupt, "{}: raw_data has {} bytes, {} {} needs {}", what, bytes.size(), format->name,
         to_string(shape), expected);
  constexpr size_t kWorthKeeping = 4096;  // smaller ones are cheaper to copy than to own
  if (bytes.size() < kWorthKeeping || !as_in_memory(bytes.data(), format))
    return copy_plain(as_bytes(bytes), format, shape);
  auto owner = std::make_shared<std::string>(std::move(bytes));
  auto* data = reinterpret_cast<std::byte*>(owner->data());
  return Tensor::over(format, shape, row_major_strides(shape), data, std::move(owner));
}

Tensor TensorReader::read_external(const TensorProto& proto, Format format, const Shape& shape,
                                   uint64_t expected, const std::string& what) {
  std::string location;
  uint64_t offset = 0, length = expected;
  for (const StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_number(entry.value(), "offset", what);
    if (entry.key() == "length") length = parse_number(entry.value(), "length", what);
  }
  if (length != expected)
    fail(ErrorCode::kCorrupt, "{}: external data of {} bytes, {} {} needs {}", what, length, format->name,
         to_string(shape), expected);
  const std::shared_ptr<const MappedFile> file = files_.open(location, what);
  const uint64_t size = file->bytes().size();
  if (offset > size || expected > size - offset)
    fail(ErrorCode::kCorrupt, "{}: {} bytes of external data from byte {} on of \"{}\", which has {} bytes",
         what, expected, offset, location, size);
  external_bytes_[location] += expected;
  const ByteSpan bytes = file->bytes().subspan(offset, expected);
  if (!as_in_memory(bytes.data(), format)) return copy_plain(bytes, format, shape);
  // Only const tensors are handed out, so the read-only mapping is never written.
  return Tensor::over(format, shape, row_major_strides(shape), const_cast<std::byte*>(bytes.data()), file);
}

void write_tensor(const Tensor& tensor, const std::string& name, const ExternalPlace* place,
                  TensorProto& proto) {
  const bool strings = tensor.format() == &formats::kString;
  if ((!is_plain(tensor.format()) && !strings) || tensor.format()->onnx_type == 0)
    fail(ErrorCode::kUnsupported, "tensor \"{}\": format {} has no ONNX element type", name,
         tensor.format()->name);
  for (int64_t d : tensor.shape()) proto.add_dims(d);
  proto.set_data_type(tensor.format()->onnx_type);
  if (!name.empty()) proto.set_name(name);
  if (strings) {
    for (const std::string& s : tensor.strings()) proto.add_string_data(s);
    return;
  }
  if (place != nullptr) {
    const auto add = [&](const char* key, std::string value) {
      StringStringEntryProto* entry = proto.add_external_data();
      entry->set_key(key);
      entry->set_value(std::move(value));
    };
    add("location", place->location);
    add("offset", std::to_string(place->offset));
    add("length",
        std::to_string(bytes_in_file(tensor.format(), static_cast<uint64_t>(tensor.num_elements()))));
    proto.set_data_location(TensorProto::EXTERNAL);
    return;
  }
  const Tensor dense = tensor.is_row_major() ? tensor.view() : tensor.clone();
  if (tensor.format()->file_bits != 0)
    proto.set_raw_data(std::string(as_chars(packed_codes(dense))));
  else
    proto.set_raw_data(std::string(as_chars(dense.plane(Plane::kPayload))));
}

namespace {

template <typename Proto>
Proto parse_file(const std::string& path, FileKind kind, const char* what) {
  const MappedFile file(path);
  try {
    prescan(file.bytes(), {}, kind);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kResourceExhausted) fail(e.code(), "{}: {}", path, e.what());
    fail(e.code(), "{}: not an ONNX {}", path, what);
  }
  Proto proto;
  if (file.bytes().size() > INT32_MAX ||
      !proto.ParseFromArray(file.bytes().data(), static_cast<int>(file.bytes().size())))
    fail(ErrorCode::kCorrupt, "{}: not an ONNX {}", path, what);
  return proto;
}

Tensor read_tensor(TensorProto& proto, const std::string& path) {
  if (!proto.has_data_type()) fail(ErrorCode::kCorrupt, "{}: not an ONNX tensor", path);
  try {
    TensorReader reader(ExternalFiles(std::nullopt), {});
    return reader.read(proto, fmt::format("tensor \"{}\"", proto.name()))->clone();
  } catch (const Error& e) {
    fail(e.code(), "{}: {}", path, e.what());
  }
}

RunValue read_sequence(SequenceProto& proto, Format format, const std::string& path) {
  RunValue::Elements elements;
  for (TensorProto& t : *proto.mutable_tensor_values())
    elements.push_back(std::make_shared<const Tensor>(read_tensor(t, path)));
  if (!elements.empty()) format = elements[0]->format();
  return RunValue::sequence(format, std::move(elements));
}

}  // namespace

Tensor load_tensor_file(const std::string& path) {
  auto proto = parse_file<TensorProto>(path, FileKind::kTensor, "tensor");
  return read_tensor(proto, path);
}

void save_tensor_file(const Tensor& tensor, const std::string& name, const std::string& path) {
  TensorProto proto;
  write_tensor(tensor, name, nullptr, proto);
  system_files().write_atomic(path, as_bytes(proto.SerializeAsString()));
}

RunValue load_value_file(const std::string& path, const Type& type) {
  if (type.is_tensor()) return load_tensor_file(path);
  const bool sequence = type.kind == Type::Kind::kSequence;
  if (!type.optional) {
    auto proto = parse_file<SequenceProto>(path, FileKind::kSequence, "sequence");
    return read_sequence(proto, type.format, path);
  }
  auto proto = parse_file<OptionalProto>(path, FileKind::kOptional, "optional");
  if (sequence && proto.has_sequence_value())
    return read_sequence(*proto.mutable_sequence_value(), type.format, path);
  if (!sequence && proto.has_tensor_value()) return read_tensor(*proto.mutable_tensor_value(), path);
  return {};
}

}  // namespace dunlin::onnx
