// Speed of the contraction family: matrix products beside oneDNN's sgemm over the layers of ResNet-50,
// MobileNetV2 and BERT-base, convolutions of ResNet-18 as a fraction of the processor's peak, and those that Winograd's
// algorithm can do beside the direct ones. One thread.
//
//   contraction_bench [--isa avx512|avx2] [--json FILE]
#include <dnnl.h>
#include <fmt/format.h>
#include <immintrin.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"
#include "kernels/winograd/winograd.h"

using namespace dunlin;

namespace {

struct Shape {
  const char* model;
  int64_t m, n, k;
  bool b_is_activation = false;  // attention: our packing is then part of the time
};
constexpr Shape kShapes[] = {
    {"ResNet-50", 12544, 64, 147},     {"ResNet-50", 3136, 64, 64},      {"ResNet-50", 3136, 64, 576},
    {"ResNet-50", 3136, 256, 64},      {"ResNet-50", 3136, 64, 256},     {"ResNet-50", 3136, 128, 256},
    {"ResNet-50", 784, 128, 1152},     {"ResNet-50", 784, 512, 128},     {"ResNet-50", 784, 512, 256},
    {"ResNet-50", 784, 128, 512},      {"ResNet-50", 784, 256, 512},     {"ResNet-50", 196, 256, 2304},
    {"ResNet-50", 196, 1024, 256},     {"ResNet-50", 196, 1024, 512},    {"ResNet-50", 196, 256, 1024},
    {"ResNet-50", 196, 512, 1024},     {"ResNet-50", 49, 512, 4608},     {"ResNet-50", 49, 2048, 512},
    {"ResNet-50", 49, 2048, 1024},     {"ResNet-50", 49, 512, 2048},     {"ResNet-50", 1, 1000, 2048},
    {"MobileNetV2", 12544, 32, 27},    {"MobileNetV2", 12544, 16, 32},   {"MobileNetV2", 12544, 96, 16},
    {"MobileNetV2", 3136, 24, 96},     {"MobileNetV2", 3136, 144, 24},   {"MobileNetV2", 3136, 24, 144},
    {"MobileNetV2", 784, 32, 144},     {"MobileNetV2", 784, 192, 32},    {"MobileNetV2", 784, 32, 192},
    {"MobileNetV2", 196, 64, 192},     {"MobileNetV2", 196, 384, 64},    {"MobileNetV2", 196, 64, 384},
    {"MobileNetV2", 196, 96, 384},     {"MobileNetV2", 196, 576, 96},    {"MobileNetV2", 196, 96, 576},
    {"MobileNetV2", 49, 160, 576},     {"MobileNetV2", 49, 960, 160},    {"MobileNetV2", 49, 160, 960},
    {"MobileNetV2", 49, 320, 960},     {"MobileNetV2", 49, 1280, 320},   {"MobileNetV2", 1, 1000, 1280},
    {"BERT-base", 128, 768, 768},      {"BERT-base", 128, 3072, 768},    {"BERT-base", 128, 768, 3072},
    {"BERT-base", 128, 128, 64, true}, {"BERT-base", 128, 64, 128, true}};

struct Layer {
  const char* name;
  int64_t in_channels, out_channels, size, kernel, stride;
};
constexpr Layer kResNet18[] = {
    {"conv1", 3, 64, 224, 7, 2},        {"layer1", 64, 64, 56, 3, 1},     {"layer2.0", 64, 128, 56, 3, 2},
    {"layer2.down", 64, 128, 56, 1, 2}, {"layer2", 128, 128, 28, 3, 1},   {"layer3.0", 128, 256, 28, 3, 2},
    {"layer3", 256, 256, 14, 3, 1},     {"layer4.0", 256, 512, 14, 3, 2}, {"layer4", 512, 512, 7, 3, 1}};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

std::vector<float> numbers(int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i * 7919 % 1000) / 1000 - 0.5f;
  return v;
}

