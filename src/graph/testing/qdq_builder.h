// For tests: graphs of quantised values as QDQ models spell them.
#pragma once

#include <cmath>

#include "graph/testing/graph_builder.h"

namespace dunlin {

/// Spells QDQ graphs as quantisers do; constants stay as they are until the pass has seen them.
struct QdqBuilder : GraphBuilder {
  ValueId zero(Format format, int v) {
    Tensor t(format, Shape{});
    if (format == &formats::kI8)
      *t.data<int8_t>() = static_cast<int8_t>(v);
    else
      *t.data<uint8_t>() = static_cast<uint8_t>(v);
    return constant(std::move(t));
  }
  ValueId quantise(ValueId x, float scale, int zero_point, Format format = &formats::kU8) {
    return node("QuantizeLinear", {x, scalar(scale), zero(format, zero_point)});
  }
  ValueId dequantise(ValueId q, float scale, int zero_point, Format format = &formats::kU8) {
    return node("DequantizeLinear", {q, scalar(scale), zero(format, zero_point)});
  }
  ValueId there_and_back(ValueId x, float scale, int zero_point, Format format = &formats::kU8) {
    return dequantise(quantise(x, scale, zero_point, format), scale, zero_point, format);
  }
  /// One scale for each index of `axis`; random bytes.
  ValueId weights(Shape shape, int axis) {
    Tensor w(&formats::kI8, shape);
    for (int64_t i = 0; i < w.num_elements(); ++i) w.data<int8_t>()[i] = static_cast<int8_t>(rng.next_u32());
    return node("DequantizeLinear", {constant(std::move(w)), weight({shape[axis]}, 0.001, 0.01)},
                "axis=" + std::to_string(axis));
  }
  Graph done(std::vector<ValueId> outputs) {
    g.outputs = std::move(outputs);
    InferOptions options;
    options.fold_dequantized = false;
    return infer_and_fold(g, options);
  }
};

/// By the references, over random inputs. Sums in floating point round, those of integers do not, and a bias is a
/// number of whole steps: a value that lies within that of a tie may move by one step, and few do.
inline void expect_one_step_at_most(const Graph& before, const Graph& after, double step,
                                    double most_moved = 0.005) {
  GraphBuilder b;
  int64_t moved = 0, all = 0;
  for (int draw = 0; draw < 3; ++draw) {
    std::vector<Tensor> in;
    for (ValueId v : before.inputs) in.push_back(b.random(*before.type(v).shape, -3, 3));
    const auto want = evaluate(before, in), got = evaluate(after, in);
    for (size_t k = 0; k < want.size(); ++k) {
      ASSERT_EQ(to_string(got[k].shape()), to_string(want[k].shape()));
      for (int64_t i = 0; i < want[k].num_elements(); ++i, ++all) {
        const double apart = std::fabs(got[k].data<float>()[i] - want[k].data<float>()[i]);
        moved += apart > 1e-4;
        ASSERT_LE(apart, step * 1.0001) << i;
      }
    }
  }
  EXPECT_LE(static_cast<double>(moved), most_moved * static_cast<double>(all));
}

}  // namespace dunlin
