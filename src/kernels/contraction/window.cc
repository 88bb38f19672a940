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
  const int count = block.count;
  PixelWalk at(out, block.row);
  const int64_t taps_w = runs ? 1 : taps[2];
  const int64_t first_kw = block.tap % taps_w, first_kh = block.tap / taps_w % taps[1],
                first_kd = block.tap / (taps_w * taps[1]);
  A* copy = block.buffer;
  for (int i = 0; i < count; ++i, at.next(out)) {
    const int64_t d0 = at.d * stride[0] + first[0], h0 = at.h * stride[1] + first[1],
                  w0 = at.w * stride[2] + first[2];
    const A* image = x + at.image * in[0] * in[1] * in[2] * pixel;
    int64_t kw = first_kw, kh = first_kh, kd = first_kd;
    // Elements of a run that lie inside the image, relative to its begin.
    int64_t inside = 0, inside_end = 0;
    if (runs) {
      inside = std::clamp(-w0 * channels - block.k, int64_t{0}, block.num_k);
      inside_end = std::clamp((in[2] - w0) * channels - block.k, inside, block.num_k);
    }
    for (int64_t t = 0; t < block.num_taps; ++t) {
      const int64_t d = d0 + kd * step[0], h = h0 + kh * step[1], w = w0 + kw * step[2];
      const bool row_inside = d >= 0 && d < in[0] && h >= 0 && h < in[1];
      const A* p = image + ((d * in[1] + h) * in[2] + w) * pixel + block.k;
      const A*& out_pointer = pointers[t * count + i];
      if (!runs) {
        out_pointer = row_inside && w >= 0 && w < in[2] ? p : zeros;
      } else if (!row_inside || inside == inside_end) {
        out_pointer = zeros;
      } else if (inside == 0 && inside_end == block.num_k) {
        out_pointer = p;
      } else {
        std::copy(zeros, zeros + inside, copy);
        std::copy(p + inside, p + inside_end, copy + inside);
        std::copy(zeros, zeros + block.num_k - inside_end, copy + inside_end);
        out_pointer = copy;
        copy += block.num_k;
      }
      if (++kw == taps_w) {
        kw = 0;
        if (++kh == taps[1]) {
          kh = 0;
          ++kd;
        }
      }
    }
  }
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