// Times functions alternately, in samples of at least 0.5 ms; the medians of one call.
template <typename... F>
std::vector<double> alternate(const F&... f) {
  constexpr int kSamples = 11;
  std::vector<std::vector<double>> times(sizeof...(F));
  std::vector<int> repeats(sizeof...(F));
  for (int sample = -1; sample < kSamples; ++sample) {
    size_t which = 0;
    const auto one = [&](const auto& run) {
      if (sample < 0) {
        run();
        const double begin = seconds();
        run();
        repeats[which] = std::max(1, static_cast<int>(0.5e-3 / (seconds() - begin + 1e-9)));
      } else {
        const double begin = seconds();
        for (int i = 0; i < repeats[which]; ++i) run();
        times[which].push_back((seconds() - begin) / repeats[which]);
      }
      ++which;
    };
    (one(f), ...);
  }
  std::vector<double> medians;
  for (const auto& t : times) medians.push_back(median(t));
  return medians;
}

// What independent multiply-adds in registers reach, in GFLOP/s.
__attribute__((target("avx512f"))) double peak_avx512() {
  __m512 acc[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) acc[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 x = _mm512_set1_ps(0.999f);
  constexpr int kLoops = 1 << 20;
  const double begin = seconds();
  for (int n = 0; n < kLoops; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) acc[i] = _mm512_fmadd_ps(acc[i], x, x);
  }
  const double end = seconds();
  volatile float sink = 0;
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) sink = sink + _mm512_cvtss_f32(acc[i]);
  return 2. * 16 * 16 * kLoops / (end - begin) / 1e9;
}

__attribute__((target("avx2,fma"))) double peak_avx2() {
  __m256 acc[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) acc[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 x = _mm256_set1_ps(0.999f);
  constexpr int kLoops = 1 << 20;
  const double begin = seconds();
  for (int n = 0; n < kLoops; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) acc[i] = _mm256_fmadd_ps(acc[i], x, x);
  }
  const double end = seconds();
  volatile float sink = 0;
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) sink = sink + _mm256_cvtss_f32(acc[i]);
  return 2. * 12 * 8 * kLoops / (end - begin) / 1e9;
}

double measured_peak(Isa isa) {
  double best = 0;
  for (int i = 0; i < 5; ++i) best = std::max(best, isa == Isa::kAvx2 ? peak_avx2() : peak_avx512());
  return best;
}

struct Times {
  double ours, peer;
};

Times time_gemm(Isa isa, ThreadPool& pool, const Shape& s) {
  const auto a = numbers(s.m * s.k), b = numbers(s.k * s.n);
  std::vector<float> c(static_cast<size_t>(s.m * s.n)), c_peer = c, packed(packed_b_floats(isa, s.k, s.n));
  const GemmShape shape{.m = s.m, .n = s.n, .k = s.k, .lda = s.k, .ldc = s.n};
  const BatchedGemmShape batched{.gemm = shape, .b_row_stride = s.n};
  pack_b(isa, pool, s.k, s.n, b.data(), s.n, 1, packed.data());
  const auto ours = [&] {
    if (s.b_is_activation) {
      batched_gemm(isa, pool, batched, a.data(), b.data(), c.data(), {}, packed.data());
    } else {
      gemm(isa, pool, shape, a.data(), packed.data(), c.data());
    }
  };
  const auto peer = [&] {
    dnnl_sgemm('N', 'N', s.m, s.n, s.k, 1, a.data(), s.k, b.data(), s.n, 0, c_peer.data(), s.n);
  };
  const auto t = alternate(ours, peer);
  for (size_t i = 0; i < c.size(); ++i) {
    if (std::fabs(c[i] - c_peer[i]) > 1e-3f * std::sqrt(static_cast<float>(s.k))) {
      fmt::print(stderr, "{}x{}x{}: results differ\n", s.m, s.n, s.k);
      std::exit(1);
    }
  }
  return {t[0], t[1]};
}

ConvShape conv_shape(const Layer& l, int64_t batch) {
  const int64_t pad = l.kernel / 2, out = (l.size + 2 * pad - l.kernel) / l.stride + 1;
  return {.batch = batch,
          .in_channels = l.in_channels,
          .out_channels = l.out_channels,
          .in = {1, l.size, l.size},
          .out = {1, out, out},
          .kernel = {1, l.kernel, l.kernel},
          .stride = {1, l.stride, l.stride},
          .pad = {0, pad, pad}};
}

