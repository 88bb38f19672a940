#include "graph/ops/gather.h"
#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,4] i64{0,3,3}"},
                               {"", "f64[5] i64[1,2]{4,0}"},
                               {"", "i64[2,1,6] i64[2,2]{5,0,1,2}"},
                               {"", "i32[0,2] i64{1}"}};
}

/// X [..., C], Y of indices, whatever its shape -> Z [..., number of indices]; of X [C] it is [1, number].
extern constexpr OpDef kArrayFeatureExtractor{
    .name = "ArrayFeatureExtractor",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.ArrayFeatureExtractor",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          if (const Format f = a.format(1); f && f != &formats::kI64)
            a.error("Y is {}, i64 is expected", f->name);
          Shape out = a.shape(0);
          if (out.rank() == 0) a.error("X is a scalar, [..., C] is expected");
          if (out.rank() == 1) out = {1, kUnknownDim};
          const bool known = a.has_shape(1) && a.shape(1).known();
          out[out.rank() - 1] = known ? a.shape(1).num_elements() : kUnknownDim;
          return std::vector<Type>{{.format = a.format(0), .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          const int64_t features = s[s.rank() - 1];
          std::vector<int64_t> columns = to_ints(c.input(1));
          for (int64_t& column : columns) column = checked_index(c, column, features);
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto x = word_elements<Word>(c.input(0));
            const auto z = word_elements<Word>(c.output(0));
            for (size_t o = 0; o < z.size();)
              for (const size_t row = o / columns.size(); const int64_t column : columns)
                z[o++] = x[row * static_cast<size_t>(features) + static_cast<size_t>(column)];
          });
        },
    .strings = Strings::kNumbered,
    .samples = kSamples};

}  // namespace dunlin::ops
