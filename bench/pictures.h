// What the nets look at: inputs of [1, 3, 224, 224], between -2 and 2.
#pragma once

#include <cmath>
#include <vector>

inline constexpr int kPictures = 8;

/// Noise over waves, another for each number.
inline std::vector<float> picture(int number) {
  std::vector<float> v(3 * 224 * 224);
  for (size_t i = 0; i < v.size(); ++i) {
    const double x = static_cast<double>(i % 224), y = static_cast<double>(i / 224 % 224),
                 c = static_cast<double>(i / (224 * 224));
    const double wave = std::sin(0.02 * (number + 1) * x + c) * std::cos(0.03 * (9 - number) * y - c);
    v[i] = static_cast<float>(wave + static_cast<double>(i * 7919 % 1000) / 500 - 1);
  }
  return v;
}
