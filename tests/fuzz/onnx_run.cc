// Planning and running under tight limits, with inputs drawn from the model's own bytes.
#include "base/random.h"
#include "dunlin/session.h"
#include "fuzz.h"
#include "graph/infer.h"
#include "graph/onnx/import.h"
#include "graph/op.h"
#include "graph/passes/inline_functions.h"
#include "graph/support.h"

using namespace dunlin;

namespace {

constexpr uint64_t kMaxBytes = 1 << 22;
constexpr int64_t kMaxElements = 1 << 14;

Tensor draw_strings(const Shape& shape, Philox& random) {
  constexpr std::string_view kWords[] = {"",    "a",        "a a b", "B,c",  "1e400",        "-7",
                                         "nan", "\xc3\x84", "\xc3",  "\xff", "\xed\xa0\x80", "0x1p-3 "};
  std::vector<std::string> values;
  for (int64_t i = 0; i < shape.num_elements(); ++i)
    values.emplace_back(kWords[random.below(std::size(kWords))]);
  return Tensor::of_strings(shape, std::move(values));
}

Tensor draw(Format format, const Shape& shape, Philox& random) {
  if (format == &formats::kString) return draw_strings(shape, random);
  Tensor t(format, shape);
  if (format->narrow) {
    for (std::byte& code : t.plane(Plane::kPayload))
      code = std::byte{format->narrow->encode(random.below(16) - 8.0, true, Rounding::kNearest)};
    return t;
  }
  for_format(format, [&]<typename T>() {
    for (int64_t i = 0; i < t.num_elements(); ++i)
      t.data<T>()[i] = static_cast<T>(static_cast<ComputeType<T>>(static_cast<int>(random.below(6)) - 2));
  });
  return t;
}

/// Open dimensions are 2, the elements of a sequence two tensors.
RunValue draw(const ValueInfo& info, Philox& random) {
  if (info.format == nullptr) fail(ErrorCode::kUnsupported, "no element type");
  if (info.optional && random.below(2) == 0) return {};
  Shape shape = info.rank_known ? info.shape : Shape{2};
  for (int i = 0; i < shape.rank(); ++i) shape[i] = shape[i] < 0 ? 2 : shape[i];
  if (shape.num_elements() > kMaxElements) fail(ErrorCode::kUnsupported, "a large input");
  if (!info.sequence) return draw(info.format, shape, random);
  RunValue::Elements elements;
  for (int i = 0; i < 2; ++i)
    elements.push_back(std::make_shared<const Tensor>(draw(info.format, shape, random)));
  return RunValue::sequence(info.format, std::move(elements));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::expect_answer([&] {
    ModelLimits limits;
    limits.max_nodes = 1000;
    limits.folding.max_bytes = kMaxBytes;
    auto graph =
        std::make_shared<const Graph>(inline_functions(parse_onnx(fuzz::bytes_of(data, size)), limits));
    check_supported(*graph);
    Session session(graph, {.num_threads = 1, .max_run_bytes = kMaxBytes, .limits = limits});
    Philox random(size, 1);
    for (int run = 0; run < 2; ++run) {
      std::vector<RunValue> inputs;
      for (const ValueInfo& info : session.inputs()) inputs.push_back(draw(info, random));
      session.run_values(std::move(inputs), {.seed = 1, .max_iterations = 200});
    }
  });
  return 0;
}
