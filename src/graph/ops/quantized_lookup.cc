#include "graph/ops/checks.h"
#include "graph/ops/quantize.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "u8[3,2,130]@0..255 i8[256]@-128..127"},
                               {"", "i8[2,3,4,5]@-128..127 u8[256]@0..255"}};
}

/// Any function of one byte: x, table [256] -> table[x], where a negative x counts as x + 256. Made by
/// passes/recognize_lookups.h.
extern constexpr OpDef kQuantizedLookup{
    .name = "QuantizedLookup",
    .domain = kDunlinDomain,
    .source = "a function of 8 bits as the table of its values",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "x", a.format(0));
          check_quantized(a, "the table", a.format(1));
          if (a.has_shape(1) && a.shape(1).known() && a.shape(1) != Shape{256})
            a.error("the table is {}, [256] is expected", to_string(a.shape(1)));
          return std::vector<Type>{{.format = a.format(1), .shape = a.type(0).shape}};
        },
    .forward =
        [](const OpCall& c) {
          for_quantized_format(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            for_quantized_format(c.output(0).format(), [&]<typename R>() {
              const auto table = c.in<R>(1);
              const auto y = c.out<R>(0);
              for (size_t i = 0; i < x.size(); ++i) y[i] = table[static_cast<uint8_t>(x[i])];
            });
          });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