// GFLOP/s of forward, backward data, backward weights.
std::vector<double> time_conv(Isa isa, ThreadPool& pool, const Layer& l, int64_t batch) {
  const ConvShape s = conv_shape(l, batch);
  const auto w = numbers(s.out_channels * s.in_channels * s.taps());
  auto x = numbers(s.in_pixels() * s.in_channels), y = numbers(s.out_pixels() * s.out_channels);
  std::vector<float> packed(conv_packed_floats(isa, s)), back(conv_packed_backward_floats(isa, s)),
      dw(w.size()), scratch(conv_backward_weights_scratch_floats(isa, s, pool.size()));
  conv_pack(isa, pool, s, w.data(), packed.data());
  conv_pack_backward(isa, pool, s, w.data(), back.data());
  auto t = alternate(
      [&] { conv_forward(isa, pool, s, x.data(), packed.data(), y.data()); },
      [&] { conv_backward_data(isa, pool, s, y.data(), back.data(), x.data()); },
      [&] { conv_backward_weights(isa, pool, s, x.data(), y.data(), dw.data(), false, scratch.data()); });
  for (double& v : t) v = 2e-9 * static_cast<double>(s.out_pixels()) * static_cast<double>(w.size()) / v;
  return t;
}

// Packed weights, many times over: as in a net, a call finds other weights in the caches than its own.
class ColdWeights {
 public:
  template <typename Pack>
  ColdWeights(size_t floats, const Pack& pack)
      : floats_(floats), copies_(1 + kBytes / (floats * sizeof(float))) {
    packed_.resize(floats * copies_);
    for (size_t i = 0; i < copies_; ++i) pack(packed_.data() + i * floats);
  }
  const float* next() { return packed_.data() + (next_++ % copies_) * floats_; }

 private:
  static constexpr size_t kBytes = 64 << 20;
  size_t floats_, copies_, next_ = 0;
  std::vector<float> packed_;
};

// Milliseconds of the direct convolution, F(2x2) and F(4x4), batch 1.
std::vector<double> time_winograd(Isa isa, ThreadPool& pool, const ConvShape& s) {
  const auto w = numbers(s.out_channels * s.in_channels * 9), x = numbers(s.in_pixels() * s.in_channels);
  std::vector<float> y(static_cast<size_t>(s.out_pixels() * s.out_channels));
  ColdWeights direct(conv_packed_floats(isa, s), [&](float* to) { conv_pack(isa, pool, s, w.data(), to); });
  const auto weights = [&](WinogradTile tile) {
    return ColdWeights(winograd_packed_floats(isa, s, tile),
                       [&](float* to) { winograd_pack(isa, pool, s, tile, w.data(), to); });
  };
  ColdWeights two = weights(WinogradTile::k2x2), four = weights(WinogradTile::k4x4);
  std::vector<float> scratch(std::max(winograd_scratch_floats(isa, s, WinogradTile::k2x2, 1),
                                      winograd_scratch_floats(isa, s, WinogradTile::k4x4, 1)));
  const auto winograd = [&](WinogradTile tile, ColdWeights& packed) {
    winograd_forward(isa, pool, s, tile, x.data(), packed.next(), y.data(), {}, scratch.data());
  };
  auto t = alternate([&] { conv_forward(isa, pool, s, x.data(), direct.next(), y.data()); },
                     [&] { winograd(WinogradTile::k2x2, two); }, [&] { winograd(WinogradTile::k4x4, four); });
  for (double& v : t) v *= 1e3;
  return t;
}

}  // namespace

