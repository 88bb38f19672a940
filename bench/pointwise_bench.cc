// Memory-bound kernels: depthwise convolution on the layers of MobileNetV2 (GFLOP/s and the bytes that must
// move), batch normalisation, relu, softmax. "bytes" counts every input and output once: near the memory's or
// the cache's own rate a kernel has nothing left to win. copy/ is that rate on this machine.
#include <benchmark/benchmark.h>

#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "kernels/depthwise/depthwise.h"
#include "kernels/norm/batch_norm.h"
#include "kernels/pointwise/unary.h"
#include "kernels/softmax/softmax.h"

namespace dunlin {
namespace {

/// Floats on cache lines of their own, as the runtime's arena has them.
template <typename T>
struct LineAligned {
  using value_type = T;
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t(64)); }
  bool operator==(const LineAligned&) const { return true; }
};
using Floats = std::vector<float, LineAligned<float>>;

struct Layer {
  size_t size, channels, stride;
};
constexpr Layer kMobileNetV2[] = {{112, 32, 1}, {112, 96, 2}, {56, 144, 1}, {56, 144, 2}, {28, 192, 1},
                                  {28, 192, 2}, {14, 384, 1}, {14, 576, 1}, {14, 576, 2}, {7, 960, 1}};

DepthwiseDims dims_of(const Layer& l, size_t batch) {
  return {.n = batch,
          .h = l.size,
          .w = l.size,
          .c = l.channels,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride_h = l.stride,
          .stride_w = l.stride,
          .pad_top = 1,
          .pad_left = 1,
          .out_h = l.size / l.stride + l.size % l.stride,
          .out_w = l.size / l.stride + l.size % l.stride};
}

void count(benchmark::State& state, double flops, double bytes) {
  const auto iterations = static_cast<double>(state.iterations());
  if (flops > 0) {
    state.counters["GFLOP/s"] = benchmark::Counter(flops * iterations * 1e-9, benchmark::Counter::kIsRate);
  }
  state.counters["GB/s"] = benchmark::Counter(bytes * iterations * 1e-9, benchmark::Counter::kIsRate);
}

enum class Pass { kForward, kBackwardData, kBackwardWeight };

void depthwise(benchmark::State& state, Isa isa, int threads, Layer layer, size_t batch, Pass pass) {
  ThreadPool pool(threads);
  const DepthwiseDims d = dims_of(layer, batch);
  Floats x(d.n * d.h * d.w * d.c, 0.5f), y(d.n * d.out_h * d.out_w * d.c, 0.25f), w(9 * d.c, 0.125f);
  Floats scratch(depthwise_backward_weight_scratch(d)), dw(w.size());
  for (auto _ : state) {
    if (pass == Pass::kForward) {
      depthwise_forward(pool, isa, d, x.data(), w.data(),
                        {.bias = dw.data(), .activation = Activation::clip(0, 6)}, y.data());
    } else if (pass == Pass::kBackwardData) {
      depthwise_backward_data(pool, isa, d, y.data(), w.data(), x.data());
    } else {
      depthwise_backward_weight(pool, isa, d, x.data(), y.data(), scratch.data(), dw.data());
    }
    benchmark::ClobberMemory();
  }
  count(state, 18.0 * static_cast<double>(y.size()), 4.0 * static_cast<double>(x.size() + y.size()));
}

void batch_norm(benchmark::State& state, Isa isa, int threads, size_t rows, size_t c, bool forward) {
  ThreadPool pool(threads);
  Floats x(rows * c), y(rows * c), dx(rows * c), vectors(7 * c, 1.f), scratch(batch_norm_scratch(rows, c));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 251) * 0.01f;
  float* v = vectors.data();
  const BatchNormParameters p{v, v + c, 1e-5f, Activation::clip(0, 6)};
  for (auto _ : state) {
    if (forward) {
      batch_norm_training_forward(pool, isa, rows, c, p, x.data(), scratch.data(), v + 2 * c, v + 3 * c,
                                  v + 4 * c, y.data());
    } else {
      batch_norm_backward(pool, isa, rows, c, p, y.data(), x.data(), v + 2 * c, v + 4 * c, scratch.data(),
                          dx.data(), v + 5 * c, v + 6 * c);
    }
    benchmark::ClobberMemory();
  }
  // Forward reads x twice and writes y; backward reads dy and x twice and writes dx.
  count(state, 0, (forward ? 12.0 : 20.0) * static_cast<double>(x.size()));
}

