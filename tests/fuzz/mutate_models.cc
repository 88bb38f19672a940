// libFuzzer's mutations, for the targets whose input is an ONNX model.
#include <google/protobuf/arena.h>

#include "model_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

/// Bytes written, 0 when they would not fit.
size_t put(const dunlin::onnx::ModelProto& model, uint8_t* out, size_t max_size) {
  const size_t size = model.ByteSizeLong();
  return size <= max_size && model.SerializeToArray(out, static_cast<int>(size)) ? size : 0;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  google::protobuf::Arena arena;  // most of the time went into allocating
  auto& model = *google::protobuf::Arena::CreateMessage<dunlin::onnx::ModelProto>(&arena);
  if (seed % 8 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, max_size);
  dunlin::fuzz::ModelMutator mutator(seed);
  for (unsigned i = 0; i <= seed / 8 % 4; ++i) mutator.change(model);
  const size_t written = put(model, data, max_size);
  return written > 0 ? written : LLVMFuzzerMutate(data, size, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, size_t size_a, const uint8_t* b, size_t size_b,
                                            uint8_t* out, size_t max_size, unsigned seed) {
  google::protobuf::Arena arena;
  auto& model = *google::protobuf::Arena::CreateMessage<dunlin::onnx::ModelProto>(&arena);
  auto& other = *google::protobuf::Arena::CreateMessage<dunlin::onnx::ModelProto>(&arena);
  if (!model.ParseFromArray(a, static_cast<int>(size_a)) ||
      !other.ParseFromArray(b, static_cast<int>(size_b)))
    return 0;
  dunlin::fuzz::ModelMutator(seed).cross(model, other);
  return put(model, out, max_size);
}
