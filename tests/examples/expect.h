// What the examples' generated code calls: a value in a comment against the value in fact.
#pragma once

#include <cmath>
#include <iostream>
#include <string_view>
#include <thread>  // for the examples
#include <type_traits>

inline int& failures() {
  static int count = 0;
  return count;
}

template <typename Got, typename Said>
void expect(const char* what, const Got& got, const Said& said) {
  bool same;
  if constexpr (std::is_arithmetic_v<Got>)
    same = std::abs(static_cast<double>(got) - static_cast<double>(said)) <=
           1e-6 * std::abs(static_cast<double>(said));
  else
    same = std::string_view(got) == said;
  if (same) return;
  ++failures();
  std::cerr << what << " is " << got << ", the example says " << said << "\n";
}
