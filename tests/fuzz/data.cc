// The data readers. The first byte says which one; the rest is the file.
#include "dunlin/run_value.h"
#include "fuzz.h"
#include "graph/onnx/tensors.h"
#include "learn/data/idx.h"
#include "learn/data/manifest.h"
#include "learn/data/npz.h"
#include "learn/data/table.h"
#include "memory_files.h"
#include "tensor/npy.h"

using namespace dunlin;

namespace {

void read_all(const DatasetPtr& data) {
  if (!data) return;
  data->class_names();
  for (size_t i = 0; i < std::min<size_t>(data->size(), 32); ++i) {
    data->class_of(i);
    data->group(i);
    data->where(i);
    fuzz::expect_answer([&] { data->example(i); });
  }
}

/// Two files: the first byte and 256 times the second are the length of the first.
std::pair<ByteSpan, ByteSpan> split(ByteSpan bytes) {
  if (bytes.size() < 2) return {bytes, {}};
  const size_t length = std::to_integer<size_t>(bytes[0]) + 256 * std::to_integer<size_t>(bytes[1]);
  const ByteSpan rest = bytes.subspan(2);
  return {rest.first(std::min(length, rest.size())), rest.subspan(std::min(length, rest.size()))};
}

void read(int reader, ByteSpan bytes) {
  fuzz::MemoryFiles files;
  switch (reader) {
    case 'y':
      return static_cast<void>(parse_npy(bytes, "f.npy"));
    case 'z': {
      const NpzParts parts = open_npz(fuzz::NamedBytes(bytes).path());
      read_all(parts.train);
      return read_all(parts.test);
    }
    case 'i':
    case 'g': {
      const std::string suffix = reader == 'g' ? ".gz" : "";
      const auto [images, labels] = split(bytes);
      files.write_atomic("images" + suffix, images, 0);
      files.write_atomic("labels", labels, 0);
      return read_all(open_idx(files, {"images" + suffix, "labels"}));
    }
    case 'c':
      files.write_atomic("t.csv", bytes, 0);
      return read_all(open_table(files, "t.csv", "label", "group"));
    case 'm': {
      const auto [manifest, sample] = split(bytes);
      files.write_atomic("m.csv", manifest, 0);
      for (const char* name : {"a.npy", "a.png", "t.npy"}) files.write_atomic(name, sample, 0);
      return read_all(open_manifest(files, "m.csv"));
    }
    case 'p': {
      const fuzz::NamedBytes file(bytes);
      for (const Type::Kind kind : {Type::Kind::kTensor, Type::Kind::kSequence})
        for (const bool optional : {false, true})
          fuzz::expect_answer([&] {
            onnx::load_value_file(file.path(),
                                  {.kind = kind, .format = {}, .shape = {}, .optional = optional});
          });
      return;
    }
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) fuzz::expect_answer([&] { read(data[0], fuzz::bytes_of(data + 1, size - 1)); });
  return 0;
}