void elementwise(benchmark::State& state, Isa isa, int threads, size_t n, Activation act) {
  ThreadPool pool(threads);
  Floats x(n, 0.5f), y(n);
  for (auto _ : state) {
    activation(pool, isa, act, x.data(), y.data(), n);
    benchmark::ClobberMemory();
  }
  count(state, 0, 8.0 * static_cast<double>(n));
}

void copy(benchmark::State& state, size_t n) {
  Floats x(n, 0.5f), y(n);
  for (auto _ : state) {
    std::memcpy(y.data(), x.data(), n * sizeof(float));
    benchmark::ClobberMemory();
  }
  count(state, 0, 8.0 * static_cast<double>(n));
}

void softmax(benchmark::State& state, Isa isa, int threads, size_t rows, size_t c) {
  ThreadPool pool(threads);
  Floats x(rows * c, 0.5f), y(rows * c);
  for (auto _ : state) {
    softmax_forward(pool, isa, rows, c, x.data(), y.data());
    benchmark::ClobberMemory();
  }
  count(state, 0, 8.0 * static_cast<double>(x.size()));
}

void add(const std::string& name, const std::string& suffix, auto run) {
  benchmark::RegisterBenchmark((name + suffix).c_str(), run)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

void register_all() {
  for (size_t n : {size_t{1} << 16, size_t{1} << 20, size_t{1} << 24}) {
    add("copy/" + std::to_string(n), "", [=](benchmark::State& s) { copy(s, n); });
  }
  for (Isa isa : available_isas()) {
    if (isa == Isa::kAvx512Bf16) continue;  // the same fp32 kernels as kAvx512
    for (int threads : {1, 2}) {
      const std::string suffix = "/" + std::string(to_string(isa)) + "/threads:" + std::to_string(threads);
      for (size_t batch : {1, 16}) {
        for (const Layer& l : kMobileNetV2) {
          const std::string shape = "/" + std::to_string(batch) + "x" + std::to_string(l.size) + "x" +
                                    std::to_string(l.channels) + "s" + std::to_string(l.stride);
          add("depthwise_forward" + shape, suffix,
              [=](benchmark::State& s) { depthwise(s, isa, threads, l, batch, Pass::kForward); });
          if (batch == 1) continue;
          add("depthwise_backward_data" + shape, suffix,
              [=](benchmark::State& s) { depthwise(s, isa, threads, l, batch, Pass::kBackwardData); });
          add("depthwise_backward_weight" + shape, suffix,
              [=](benchmark::State& s) { depthwise(s, isa, threads, l, batch, Pass::kBackwardWeight); });
          const size_t rows = batch * l.size * l.size;
          add("batch_norm_relu6_forward" + shape, suffix,
              [=](benchmark::State& s) { batch_norm(s, isa, threads, rows, l.channels, true); });
          add("batch_norm_relu6_backward" + shape, suffix,
              [=](benchmark::State& s) { batch_norm(s, isa, threads, rows, l.channels, false); });
        }
      }
      for (size_t n : {size_t{1} << 10, size_t{1} << 16, size_t{1} << 20, size_t{1} << 24}) {
        const std::string size = "/" + std::to_string(n);
        add("relu" + size, suffix,
            [=](benchmark::State& s) { elementwise(s, isa, threads, n, Activation::relu()); });
        for (const auto& [name, kind] : {std::pair{"hard_swish", ActivationKind::kHardSwish},
                                         {"silu", ActivationKind::kSilu},
                                         {"gelu", ActivationKind::kGelu}}) {
          add(name + size, suffix,
              [=, kind = kind](benchmark::State& s) { elementwise(s, isa, threads, n, {kind}); });
        }
      }
      add("softmax/2364x197", suffix, [=](benchmark::State& s) { softmax(s, isa, threads, 2364, 197); });
      add("softmax/16x1000", suffix, [=](benchmark::State& s) { softmax(s, isa, threads, 16, 1000); });
    }
  }
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) {
  dunlin::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