int main(int argc, char** argv) {
  // oneDNN's threads are OpenMP's, which reads this before main begins.
  if (const char* threads = getenv("OMP_NUM_THREADS"); !threads || std::strcmp(threads, "1") != 0) {
    setenv("OMP_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
  }
  Isa isa = best_isa();
  std::string json_path;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--isa") == 0) isa = isa_from_string(argv[i + 1]);
    if (std::strcmp(argv[i], "--json") == 0) json_path = argv[i + 1];
  }
  if (isa == Isa::kAvx512Bf16) isa = Isa::kAvx512;
  const dnnl_cpu_isa_t peer_isa = isa == Isa::kAvx2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_avx512_core;
  if (dnnl_set_max_cpu_isa(peer_isa) != dnnl_success || dnnl_get_effective_cpu_isa() != peer_isa) {
    fmt::print(stderr, "oneDNN cannot be held to {}\n", to_string(isa));
    return 1;
  }
  ThreadPool pool(1);
  const double peak = measured_peak(isa);
  fmt::print("{}: peak {:.0f} GFLOP/s in registers\n", to_string(isa), peak);

  std::string json;
  double log_sum = 0;
  fmt::print("{:12} {:>6} {:>6} {:>6} {:>12} {:>12} {:>7} {:>7}\n", "model", "M", "N", "K", "ours GF/s",
             "oneDNN GF/s", "ratio", "of peak");
  for (const Shape& s : kShapes) {
    const Times t = time_gemm(isa, pool, s);
    const double flop = 2e-9 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
    log_sum += std::log(t.peer / t.ours);
    fmt::print("{:12} {:6} {:6} {:6} {:12.1f} {:12.1f} {:7.2f} {:7.2f}\n", s.model, s.m, s.n, s.k,
               flop / t.ours, flop / t.peer, t.peer / t.ours, flop / t.ours / peak);
    json += fmt::format(
        "{}{{\"model\":\"{}\",\"m\":{},\"n\":{},\"k\":{},\"gflops\":{:.1f},\"onednn_gflops\":{:.1f}}}",
        json.empty() ? "" : ",", s.model, s.m, s.n, s.k, flop / t.ours, flop / t.peer);
  }
  const double mean = std::exp(log_sum / static_cast<double>(std::size(kShapes)));
  fmt::print("geometric mean of speed beside oneDNN: {:.3f}\n\n", mean);

  fmt::print("{:12} {:>10} | batch 8: {:>10} {:>10} {:>10}   fractions of peak\n", "ResNet-18", "forward",
             "forward", "data", "weights");
  std::string conv_json;
  for (const Layer& l : kResNet18) {
    const auto one = time_conv(isa, pool, l, 1), batch = time_conv(isa, pool, l, 8);
    fmt::print("{:12} {:10.2f} | {:20.2f} {:10.2f} {:10.2f}\n", l.name, one[0] / peak, batch[0] / peak,
               batch[1] / peak, batch[2] / peak);
    conv_json += fmt::format(
        "{}{{\"layer\":\"{}\",\"forward_gflops\":{:.1f},\"batch8_forward_gflops\":{:.1f},"
        "\"batch8_backward_data_gflops\":{:.1f},\"batch8_backward_weights_gflops\":{:.1f}}}",
        conv_json.empty() ? "" : ",", l.name, one[0], batch[0], batch[1], batch[2]);
  }
  fmt::print("\n{:12} {:>10} {:>10} {:>10}   ms, weights from memory; * is what a session takes\n",
             "ResNet-18", "direct", "F(2x2)", "F(4x4)");
  std::string winograd_json;
  for (const Layer& l : kResNet18) {
    const ConvShape s = conv_shape(l, 1);
    if (!winograd_fits(s)) continue;
    const auto t = time_winograd(isa, pool, s);
    const auto tile = winograd_tile(isa, s);
    const auto mark = [&](std::optional<WinogradTile> own) { return own == tile ? '*' : ' '; };
    fmt::print("{:12} {:9.3f}{} {:9.3f}{} {:9.3f}{}\n", l.name, t[0], mark(std::nullopt), t[1],
               mark(WinogradTile::k2x2), t[2], mark(WinogradTile::k4x4));
    winograd_json +=
        fmt::format("{}{{\"layer\":\"{}\",\"direct_ms\":{:.4f},\"f2x2_ms\":{:.4f},\"f4x4_ms\":{:.4f}}}",
                    winograd_json.empty() ? "" : ",", l.name, t[0], t[1], t[2]);
  }
  if (!json_path.empty()) {
    std::ofstream(json_path) << fmt::format(
        "{{\"isa\":\"{}\",\"peak_gflops\":{:.1f},\"geometric_mean\":{:.3f},\"gemm\":[{}],\"conv\":[{}],"
        "\"winograd\":[{}]}}\n",
        to_string(isa), peak, mean, json, conv_json, winograd_json);
  }
}
