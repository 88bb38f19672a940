// For tests: one op on inputs given in the words of a Sample.
#pragma once

#include <gtest/gtest.h>

#include "graph/evaluate.h"
#include "graph/sample.h"

namespace dunlin {

inline std::vector<Tensor> run_op(std::string_view op, std::string_view attributes, std::string_view inputs,
                                  int opset = kNewestOpset, int outputs = 1, std::string_view domain = "") {
  const OpDef* def = find_op(domain, op, opset);
  if (def == nullptr) fail(ErrorCode::kUnsupported, "{}", op);
  const SampleCase s = make_sample(*def, Sample{attributes, inputs, opset, outputs}, 1);
  return evaluate(s.graph, s.inputs);
}

/// The error's words; empty when there is none.
inline std::string error_of(std::string_view op, std::string_view attributes, std::string_view inputs,
                            int opset = kNewestOpset, std::string_view domain = "") {
  try {
    run_op(op, attributes, inputs, opset, 1, domain);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

/// All elements as doubles, in logical order.
inline std::vector<double> numbers_of(const Tensor& t) {
  std::vector<double> out;
  for_format(t.format(), [&]<typename T>() {
    for (const T& v : t.values<T>()) out.push_back(static_cast<double>(static_cast<ComputeType<T>>(v)));
  });
  return out;
}

inline void expect_near(const std::vector<double>& got, const std::vector<double>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << "element " << i;
}

}  // namespace dunlin
