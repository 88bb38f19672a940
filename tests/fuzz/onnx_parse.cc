// Reading: whatever the bytes, a model or an Error.
#include "fuzz.h"
#include "graph/onnx/import.h"

using namespace dunlin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::expect_answer([&] { parse_onnx(fuzz::bytes_of(data, size)); });
  return 0;
}
