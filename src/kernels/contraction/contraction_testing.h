// For tests of the contraction family only: shapes that every member is tested with, and what they mean.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/contraction/conv.h"
#include "kernels/epilogue.h"

namespace dunlin {

inline double apply(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kClip:
      return std::min(std::max(x, double(f.a)), double(f.b));
    case ActivationKind::kLeakyRelu:
      return x < 0 ? f.a * x : x;
    case ActivationKind::kHardSigmoid:
      return std::min(std::max(f.a * x + f.b, 0.), 1.);
    case ActivationKind::kHardSwish:
      return x * std::min(std::max(x / 6 + 0.5, 0.), 1.);
    case ActivationKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::kSilu:
      return x / (1 + std::exp(-x));
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.)));
    case ActivationKind::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ActivationKind::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
  }
  return x;
}

// Every kind of activation.
inline constexpr Activation kActivations[] = {Activation::none(),
                                              Activation::relu(),
                                              Activation::clip(0, 6),
                                              Activation::leaky_relu(0.1f),
                                              Activation::hard_sigmoid(0.2f, 0.5f),
                                              {.kind = ActivationKind::kHardSwish},
                                              {.kind = ActivationKind::kSigmoid},
                                              {.kind = ActivationKind::kSilu},
                                              {.kind = ActivationKind::kTanh},
                                              {.kind = ActivationKind::kGelu},
                                              {.kind = ActivationKind::kGeluTanh},
                                              {.kind = ActivationKind::kMish}};

struct GemmCase {
  int64_t m, n, k;
};
// Around panel and tile borders; several reduction blocks; GEMV; enough work for several threads.
inline constexpr GemmCase kGemmCases[] = {{1, 1, 1},     {1, 1000, 37}, {2, 33, 641},  {3, 130, 5},
                                          {4, 17, 1300}, {5, 8, 16},    {7, 24, 64},   {13, 16, 27},
                                          {23, 47, 100}, {25, 49, 640}, {49, 96, 320}, {97, 65, 700},
                                          {200, 40, 9},  {6, 64, 0},    {64, 320, 40}, {31, 513, 33}};

struct ConvCase {
  const char* name;
  ConvShape shape;  // `out` is computed from `pad_end`
  Dims3 pad_end = {0, 0, 0};
};

inline ConvCase with_out(ConvCase c) {
  ConvShape& s = c.shape;
  for (size_t i = 0; i < 3; ++i) {
    s.out[i] =
        (s.in[i] + s.pad[i] + c.pad_end[i] - ((s.kernel[i] - 1) * s.dilation[i] + 1)) / s.stride[i] + 1;
  }
  return c;
}

