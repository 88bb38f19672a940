// What the reductions share: axes as attribute or input, the strided loop, and the way back of a gradient.
#pragma once

#include <limits>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// Floats and doubles are summed in double, integers in 64 bits that wrap.
template <typename T>
using Accumulator = std::conditional_t<std::is_integral_v<T>,
                                       std::conditional_t<std::is_unsigned_v<T>, uint64_t, int64_t>, double>;

/// What extremes are kept in: of nothing they are the least or largest number that the type has.
template <typename T>
using Extreme = std::conditional_t<std::is_same_v<T, bool>, uint8_t,
                                   std::conditional_t<std::is_integral_v<T>, T, double>>;

/// The start of a maximum (of a minimum when `least`).
template <typename A>
A limit(bool least) {
  using Limits = std::numeric_limits<A>;
  if constexpr (Limits::has_infinity) return least ? Limits::infinity() : -Limits::infinity();
  return least ? Limits::max() : Limits::lowest();
}

/// Which axes are reduced. No axes means all, or none with noop_with_empty_axes.
std::vector<bool> reduced_axes(const NodeView& a, const std::optional<std::vector<int64_t>>& axes, int rank);
std::vector<Type> infer_reduce(const InferArgs& a);

/// One lane for each element that is left when those axes are reduced.
struct KeptLanes {
  Strides to;         ///< strides of the lane's number along x's axes, 0 where reduced
  int64_t count = 1;  ///< lanes
};
KeptLanes lanes_kept(const Shape& x, const std::vector<bool>& reduced);

/// y = finish(step(...step(init, x0)..., xn), count of reduced elements).
template <typename T, typename A, typename Step, typename Finish>
void reduce(const OpCall& c, A init, Step step, Finish finish) {
  using Value = Accumulator<T>;
  const Tensor& x = c.input(0);
  const std::vector<bool> reduced = reduced_axes(c, c.ints("axes", 1), x.shape().rank());
  const auto [to, kept] = lanes_kept(x.shape(), reduced);
  std::vector<A> total(static_cast<size_t>(kept), init);
  const T* in = x.data<T>();
  for_each_strided(
      x.shape(),
      [&](size_t, int64_t i, int64_t o) {
        A& a = total[static_cast<size_t>(o)];
        a = step(a, static_cast<Value>(static_cast<ComputeType<T>>(in[i])));
      },
      x.strides(), to);
  const double count = kept == 0 ? 0 : static_cast<double>(x.num_elements()) / static_cast<double>(kept);
  const auto out = c.out<T>(0);
  for (size_t i = 0; i < total.size(); ++i) out[i] = to_element<T>(finish(total[i], count));
}

/// For numbers of any type: what is left is step(...step(init, x0)..., xn) itself.
template <typename Step>
void reduce_numbers(const OpCall& c, int init, Step step) {
  for_number_format(c.input(0).format(), [&]<typename T>() {
    using A = Accumulator<T>;
    reduce<T>(c, static_cast<A>(init), step, [](A a, double) { return a; });
  });
}

/// Of ReduceMax and ReduceMin: equal extremes share the gradient, as in PyTorch's amax and amin.
void reduced_extreme_gradient(Grad& g);

inline constexpr Sample kReduceSamples[] = {
    {"", "f32[2,3,4] i64{1}"},
    {"keepdims=0", "f32[2,3,4] i64{0,-1}"},
    {"keepdims=0", "f32[2,3]"},
    {"noop_with_empty_axes=1", "f32[2,3] i64[0]{}"},
    {"axes=[1] keepdims=0", "f32[2,3,4]", 11},
    {"", "i32[2,3]@-9..9 i64{1}"},
};

/// Brings values of the reduced shape back over the input.
class ReducedGrad {
 public:
  explicit ReducedGrad(Grad& g);
  /// A value like the output, repeated over the reduced axes.
  ValueId spread(ValueId v) const;
  /// The reverse: a value like the input, summed to the shape of the output.
  ValueId sum(ValueId v) const;
  /// 1 / (elements reduced into each output), in the format of `like`.
  ValueId ratio(ValueId like) const;
  void give(ValueId gradient) const { g_->to_input(0, gradient); }

 private:
  Grad* g_;
};

}  // namespace dunlin::ops
