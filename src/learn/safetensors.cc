#include "learn/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

struct TypeName {
  const char* name;
  Format format;
};
constexpr TypeName kTypes[] = {{"F64", &formats::kF64},   {"F32", &formats::kF32}, {"F16", &formats::kF16},
                               {"BF16", &formats::kBF16}, {"I64", &formats::kI64}, {"I32", &formats::kI32},
                               {"I16", &formats::kI16},   {"I8", &formats::kI8},   {"U64", &formats::kU64},
                               {"U32", &formats::kU32},   {"U16", &formats::kU16}, {"U8", &formats::kU8},
                               {"BOOL", &formats::kBool}};

const char* name_of(Format format) {
  for (const TypeName& t : kTypes)
    if (t.format == format) return t.name;
  fail(ErrorCode::kInvalidArgument, "safetensors: no type for the format {}", format->name);
}

/// Lets JSON nest no deeper than the format does, so that a hostile header cannot exhaust the stack.
bool nests_too_deep(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > 3) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

struct Entry {
  std::string name;
  Format format;
  Shape shape;
  uint64_t begin, end;
};

Entry parse_entry(const std::string& name, const Json& j, const std::string& path) {
  const auto bad = [&](const char* why) {
    fail(ErrorCode::kCorrupt, "{}: tensor \"{}\": {}", path, name, why);
  };
  if (!j.is_object() || !j.contains("dtype") || !j.contains("shape") || !j.contains("data_offsets") ||
      !j["dtype"].is_string() || !j["shape"].is_array() || !j["data_offsets"].is_array() ||
      j["data_offsets"].size() != 2)
    bad("dtype, shape and data_offsets are expected");
  Entry e{name, nullptr, {}, 0, 0};
  const std::string type = j["dtype"].get<std::string>();
  for (const TypeName& t : kTypes)
    if (type == t.name) e.format = t.format;
  if (!e.format) fail(ErrorCode::kUnsupported, "{}: tensor \"{}\": type \"{}\"", path, name, type);
  if (j["shape"].size() > 32) bad("its rank is above 32");
  for (const Json& d : j["shape"]) {
    if (!d.is_number_unsigned() || d.get<uint64_t>() > (uint64_t{1} << 48)) bad("an impossible shape");
    e.shape.push_back(static_cast<int64_t>(d.get<uint64_t>()));
  }
  for (const Json& o : j["data_offsets"])
    if (!o.is_number_unsigned()) bad("offsets are not numbers");
  e.begin = j["data_offsets"][0].get<uint64_t>();
  e.end = j["data_offsets"][1].get<uint64_t>();
  int64_t count = 0;
  try {
    count = e.shape.num_elements();
  } catch (const Error&) {
    bad("an impossible shape");
  }
  if (e.end < e.begin ||
      e.end - e.begin != static_cast<uint64_t>(count) * static_cast<uint64_t>(element_bytes(e.format)))
    bad("its offsets do not fit its shape");
  return e;
}

}  // namespace

Bytes encode_safetensors(const SafeTensors& content) {
  Json header = Json::object();
  if (!content.metadata.empty()) header[kMetadata] = content.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : content.tensors) {
    if (!tensor.is_row_major())
      fail(ErrorCode::kInvalidArgument, "safetensors: \"{}\" is not row major", name);
    header[name] = {{"dtype", name_of(tensor.format())},
                    {"shape", tensor.shape().dims()},
                    {"data_offsets", {offset, offset + tensor.num_bytes()}}};
    offset += tensor.num_bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // keeps the data aligned
  Bytes out(8 + text.size() + offset);
  store_le<uint64_t>(out.data(), text.size());
  std::ranges::copy(as_bytes(text), out.begin() + 8);
  auto at = out.begin() + static_cast<std::ptrdiff_t>(8 + text.size());
  for (const auto& [name, tensor] : content.tensors)
    at = std::ranges::copy(tensor.plane(Plane::kPayload), at).out;
  return out;
}

SafeTensors decode_safetensors(ByteSpan data, const std::string& path) {
  if (data.size() < 8)
    fail(ErrorCode::kCorrupt, "{}: safetensors: {} bytes, shorter than a header", path, data.size());
  const uint64_t header_bytes = load_le<uint64_t>(data.data());
  if (header_bytes > kMaxHeaderBytes || header_bytes > data.size() - 8)
    fail(ErrorCode::kCorrupt, "{}: safetensors: a header of {} bytes in a file of {}", path, header_bytes,
         data.size());
  const std::string_view text = as_chars(data.subspan(8, header_bytes));
  const ByteSpan body = data.subspan(8 + header_bytes);
  if (nests_too_deep(text)) fail(ErrorCode::kCorrupt, "{}: safetensors: the header nests too deep", path);
  const Json header = Json::parse(text, nullptr, false);
  if (!header.is_object())
    fail(ErrorCode::kCorrupt, "{}: safetensors: the header is not a JSON object", path);
  SafeTensors out;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      entries.push_back(parse_entry(name, value, path));
      continue;
    }
    if (!value.is_object()) fail(ErrorCode::kCorrupt, "{}: safetensors: __metadata__ is not an object", path);
    for (const auto& [k, v] : value.items()) {
      if (!v.is_string()) fail(ErrorCode::kCorrupt, "{}: safetensors: metadata \"{}\" is not text", path, k);
      out.metadata[k] = v.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t offset = 0;
  for (const Entry& e : entries) {
    if (e.begin != offset || e.end > body.size())
      fail(ErrorCode::kCorrupt, "{}: tensor \"{}\" lies at {} to {}, {} is expected of {} bytes", path,
           e.name, e.begin, e.end, offset, body.size());
    offset = e.end;
    Tensor t(e.format, e.shape);
    std::ranges::copy(body.subspan(e.begin, e.end - e.begin), t.plane(Plane::kPayload).begin());
    out.tensors.emplace(e.name, std::move(t));
  }
  if (offset != body.size())
    fail(ErrorCode::kCorrupt, "{}: safetensors: {} bytes of data, the header describes {}", path, body.size(),
         offset);
  return out;
}

}  // namespace dunlin
