// What comes from a disk or a peer as bytes: training states, models' tensors, sums, updates, manifests. The first
// byte says which.
#include "fleet/strategies/update_code.h"
#include "fleet/transport/manifest.h"
#include "fuzz.h"
#include "learn/checkpoint.h"
#include "learn/safetensors.h"
#include "memory_files.h"

using namespace dunlin;

namespace {

/// A plan of two tensors, as the seeds have it.
std::vector<fleet::TensorCode> plan() {
  return {{"w", {2, 3}, FixedPoint{.bits = 24, .range = 4}}, {"b", {}, FixedPoint{.bits = 32, .range = 4}}};
}

void read(int kind, ByteSpan bytes) {
  switch (kind) {
    case 's':
      return static_cast<void>(encode_safetensors(decode_safetensors(bytes, "f")));
    case 'c': {
      fuzz::MemoryFiles files;
      files.write_atomic("f", bytes, 0);
      const Checkpoint c = load_checkpoint(files, "f");
      return save_checkpoint(files, "g", c);
    }
    case 't':
      return static_cast<void>(fleet::NamedTensors::parse(bytes).serialise());
    case 'S': {
      fleet::Sum sum = fleet::Sum::parse(bytes);
      sum.serialise();
      fuzz::expect_answer([&] { sum.mean(); });
      return;
    }
    case 'u': {
      const fleet::CheckedUpdate checked = fleet::check_update(
          bytes, "task", plan(), {.max_weight = 1000, .declared_examples = 100, .max_header_bytes = 4096});
      if (checked.reason != wire::v1::UPDATE_ACCEPTED) return;
      fleet::Sum sum(plan());
      sum.fold(checked.codes, checked.header.weight());
      sum.mean();
      return;
    }
    case 'm': {
      wire::v1::Manifest message;
      if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
      const fleet::Manifest m = fleet::from_wire(message, 1 << 20);
      for (uint32_t i = 0; i < std::min<size_t>(m.chunks.size(), 4); ++i)
        fuzz::expect_answer([&] { fleet::check_chunk(m, i, bytes); });
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
