#include "learn/preprocess.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

/// Which inputs an output reads, and how much of each.
struct Taps {
  int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> make_taps(int64_t in, int64_t out) {
  std::vector<Taps> taps(static_cast<size_t>(out));
  const double scale = static_cast<double>(in) / static_cast<double>(out), support = std::max(scale, 1.0);
  for (int64_t o = 0; o < out; ++o) {
    const double centre = scale * (static_cast<double>(o) + 0.5);
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5)),
                  end = std::min<int64_t>(in, static_cast<int64_t>(centre + support + 0.5));
    Taps& t = taps[static_cast<size_t>(o)];
    t.first = first;
    double sum = 0;
    std::vector<double> w;
    for (int64_t i = first; i < end; ++i) {
      w.push_back(std::max(0.0, 1 - std::fabs((static_cast<double>(i) + 0.5 - centre) / support)));
      sum += w.back();
    }
    for (const double x : w) t.weights.push_back(static_cast<float>(x / sum));
  }
  return taps;
}

/// Resamples the middle axis of [outer, in, inner].
void resample(std::span<const float> in, int64_t outer, int64_t inner, int64_t from, int64_t to,
              std::span<float> out) {
  const std::vector<Taps> taps = make_taps(from, to);
  for (int64_t a = 0; a < outer; ++a)
    for (int64_t o = 0; o < to; ++o) {
      const Taps& t = taps[static_cast<size_t>(o)];
      float* dst = out.data() + (a * to + o) * inner;
      std::fill_n(dst, inner, 0.0f);
      for (size_t k = 0; k < t.weights.size(); ++k) {
        const float* src = in.data() + (a * from + t.first + static_cast<int64_t>(k)) * inner;
        for (int64_t c = 0; c < inner; ++c) dst[c] += t.weights[k] * src[c];
      }
    }
}

/// Values as the data holds them, 16-bit pixels brought to 0..255.
std::vector<float> to_floats(const Tensor& t) {
  std::vector<float> out(static_cast<size_t>(t.num_elements()));
  if (t.format() == &formats::kU8) {
    std::ranges::copy(t.values<uint8_t>(), out.begin());
  } else if (t.format() == &formats::kU16) {
    std::ranges::transform(t.values<uint16_t>(), out.begin(),
                           [](uint16_t p) { return static_cast<float>(p) / 257.0f; });
  } else {
    std::ranges::copy(t.values<float>(), out.begin());
  }
  return out;
}

/// x -> x * factor + offset for one channel.
struct Affine {
  float factor, offset;
};

Affine affine_of(const Task& t, size_t channel) {
  const double mean = t.mean.empty() ? 0 : t.mean[t.mean.size() == 1 ? 0 : channel],
               std = t.std.empty() ? 1 : t.std[t.std.size() == 1 ? 0 : channel];
  return {static_cast<float>(t.scale / std), static_cast<float>(-mean / std)};
}

void prepare_image(const Task& task, const Example& e, const std::string& where, std::span<float> out) {
  std::vector<float> pixels = to_floats(e.input);
  int64_t height = e.input.shape()[0], width = e.input.shape()[1];
  const int64_t in_channels = e.input.shape()[2], out_channels = task.input[task.channel_axis()];
  const bool nhwc = task.layout == Task::Layout::kNhwc;
  const int64_t out_height = task.input[nhwc ? 0 : 1], out_width = task.input[nhwc ? 1 : 2];
  if (out_channels != 1 && out_channels != 3)
    fail(ErrorCode::kInvalidArgument, "{}: an image, but the model's input {} has {} channels, not 1 or 3",
         where, to_string(task.input), out_channels);
  if (height != out_height || width != out_width) {
    if (height < 1 || width < 1) fail(ErrorCode::kInvalidArgument, "{}: the image is empty", where);
    std::vector<float> resized(static_cast<size_t>(out_height * out_width * in_channels));
    resize_bilinear(pixels, height, width, in_channels, resized, out_height, out_width);
    pixels = std::move(resized);
    height = out_height, width = out_width;
  }
  const int64_t area = height * width;
  const bool bgr = task.channels == Task::Channels::kBgr;
  for (int64_t c = 0; c < out_channels; ++c) {
    const Affine affine = affine_of(task, static_cast<size_t>(c));
    const int64_t source = in_channels == 1 ? 0 : bgr ? 2 - c : c;
    float* dst = out.data() + (nhwc ? c : c * area);
    const int64_t step = nhwc ? out_channels : 1;
    for (int64_t i = 0; i < area; ++i) {
      const float* p = pixels.data() + i * in_channels;
      const float x =
          in_channels == 3 && out_channels == 1 ? 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] : p[source];
      dst[i * step] = x * affine.factor + affine.offset;
    }
  }
}

}  // namespace

void resize_bilinear(std::span<const float> in, int64_t height, int64_t width, int64_t channels,
                     std::span<float> out, int64_t out_height, int64_t out_width) {
  std::vector<float> wide(static_cast<size_t>(height * out_width * channels));
  resample(in, height, channels, width, out_width, wide);
  resample(wide, 1, out_width * channels, height, out_height, out);
}

void prepare_input(const Task& task, const Example& e, const std::string& where, std::span<float> out) {
  if (e.is_image && task.input.rank() == 3) return prepare_image(task, e, where, out);
  const int64_t count = e.input.num_elements();
  if (count != task.input.num_elements())
    fail(ErrorCode::kInvalidArgument, "{}: {} values {}, the model's input {} holds {}", where, count,
         to_string(e.input.shape()), to_string(task.input), task.input.num_elements());
  const std::vector<float> values = to_floats(e.input);
  const int64_t pixel_channels = e.is_image ? e.input.shape()[2] : 1;
  int64_t inner = 1;  // values of one channel that lie together
  for (int d = task.channel_axis() + 1; d < task.input.rank(); ++d) inner *= task.input[d];
  const int64_t channels = task.input[task.channel_axis()];
  for (int64_t c = 0; c < channels; ++c) {
    const Affine affine = affine_of(task, static_cast<size_t>(c));
    for (int64_t i = c * inner; i < count; i += channels * inner)
      for (int64_t k = i; k < i + inner; ++k) {
        // An image arrives as H,W,C and leaves as C,H,W.
        const int64_t area = count / pixel_channels, source = (k % area) * pixel_channels + k / area;
        out[static_cast<size_t>(k)] = values[static_cast<size_t>(source)] * affine.factor + affine.offset;
      }
  }
}

}  // namespace dunlin