inline const ConvCase kConvCases[] = {
    {"pointwise", {.batch = 2, .in_channels = 24, .out_channels = 40, .in = {1, 7, 5}}},
    {"pointwise_stride",
     {.batch = 2, .in_channels = 33, .out_channels = 17, .in = {1, 7, 6}, .stride = {1, 2, 2}}},
    {"same3x3",
     {.batch = 2,
      .in_channels = 16,
      .out_channels = 33,
      .in = {1, 9, 11},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"wide3x3",  // several blocks of the reduction
     {.batch = 1,
      .in_channels = 230,
      .out_channels = 20,
      .in = {1, 6, 5},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"first7x7",
     {.batch = 1,
      .in_channels = 3,
      .out_channels = 64,
      .in = {1, 37, 31},
      .kernel = {1, 7, 7},
      .stride = {1, 2, 2},
      .pad = {0, 3, 3}},
     {0, 3, 3}},
    {"lenet5x5", {.batch = 3, .in_channels = 1, .out_channels = 6, .in = {1, 14, 14}, .kernel = {1, 5, 5}}},
    {"stride2",
     {.batch = 2,
      .in_channels = 18,
      .out_channels = 34,
      .in = {1, 10, 9},
      .kernel = {1, 3, 3},
      .stride = {1, 2, 2},
      .pad = {0, 1, 1}},
     {0, 0, 1}},
    {"stride_over_kernel",  // phases that no tap reaches
     {.batch = 1,
      .in_channels = 5,
      .out_channels = 7,
      .in = {1, 11, 10},
      .kernel = {1, 2, 1},
      .stride = {1, 3, 4}}},
    {"dilated",
     {.batch = 1,
      .in_channels = 20,
      .out_channels = 12,
      .in = {1, 12, 13},
      .kernel = {1, 3, 3},
      .dilation = {1, 2, 3},
      .pad = {0, 2, 3}},
     {0, 2, 2}},
    {"dilated_stride",
     {.batch = 2,
      .in_channels = 7,
      .out_channels = 9,
      .in = {1, 15, 14},
      .kernel = {1, 3, 4},
      .stride = {1, 2, 4},
      .dilation = {1, 3, 2},
      .pad = {0, 3, 2}},
     {0, 2, 3}},
    {"groups",
     {.batch = 2,
      .in_channels = 24,
      .out_channels = 36,
      .groups = 3,
      .in = {1, 8, 7},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"groups_stride",
     {.batch = 1,
      .in_channels = 8,
      .out_channels = 4,
      .groups = 4,
      .in = {1, 8, 9},
      .kernel = {1, 3, 2},
      .stride = {1, 2, 3},
      .pad = {0, 0, 1}},
     {0, 1, 0}},
    {"padding_only",  // windows that see nothing but padding
     {.batch = 1,
      .in_channels = 4,
      .out_channels = 5,
      .in = {1, 2, 2},
      .kernel = {1, 2, 2},
      .pad = {0, 4, 3}},
     {0, 3, 5}},
    {"conv1d",
     {.batch = 2,
      .in_channels = 10,
      .out_channels = 21,
      .in = {1, 1, 50},
      .kernel = {1, 1, 9},
      .stride = {1, 1, 4},
      .pad = {0, 0, 4}},
     {0, 0, 4}},
    {"conv3d",
     {.batch = 2,
      .in_channels = 6,
      .out_channels = 11,
      .in = {5, 6, 7},
      .kernel = {3, 3, 2},
      .stride = {2, 1, 2},
      .pad = {1, 1, 0}},
     {1, 0, 1}},
    {"many_chunks",
     {.batch = 5,
      .in_channels = 3,
      .out_channels = 18,
      .in = {1, 33, 32},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"many_pixels",  // work for several threads
     {.batch = 2,
      .in_channels = 32,
      .out_channels = 48,
      .in = {1, 20, 20},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
};

// Calls body(x index, w index, y index) for every product of the convolution.
template <typename Body>
void for_each_product(const ConvShape& s, const Body& body) {
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  for (int64_t row = 0; row < s.out_pixels(); ++row) {
    const int64_t n = row / (s.out[0] * s.out[1] * s.out[2]);
    const Dims3 o = {row / (s.out[1] * s.out[2]) % s.out[0], row / s.out[2] % s.out[1], row % s.out[2]};
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      const Dims3 k = {tap / (s.kernel[1] * s.kernel[2]), tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
      int64_t pixel = n;
      bool inside = true;
      for (size_t i = 0; i < 3; ++i) {
        const int64_t at = o[i] * s.stride[i] + k[i] * s.dilation[i] - s.pad[i];
        inside = inside && at >= 0 && at < s.in[i];
        pixel = pixel * s.in[i] + at;
      }
      if (!inside) continue;
      for (int64_t out = 0; out < s.out_channels; ++out) {
        for (int64_t c = 0; c < channels; ++c) {
          body(static_cast<size_t>(pixel * s.in_channels + out / outputs * channels + c),
               static_cast<size_t>((out * channels + c) * s.taps() + tap),
               static_cast<size_t>(row * s.out_channels + out));
        }
      }
    }
  }
}

}  // namespace dunlin
