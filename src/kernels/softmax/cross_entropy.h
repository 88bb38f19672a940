// Cross entropy of logits [rows, classes] against class labels [rows] (ONNX SoftmaxCrossEntropyLoss, PyTorch
// cross_entropy). For channels-last maps, rows = n * h * w.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

struct CrossEntropy {
  size_t rows = 0, classes = 0;
  const int64_t* labels = nullptr;  ///< [rows]
  const float* weights = nullptr;   ///< [classes], or null for 1
  std::optional<int64_t> ignore_index =
      std::nullopt;  ///< rows with this label have neither loss nor gradient
};

/// Throws kInvalidArgument where a label is outside [0, classes) and not the ignored one.
void check_labels(const CrossEntropy& ce);

/// log_probabilities [rows, classes] = log_softmax(logits), losses[r] = -weight * log_probability of the
/// label. Labels must have been checked. The two outputs may not overlap; logits and log_probabilities may be
/// the same.
void cross_entropy_forward(ThreadPool& pool, Isa isa, const CrossEntropy& ce, const float* logits,
                           float* log_probabilities, float* losses);

/// Sum of the weights of the rows that count: the mean loss is the sum of losses divided by this.
double cross_entropy_weight(const CrossEntropy& ce);

/// dlogits[r] = dloss * weight * (probabilities - one-hot label), with dloss = dlosses[r] * scale; dlosses
/// may be null (1). For the mean loss: scale = dmean / cross_entropy_weight(). dlogits may be
/// log_probabilities.
void cross_entropy_backward(ThreadPool& pool, Isa isa, const CrossEntropy& ce, const float* dlosses,
                            float scale, const float* log_probabilities, float* dlogits);

}  // namespace dunlin
