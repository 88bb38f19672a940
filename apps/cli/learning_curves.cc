#include "learning_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace dunlin::cli {

namespace {

/// From the lowest value, rounded down to a tenth, to 1.
double lowest(const std::vector<Curve>& curves) {
  double low = 1;
  for (const Curve& c : curves)
    for (double a : c.accuracy) low = std::min(low, a);
  return std::max(0.0, std::floor(low * 10 - 1e-9) / 10);
}

size_t longest(const std::vector<Curve>& curves) {
  size_t n = 1;
  for (const Curve& c : curves) n = std::max(n, c.accuracy.size());
  return n;
}

}  // namespace

std::string curves_svg(const std::vector<Curve>& curves, const std::string& title) {
  constexpr double kLeft = 70, kRight = 640, kTop = 50, kBottom = 380;
  constexpr const char* kColours[] = {"#0b6e99", "#c2571a", "#4a7d2c", "#7a4a9e"};
  const double low = lowest(curves);
  const size_t rounds = longest(curves);
  const auto x = [&](size_t i) {
    return rounds == 1 ? (kLeft + kRight) / 2
                       : kLeft + (kRight - kLeft) * static_cast<double>(i) / static_cast<double>(rounds - 1);
  };
  const auto y = [&](double a) { return kBottom - (kBottom - kTop) * (a - low) / (1 - low); };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 440\" font-family=\"sans-serif\" "
      "font-size=\"14\">\n"
      "<rect width=\"860\" height=\"440\" fill=\"white\"/>\n<text x=\"{}\" y=\"28\" "
      "font-size=\"18\">{}</text>\n",
      kLeft, title);
  for (int tenth = static_cast<int>(std::lround(low * 10)); tenth <= 10; ++tenth)
    out += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5} %</text>\n",
        kLeft, kRight, y(tenth / 10.0), kLeft - 8, y(tenth / 10.0) + 5, tenth * 10);
  const size_t every = std::max<size_t>(1, rounds / 10);
  for (size_t i = 0; i < rounds; i += every)
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(i), kBottom + 22,
                       i + 1);
  out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">round (epoch)</text>\n",
                     (kLeft + kRight) / 2, kBottom + 46);
  double label_y = kTop + 10;
  for (size_t k = 0; k < curves.size(); ++k) {
    const char* colour = kColours[k % std::size(kColours)];
    std::string points;
    for (size_t i = 0; i < curves[k].accuracy.size(); ++i)
      points += fmt::format("{:.1f},{:.1f} ", x(i), y(curves[k].accuracy[i]));
    out += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\"/>\n"
        "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}: {:.2f} %</text>\n",
        points, colour, kRight + 16, label_y, colour, curves[k].name,
        curves[k].accuracy.empty() ? 0 : curves[k].accuracy.back() * 100);
    label_y += 22;
  }
  return out + "</svg>\n";
}

std::string curves_text(const std::vector<Curve>& curves) {
  constexpr int kHeight = 12, kColumn = 5;
  constexpr char kMarks[] = "*o+x";
  const double low = lowest(curves);
  const size_t rounds = longest(curves);
  std::vector<std::string> rows(kHeight + 1, std::string(rounds * kColumn, ' '));
  for (size_t k = curves.size(); k-- > 0;)
    for (size_t i = 0; i < curves[k].accuracy.size(); ++i) {
      const auto row = static_cast<size_t>(std::lround((1 - curves[k].accuracy[i]) / (1 - low) * kHeight));
      rows[std::min<size_t>(row, kHeight)][i * kColumn + 2] = kMarks[k % 4];
    }
  std::string out;
  for (int r = 0; r <= kHeight; ++r)
    out += fmt::format("{} |{}\n",
                       r % 3 == 0 ? fmt::format("{:5.1f} %", 100 * (1 - r * (1 - low) / kHeight)) : "       ",
                       rows[static_cast<size_t>(r)]);
  out += "        +" + std::string(rounds * kColumn, '-') + "\n         ";
  for (size_t i = 0; i < rounds; ++i) out += fmt::format("{:^5}", i + 1);
  out += " round\n  ";
  for (size_t k = 0; k < curves.size(); ++k) out += fmt::format("  {} {}", kMarks[k % 4], curves[k].name);
  return out + "\n";
}

}  // namespace dunlin::cli
