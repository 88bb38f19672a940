// ai.onnx.ml: what becomes of the scores that linear models and trees give.
#pragma once

#include <array>

#include "graph/ops/ml.h"

namespace dunlin::ops {

enum class PostTransform : uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };

/// Of the attribute post_transform.
PostTransform post_transform_of(const NodeView& a);
/// Of one row.
void transform_scores(PostTransform how, std::span<double> scores);
/// The two columns of a classifier that has one score, that of its second class: for want of a word in the standard
/// those of ONNX Runtime, (1 - s, s), or both through the logistic function (of -s and s) or the probit.
std::array<double, 2> two_scores(PostTransform how, double score);

/// A classifier's labels, whole numbers or strings.
struct ClassLabels {
  std::span<const int64_t> integers;
  std::span<const std::string> strings;
  bool are_strings = false;
  size_t size() const { return are_strings ? strings.size() : integers.size(); }
  Format format() const { return are_strings ? &formats::kString : &formats::kI64; }
};
/// Throws unless exactly one of the two attributes is there.
ClassLabels class_labels_of(const NodeView& a, std::string_view integers, std::string_view strings);
/// Output 0: of each row the label picked.
void give_labels(const OpCall& c, const ClassLabels& labels, std::span<const size_t> picked);

}  // namespace dunlin::ops
