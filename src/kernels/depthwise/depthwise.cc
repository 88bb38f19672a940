#include "kernels/depthwise/depthwise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "kernels/depthwise/depthwise_simd.h"
#include "kernels/depthwise/multiplier.h"

namespace dunlin {

namespace {

/// Taps of one axis, and the destination indices that have all of them.
class Axis {
 public:
  /// Forward: output o reads input o * stride - pad + k * dilation.
  static Axis forward(size_t out, size_t in, size_t kernel, size_t stride, size_t dilation, size_t pad) {
    Axis axis;
    axis.begin_.reserve(out + 1);
    axis.taps_.reserve(out * kernel);
    for (size_t o = 0; o < out; ++o) {
      axis.begin_.push_back(static_cast<uint32_t>(axis.taps_.size()));
      for (size_t k = 0; k < kernel; ++k) {
        const size_t at = o * stride + k * dilation;
        if (at >= pad && at - pad < in) axis.add(at - pad, k);
      }
    }
    axis.finish(kernel);
    return axis;
  }

  /// Gradient: input i is read by output o with kernel index k where o * stride = i + pad - k * dilation.
  static Axis backward(size_t in, size_t out, size_t kernel, size_t stride, size_t dilation, size_t pad) {
    Axis axis;
    axis.begin_.reserve(in + 1);
    for (size_t i = 0; i < in; ++i) {
      axis.begin_.push_back(static_cast<uint32_t>(axis.taps_.size()));
      for (size_t k = kernel; k-- > 0;) {  // ascending outputs
        if (i + pad < k * dilation) continue;
        const size_t at = i + pad - k * dilation;
        if (at % stride == 0 && at / stride < out) axis.add(at / stride, k);
      }
    }
    axis.finish(kernel);
    return axis;
  }

  DepthwiseAxis view() const { return {taps_.data(), begin_.data()}; }
  size_t interior_begin() const { return interior_begin_; }
  size_t interior_end() const { return interior_end_; }

 private:
  void add(size_t source, size_t k) {
    taps_.push_back({static_cast<uint32_t>(source), static_cast<uint32_t>(k)});
  }
  void finish(size_t kernel) {
    begin_.push_back(static_cast<uint32_t>(taps_.size()));
    const size_t size = begin_.size() - 1;
    const auto full = [&](size_t i) { return begin_[i + 1] - begin_[i] == kernel; };
    while (interior_begin_ < size && !full(interior_begin_)) ++interior_begin_;
    interior_end_ = interior_begin_;
    while (interior_end_ < size && full(interior_end_)) ++interior_end_;
  }

  std::vector<DepthwiseTap> taps_;
  std::vector<uint32_t> begin_;
  size_t interior_begin_ = 0, interior_end_ = 0;
};

void check_kernel(const DepthwiseDims& d) {
  if (d.kernel_h > kDepthwiseMaxRowTaps) {
    fail(ErrorCode::kUnsupported, "depthwise convolution: kernel height {}, at most {} supported", d.kernel_h,
         kDepthwiseMaxRowTaps);
  }
}

Axis forward_rows(const DepthwiseDims& d) {
  check_kernel(d);
  return Axis::forward(d.out_h, d.h, d.kernel_h, d.stride_h, d.dilation_h, d.pad_top);
}
Axis forward_columns(const DepthwiseDims& d) {
  return Axis::forward(d.out_w, d.w, d.kernel_w, d.stride_w, d.dilation_w, d.pad_left);
}

/// Rows of about 32k multiply-adds' worth of work each task, so that small layers stay on one thread.
size_t rows_per_task(const DepthwiseDims& d, size_t row_elements) {
  const size_t work = std::max<size_t>(1, row_elements * d.kernel_h * d.kernel_w);
  return std::max<size_t>(1, (size_t{1} << 17) / work);
}

template <typename T>
void gather_in_parallel(ThreadPool& pool, Isa isa, const DepthwiseGather<T>& g, size_t rows,
                        size_t rows_per_task) {
  const auto& table = depthwise_table_of(isa);
  pool.parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](size_t i, int) {
    const size_t begin = i * rows_per_task, end = std::min(rows, (i + 1) * rows_per_task);
    if constexpr (std::is_same_v<T, float>)
      table.gather(g, begin, end);
    else
      table.gather_bf16(g, begin, end);
  });
}

/// Weight gradients are summed in this many parts, each over a run of output rows; a function of the shape
/// alone.
size_t weight_parts(const DepthwiseDims& d) {
  const size_t rows = d.n * d.out_h;
  const size_t enough_work = std::max<size_t>(1, rows / rows_per_task(d, d.out_w * d.c));
  return std::min({rows, enough_work, size_t{32}});
}

size_t weight_size(const DepthwiseDims& d) { return d.kernel_h * d.kernel_w * d.c * d.multiplier; }

}  // namespace

void depthwise_pack_weight(const DepthwiseDims& dims, const float* weight, float* packed) {
  const size_t c = dims.c * dims.multiplier, taps = dims.kernel_h * dims.kernel_w;
  for (size_t i = 0; i < c; ++i) {
    for (size_t t = 0; t < taps; ++t) packed[t * c + i] = weight[i * taps + t];
  }
}

