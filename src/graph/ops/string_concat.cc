#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// x, y of strings, broadcast -> each x with its y behind it.
extern constexpr OpDef kStringConcat{
    .name = "StringConcat",
    .since = 20,
    .source = "ONNX StringConcat",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          for (int i : {0, 1})
            if (const Format f = a.format(i); f && f != &formats::kString)
              a.error("input {} is {}, strings are expected", i, f->name);
          return std::vector<Type>{
              {.format = &formats::kString, .shape = broadcast_shapes(a, a.shape(0), a.shape(1))}};
        },
    .forward =
        [](const OpCall& c) {
          const Tensor &x = c.input(0), &y = c.input(1);
          const Shape shape = broadcast_shapes(c, x.shape(), y.shape());
          std::vector<std::string> out;
          uint64_t bytes = 0;
          for_each_strided(
              shape,
              [&](size_t, int64_t i, int64_t j) {
                const std::string &a = x.strings()[static_cast<size_t>(i)],
                                  &b = y.strings()[static_cast<size_t>(j)];
                bytes += sizeof(a) + a.size() + b.size();
                if (bytes > c.context().max_bytes)
                  c.exhausted("its output takes more than the {} bytes left for this run",
                              c.context().max_bytes);
                out.push_back(a + b);
              },
              broadcast_strides(x, shape), broadcast_strides(y, shape));
          c.give_strings(0, shape, std::move(out));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
