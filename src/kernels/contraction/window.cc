#include "kernels/contraction/window.h"

#include <algorithm>

#include "dunlin/half.h"

namespace dunlin::contraction {

template <typename A>
void Window<A>::merge() {
  runs = taps[2] > 1 && step[2] == 1 && pixel == channels;
}

template <typename A>
void Window<A>::rows(const RowBlockOf<A>& block, const A** pointers) const {
  if (block.num_taps == 0) return;
  const int64_t taps_w = runs ? 1 : taps[2], reach = (taps[2] - 1) * step[2], count = block.count;
  // Output columns whose windows see no border to the left or right.
  const int64_t least = first[2] + std::min(reach, int64_t{0}), most = first[2] + std::max(reach, int64_t{0});
  const int64_t inner = least < 0 ? ceil_div(-least, stride[2]) : 0;
  const int64_t inner_end = most < in[2] ? (in[2] - 1 - most) / stride[2] + 1 : 0;
  PixelWalk at(out, block.row);
  A* copy = block.buffer;
  for (int64_t i = 0; i < count;) {
    // Pixels of one output row.
    const int64_t n = std::min(count - i, out[2] - at.w), end = at.w + n;
    const int64_t from = std::clamp(inner, at.w, end), to = std::clamp(inner_end, from, end);
    int64_t kw = block.tap % taps_w, kh = block.tap / taps_w % taps[1], kd = block.tap / (taps_w * taps[1]);
    const A* image = x + at.image * in[0] * in[1] * in[2] * pixel + block.k;
    for (int64_t t = 0; t < block.num_taps; ++t) {
      const int64_t d = at.d * stride[0] + first[0] + kd * step[0],
                    h = at.h * stride[1] + first[1] + kh * step[1];
      const bool inside = d >= 0 && d < in[0] && h >= 0 && h < in[1];
      const A** const pointer = pointers + t * count + i - at.w;
      if (!inside) {
        std::fill(pointer + at.w, pointer + end, zeros);
      } else {
        const int64_t line = (d * in[1] + h) * in[2], first_w = first[2] + kw * step[2];
        for (int64_t w = at.w; w < from; ++w)
          pointer[w] = at_border(image, line, w * stride[2] + first_w, block, copy);
        const A* p = image + (line + from * stride[2] + first_w) * pixel;
        for (int64_t w = from; w < to; ++w, p += stride[2] * pixel) pointer[w] = p;
        for (int64_t w = to; w < end; ++w)
          pointer[w] = at_border(image, line, w * stride[2] + first_w, block, copy);
      }
      if (++kw == taps_w) {
        kw = 0;
        if (++kh == taps[1]) {
          kh = 0;
          ++kd;
        }
      }
    }
    i += n;
    at.w += n - 1;
    at.next(out);
  }
}

/// What a tap reads at column w of a line, which may lie outside of it in part.
template <typename A>
const A* Window<A>::at_border(const A* image, int64_t line, int64_t w, const RowBlockOf<A>& block,
                              A*& copy) const {
  const A* p = image + (line + w) * pixel;
  if (!runs) return w >= 0 && w < in[2] ? p : zeros;
  // Elements of the run that lie inside the image, relative to its begin.
  const int64_t inside = std::clamp(-w * channels - block.k, int64_t{0}, block.num_k),
                inside_end = std::clamp((in[2] - w) * channels - block.k, inside, block.num_k);
  if (inside == inside_end) return zeros;
  if (inside == 0 && inside_end == block.num_k) return p;
  A* const to = copy;
  std::copy(zeros, zeros + inside, to);
  std::copy(p + inside, p + inside_end, to + inside);
  std::copy(zeros, zeros + block.num_k - inside_end, to + inside_end);
  copy += block.num_k;
  return to;
}

template <typename A>
void Window<A>::gather(CopyRuns<A> copy_runs, int64_t row, int64_t count, A* to) const {
  const int64_t run = taps[2] * channels, size = window_elements(), move = stride[2] * pixel;
  // A line of input with the padding that its windows reach.
  constexpr int64_t kLine = 8192 / static_cast<int64_t>(sizeof(A));
  static_assert(kLine > kMaxBlockOf<A>);
  A padded[kLine];
  PixelWalk at(out, row);
  while (count > 0) {
    // Pixels of one output row.
    const int64_t n = std::min({count, out[2] - at.w, 1 + (kLine - run) / move});
    const int64_t d0 = at.d * stride[0] + first[0], h0 = at.h * stride[1] + first[1],
                  w0 = at.w * stride[2] + first[2];
    const A* image = x + at.image * in[0] * in[1] * in[2] * pixel;
    // Elements that the windows span in a line, and which of them lie inside the image.
    const int64_t span = (n - 1) * move + run;
    const int64_t begin = std::clamp(-w0 * pixel, int64_t{0}, span),
                  end = std::clamp((in[2] - w0) * pixel, begin, span);
    A* part = to;
    for (int64_t kd = 0; kd < taps[0]; ++kd) {
      for (int64_t kh = 0; kh < taps[1]; ++kh, part += run) {
        const int64_t d = d0 + kd * step[0], h = h0 + kh * step[1];
        if (d < 0 || d >= in[0] || h < 0 || h >= in[1]) {
          copy_runs(zeros, 0, part, size, n, run);
          continue;
        }
        const A* line = image + ((d * in[1] + h) * in[2] + w0) * pixel;
        if (begin > 0 || end < span) {
          std::fill(padded, padded + begin, *zeros);
          std::copy(line + begin, line + end, padded + begin);
          std::fill(padded + end, padded + span, *zeros);
          line = padded;
        }
        copy_runs(line, move, part, size, n, run);
      }
    }
    to += n * size;
    count -= n;
    at.w += n - 1;
    at.next(out);
  }
}

template struct Window<float>;
template struct Window<BFloat16>;
template struct Window<uint8_t>;

}  // namespace dunlin::contraction