void depthwise_unpack_weight(const DepthwiseDims& dims, const float* packed, float* weight) {
  const size_t c = dims.c * dims.multiplier, taps = dims.kernel_h * dims.kernel_w;
  for (size_t i = 0; i < c; ++i) {
    for (size_t t = 0; t < taps; ++t) weight[i * taps + t] = packed[t * c + i];
  }
}

template <typename T>
void depthwise_forward(ThreadPool& pool, Isa isa, const DepthwiseDims& d, const T* x, const float* weight,
                       const EpilogueOf<T>& epilogue, T* y) {
  if constexpr (std::is_same_v<T, float>) {
    if (d.multiplier != 1) return depthwise_multiplier_forward(pool, isa, d, x, weight, epilogue, y);
  }
  const Axis rows = forward_rows(d), columns = forward_columns(d);
  const DepthwiseGather<T> g{.source = x,
                             .weight = weight,
                             .destination = y,
                             .source_h = d.h,
                             .source_w = d.w,
                             .h = d.out_h,
                             .w = d.out_w,
                             .c = d.c,
                             .kernel_w = d.kernel_w,
                             .rows = rows.view(),
                             .columns = columns.view(),
                             .stride = d.dilation_w == 1 ? d.stride_w : 0,
                             .interior_begin = columns.interior_begin(),
                             .interior_end = columns.interior_end(),
                             .first = -static_cast<ptrdiff_t>(d.pad_left),
                             .flipped = false,
                             .epilogue = epilogue};
  gather_in_parallel(pool, isa, g, d.n * d.out_h, rows_per_task(d, d.out_w * d.c));
}

template void depthwise_forward(ThreadPool&, Isa, const DepthwiseDims&, const float*, const float*,
                                const Epilogue&, float*);
template void depthwise_forward(ThreadPool&, Isa, const DepthwiseDims&, const BFloat16*, const float*,
                                const EpilogueOf<BFloat16>&, BFloat16*);

void depthwise_backward_data(ThreadPool& pool, Isa isa, const DepthwiseDims& d, const float* dy,
                             const float* weight, float* dx) {
  if (d.multiplier != 1) return depthwise_multiplier_backward_data(pool, d, dy, weight, dx);
  check_kernel(d);
  const Axis rows = Axis::backward(d.h, d.out_h, d.kernel_h, d.stride_h, d.dilation_h, d.pad_top);
  const Axis columns = Axis::backward(d.w, d.out_w, d.kernel_w, d.stride_w, d.dilation_w, d.pad_left);
  const DepthwiseGather<float> g{
      .source = dy,
      .weight = weight,
      .destination = dx,
      .source_h = d.out_h,
      .source_w = d.out_w,
      .h = d.h,
      .w = d.w,
      .c = d.c,
      .kernel_w = d.kernel_w,
      .rows = rows.view(),
      .columns = columns.view(),
      .stride = size_t{d.dilation_w == 1 && d.stride_w == 1},
      .interior_begin = columns.interior_begin(),
      .interior_end = columns.interior_end(),
      .first = static_cast<ptrdiff_t>(d.pad_left) - static_cast<ptrdiff_t>(d.kernel_w - 1),
      .flipped = true,
      .epilogue = {}};
  gather_in_parallel(pool, isa, g, d.n * d.h, rows_per_task(d, d.w * d.c));
}

size_t depthwise_backward_weight_scratch(const DepthwiseDims& d) {
  return d.multiplier != 1 ? 0 : weight_parts(d) * weight_size(d);
}

void depthwise_backward_weight(ThreadPool& pool, Isa isa, const DepthwiseDims& d, const float* x,
                               const float* dy, float* scratch, float* dweight) {
  if (d.multiplier != 1) return depthwise_multiplier_backward_weight(pool, d, x, dy, dweight);
  const Axis rows = forward_rows(d), columns = forward_columns(d);
  const DepthwiseWeightGradient g{.x = x,
                                  .dy = dy,
                                  .h = d.h,
                                  .w = d.w,
                                  .c = d.c,
                                  .out_h = d.out_h,
                                  .out_w = d.out_w,
                                  .kernel_w = d.kernel_w,
                                  .rows = rows.view(),
                                  .columns = columns.view(),
                                  .stride = d.dilation_w == 1 ? d.stride_w : 0,
                                  .interior_begin = columns.interior_begin(),
                                  .interior_end = columns.interior_end(),
                                  .first = -static_cast<ptrdiff_t>(d.pad_left)};
  const auto& table = depthwise_table_of(isa);
  const size_t parts = weight_parts(d), size = weight_size(d), all_rows = d.n * d.out_h;
  pool.parallel_for(parts, [&](size_t i, int) {
    float* part = scratch + i * size;
    std::fill_n(part, size, 0.f);
    table.weight_gradient(g, all_rows * i / parts, all_rows * (i + 1) / parts, part);
  });
  // A tree of pairs: the order is fixed, and errors grow with the logarithm of the number of parts.
  for (size_t gap = 1; gap < parts; gap *= 2) {
    for (size_t i = 0; i + gap < parts; i += 2 * gap) {
      float* into = scratch + i * size;
      const float* from = scratch + (i + gap) * size;
      for (size_t j = 0; j < size; ++j) into[j] += from[j];
    }
  }
  std::copy_n(scratch, size, dweight);
}

}  // namespace dunlin
