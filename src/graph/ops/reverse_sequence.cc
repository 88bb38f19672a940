#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[4,3,2] i64{4,1,2}"},
                               {"batch_axis=0 time_axis=1", "f32[2,4] i64{0,3}"}};
}

/// The first sequence_lens[b] steps of every batch entry b in reverse.
extern constexpr OpDef kReverseSequence{
    .name = "ReverseSequence",
    .since = 10,
    .source = "ONNX ReverseSequence",
    .inputs = 2,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          const int time = c.normalize_axis(c.attr_int("time_axis", 0), s.rank());
          const int batch = c.normalize_axis(c.attr_int("batch_axis", 1), s.rank());
          const std::vector<int64_t> lengths = to_ints(c.input(1));
          if (time == batch || static_cast<int64_t>(lengths.size()) != s[batch])
            c.error("{} sequence lengths for {} of {}", lengths.size(), s[batch], to_string(s));
          for (int64_t n : lengths)
            if (n < 0 || n > s[time]) c.error("a sequence length is {}, the time axis has {}", n, s[time]);
          const Strides rows = row_major_strides(s);
          const int64_t step = rows[static_cast<size_t>(time)];
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto x = word_elements<Word>(c.input(0));
            const auto y = word_elements<Word>(c.output(0));
            for (size_t i = 0; i < x.size(); ++i) {
              const auto at = static_cast<int64_t>(i);
              const int64_t t = at / step % s[time];
              const int64_t n =
                  lengths[static_cast<size_t>(at / rows[static_cast<size_t>(batch)] % s[batch])];
              y[i] = x[static_cast<size_t>(t < n ? at + (n - 1 - 2 * t) * step : at)];
            }
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("ReverseSequence", {g.out_grad(0), g.in(1)}, g.node().attributes));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
