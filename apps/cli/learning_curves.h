// Accuracy per round as a picture: SVG for a browser, characters for a terminal.
#pragma once

#include <string>
#include <vector>

namespace dunlin::cli {

struct Curve {
  std::string name;
  std::vector<double> accuracy;  ///< 0 to 1; [i] after round i + 1
};

std::string curves_svg(const std::vector<Curve>& curves, const std::string& title);
std::string curves_text(const std::vector<Curve>& curves);

}  // namespace dunlin::cli
