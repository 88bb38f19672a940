#include "graph/ops/fourier.h"

namespace dunlin::ops {

namespace {
constexpr int64_t kLongest = int64_t{1} << 48;

/// Real: 1, complex: 2, in the last axis.
void check_parts(const NodeView& a, const Shape& x, int least_rank) {
  if (x.rank() < least_rank || (x[x.rank() - 1] >= 0 && x[x.rank() - 1] != 1 && x[x.rank() - 1] != 2))
    a.error("the input is {}, [..., 1] (real) or [..., 2] (complex) of rank {} at least is expected",
            to_string(x), least_rank);
}
}  // namespace

int64_t positive(const NodeView& a, std::string_view what, const Tensor& t) {
  const int64_t value = one_integer(a, what, t);
  if (value < 1 || value > kLongest) a.error("{} is {}, 1 to 2^48 is expected", what, value);
  return value;
}

Dft read_dft(const NodeView& a, const Shape& x, const Tensor* length, const Tensor* axis_input,
             bool length_known) {
  check_parts(a, x, 2);
  const bool old = a.node().domain.empty() ? a.opset() < 20 : a.has_attr("axis");
  Dft d;
  int64_t axis = old ? a.attr_int("axis", 1) : -2;
  if (axis_input) axis = one_integer(a, "axis", *axis_input);
  d.axis = a.normalize_axis(axis, x.rank());
  if (d.axis == x.rank() - 1) a.error("axis {} holds the real and imaginary parts", axis);
  d.inverse = a.attr_int("inverse", 0) != 0;
  const bool onesided = a.attr_int("onesided", 0) != 0;
  d.to_real = onesided && d.inverse;
  const int64_t parts = x[x.rank() - 1], bins = x[d.axis];
  if (onesided && parts == (d.inverse ? 1 : 2))
    a.error("onesided {}, it is {}", d.inverse ? "and inverse is for complex input" : "is for real input",
            to_string(x));
  if (length)
    d.n = positive(a, "dft_length", *length);
  else if (!length_known || bins < 0)
    d.n = kUnknownDim;
  else if (d.to_real && bins > kLongest / 2)
    a.error("axis {} of {} makes a signal of more than 2^48 numbers", axis, to_string(x));
  else
    d.n = d.to_real && bins > 0 ? 2 * (bins - 1) : bins;
  if (d.n == 0)
    a.error("axis {} of {} {}", axis, to_string(x),
            bins == 0 ? "is empty" : "is one bin: dft_length has to say of how many numbers");
  d.y = x;
  d.y[d.axis] = d.n < 0 ? kUnknownDim : onesided && !d.inverse ? d.n / 2 + 1 : d.n;
  d.y[x.rank() - 1] = d.to_real ? 1 : 2;
  return d;
}

void double_mirrored(std::vector<double>& spectrum, const FourierAxis& a, int64_t n) {
  for (int64_t o = 0; o < a.outer; ++o)
    for (int64_t i = 1; i < a.length; ++i) {
      if (i == n - i) continue;
      const double factor = i < n - i ? 2 : 0;
      for (size_t k = a.offset(o, i, 0); k < a.offset(o, i + 1, 0); ++k) spectrum[k] *= factor;
    }
}

FourierAxis along(const Shape& s, int axis) {
  const Shape elements(std::vector<int64_t>(s.begin(), s.end() - 1));
  const Lanes l = lanes_along(elements, axis);
  return {.outer = l.outer, .length = l.length, .inner = l.inner, .parts = s[s.rank() - 1]};
}

void check_fourier_scratch(const OpCall& c, int64_t n, int64_t doubles) {
  check_scratch(c, static_cast<double>(Fft::bytes(static_cast<uint64_t>(n)) +
                                       sizeof(double) * static_cast<uint64_t>(doubles)));
}

Stft read_stft(const OpCall& c, int first) {
  const Shape& x = c.input(first).shape();
  check_parts(c, x, 3);
  if (x.rank() != 3) c.error("the signal is {}, [batch, length, 1 or 2] is expected", to_string(x));
  Stft s;
  s.step = positive(c, "frame_step", c.input(first + 1));
  s.n = c.has_input(first + 3)   ? positive(c, "frame_length", c.input(first + 3))
        : c.has_input(first + 2) ? c.input(first + 2).num_elements()
                                 : x[1];
  if (s.n < 1 || s.n > x[1])
    c.error("a frame has {} elements, the signal {} has {}", s.n, to_string(x), x[1]);
  s.frames = (x[1] - s.n) / s.step + 1;
  const bool onesided = c.attr_int("onesided", 1) != 0;
  if (onesided && x[2] == 2) c.error("onesided is for real signals, this one is {}", to_string(x));
  s.bins = onesided ? s.n / 2 + 1 : s.n;
  if (x[0] == 0) return s;  // frames of no signal may be of any length
  s.window.assign(static_cast<size_t>(s.n), 1.0);
  if (c.has_input(first + 2)) {
    if (c.input(first + 2).shape() != Shape{s.n})
      c.error("the window is {}, [{}] is expected", to_string(c.input(first + 2).shape()), s.n);
    s.window = to_doubles(c.input(first + 2));
  }
  return s;
}

}  // namespace dunlin::ops
