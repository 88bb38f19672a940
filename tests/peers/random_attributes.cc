#include "random_attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dunlin::peers {

namespace {

int64_t draw(Philox& rng, int64_t lo, int64_t hi) {
  return lo + static_cast<int64_t>(rng.uniform_double() * static_cast<double>(hi - lo + 1));
}

/// Attributes of ops, with what they may be: `a|b|c` a string, `0..3` an integer, `axis` one of the first input's.
struct Choice {
  std::string_view op, name, values;
};
constexpr Choice kChoices[] = {
    {"ArgMax", "axis", "axis"},
    {"ArgMax", "keepdims", "0..1"},
    {"ArgMax", "select_last_index", "0..1"},
    {"ArgMin", "axis", "axis"},
    {"ArgMin", "keepdims", "0..1"},
    {"ArgMin", "select_last_index", "0..1"},
    {"AveragePool", "auto_pad", "NOTSET|VALID|SAME_UPPER|SAME_LOWER"},
    {"AveragePool", "ceil_mode", "0..1"},
    {"AveragePool", "count_include_pad", "0..1"},
    {"BitShift", "direction", "LEFT|RIGHT"},
    {"BlackmanWindow", "periodic", "0..1"},
    {"Cast", "to", "1..13"},
    {"Compress", "axis", "axis"},
    {"Concat", "axis", "axis"},
    {"Conv", "auto_pad", "NOTSET|VALID|SAME_UPPER|SAME_LOWER"},
    {"ConvTranspose", "auto_pad", "NOTSET|VALID|SAME_UPPER|SAME_LOWER"},
    {"CumSum", "exclusive", "0..1"},
    {"CumSum", "reverse", "0..1"},
    {"DFT", "inverse", "0..1"},
    {"DFT", "onesided", "0..1"},
    {"DepthToSpace", "mode", "DCR|CRD"},
    {"EyeLike", "dtype", "1..7"},
    {"EyeLike", "k", "-3..3"},
    {"Flatten", "axis", "axis"},
    {"GRU", "direction", "forward|reverse"},
    {"GRU", "linear_before_reset", "0..1"},
    {"Gather", "axis", "axis"},
    {"GatherElements", "axis", "axis"},
    {"Gelu", "approximate", "none|tanh"},
    {"Gemm", "transA", "0..1"},
    {"Gemm", "transB", "0..1"},
    {"GridSample", "align_corners", "0..1"},
    {"GridSample", "mode", "linear|nearest|cubic|bilinear|bicubic"},
    {"GridSample", "padding_mode", "zeros|border|reflection"},
    {"HammingWindow", "periodic", "0..1"},
    {"HannWindow", "periodic", "0..1"},
    {"Hardmax", "axis", "axis"},
    {"IsInf", "detect_negative", "0..1"},
    {"IsInf", "detect_positive", "0..1"},
    {"LSTM", "direction", "forward|reverse"},
    {"LSTM", "input_forget", "0..1"},
    {"LayerNormalization", "axis", "axis"},
    {"LogSoftmax", "axis", "axis"},
    {"LpNormalization", "axis", "axis"},
    {"LpNormalization", "p", "1..2"},
    {"LpPool", "p", "1..3"},
    {"MaxPool", "auto_pad", "NOTSET|VALID|SAME_UPPER|SAME_LOWER"},
    {"MaxPool", "ceil_mode", "0..1"},
    {"LinearClassifier", "post_transform", "NONE|SOFTMAX|LOGISTIC|SOFTMAX_ZERO"},
    {"LinearRegressor", "post_transform", "NONE|SOFTMAX|LOGISTIC|SOFTMAX_ZERO|PROBIT"},
    {"Normalizer", "norm", "MAX|L1|L2"},
    {"NonMaxSuppression", "center_point_box", "0..1"},
    {"OneHot", "axis", "axis"},
    {"Pad", "mode", "constant|reflect|edge|wrap"},
    {"QuantizeLinear", "axis", "axis"},
    {"RMSNormalization", "axis", "axis"},
    {"RNN", "direction", "forward|reverse"},
    {"Resize", "antialias", "0..1"},
    {"Resize", "coordinate_transformation_mode",
     "half_pixel|asymmetric|pytorch_half_pixel|align_corners|half_pixel_symmetric"},
    {"Resize", "exclude_outside", "0..1"},
    {"Resize", "keep_aspect_ratio_policy", "stretch|not_larger|not_smaller"},
    {"Resize", "mode", "nearest|linear|cubic"},
    {"Resize", "nearest_mode", "round_prefer_floor|round_prefer_ceil|floor|ceil"},
    {"ReverseSequence", "batch_axis", "0..1"},
    {"ReverseSequence", "time_axis", "0..1"},
    {"RoiAlign", "coordinate_transformation_mode", "half_pixel|output_half_pixel"},
    {"RoiAlign", "mode", "avg|max"},
    {"RoiAlign", "sampling_ratio", "0..3"},
    {"ScatterElements", "axis", "axis"},
    {"ScatterElements", "reduction", "none|add|mul|max|min"},
    {"ScatterND", "reduction", "none|add|mul|max|min"},
    {"Shape", "end", "-3..3"},
    {"Shape", "start", "-3..3"},
    {"Softmax", "axis", "axis"},
    {"SoftmaxCrossEntropyLoss", "reduction", "none|sum|mean"},
    {"NegativeLogLikelihoodLoss", "reduction", "none|sum|mean"},
    {"Split", "axis", "axis"},
    {"STFT", "onesided", "0..1"},
    {"TopK", "axis", "axis"},
    {"TopK", "largest", "0..1"},
    {"Trilu", "upper", "0..1"},
    {"Unique", "axis", "axis"},
    {"Unique", "sorted", "0..1"},
    {"AffineGrid", "align_corners", "0..1"},
    {"Attention", "is_causal", "0..1"},
    {"RotaryEmbedding", "interleaved", "0..1"},
};

Attribute drawn(std::string_view values, int rank, Philox& rng) {
  if (values == "axis") return draw(rng, -rank, rank - 1);
  if (const size_t dots = values.find(".."); dots != std::string_view::npos)
    return draw(rng, std::stoll(std::string(values.substr(0, dots))),
                std::stoll(std::string(values.substr(dots + 2))));
  std::vector<std::string> words;
  for (size_t at = 0; at <= values.size();) {
    const size_t end = std::min(values.find('|', at), values.size());
    words.emplace_back(values.substr(at, end - at));
    at = end + 1;
  }
  return words[static_cast<size_t>(draw(rng, 0, static_cast<int64_t>(words.size()) - 1))];
}

bool is_reduction(const Node& n) { return n.op.starts_with("Reduce"); }

/// Entries of lists that an op with a window has, each by itself.
void vary_window(Node& n, Philox& rng) {
  const auto vary = [&](const char* name, int64_t lo, int64_t hi) {
    const auto it = n.attributes.find(name);
    if (it == n.attributes.end()) return;
    if (auto* list = std::get_if<std::vector<int64_t>>(&it->second); list && draw(rng, 0, 1))
      for (int64_t& x : *list) x = draw(rng, lo, hi);
  };
  const bool pools = n.op.ends_with("Pool");
  if (pools) vary("kernel_shape", 1, 4);
  vary("strides", 1, 3);
  vary("dilations", 1, 2);
  if (n.op != "MaxUnpool") vary("pads", 0, 2);
  if (n.attributes.contains("auto_pad") && std::get<std::string>(n.attributes["auto_pad"]) != "NOTSET")
    n.attributes.erase("pads");
}

}  // namespace

void vary_attributes(Graph& g, Philox& rng) {
  Node& n = g.nodes[0];
  const ValueId first = n.inputs.empty() ? kNoValue : n.inputs[0];
  const int rank = first == kNoValue || !g.type(first).shape ? 0 : g.type(first).shape->rank();
  for (auto& [name, value] : n.attributes)
    if (float* f = std::get_if<float>(&value); f && draw(rng, 0, 1))
      *f *= static_cast<float>(0.5 + rng.uniform_double());
  for (const Choice& c : kChoices)
    if (c.op == n.op && draw(rng, 0, 2) == 0) n.attributes[std::string(c.name)] = drawn(c.values, rank, rng);
  if (is_reduction(n) && draw(rng, 0, 1)) n.attributes["keepdims"] = draw(rng, 0, 1);
  if (is_reduction(n) && draw(rng, 0, 2) == 0) n.attributes["noop_with_empty_axes"] = draw(rng, 0, 1);
  if (n.op == "Transpose" && rank > 0) {
    std::vector<int64_t> perm;
    for (int i = 0; i < rank; ++i) perm.insert(perm.begin() + draw(rng, 0, i), i);
    n.attributes["perm"] = perm;
  }
  vary_window(n, rng);
}

std::string attribute_text(const Attribute& a) {
  return std::visit(
      []<typename T>(const T& v) -> std::string {
        if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>)
          return fmt::format("{}", v);
        else if constexpr (std::is_same_v<T, std::vector<int64_t>> || std::is_same_v<T, std::vector<float>> ||
                           std::is_same_v<T, std::vector<std::string>>)
          return fmt::format("[{}]", fmt::join(v, ","));
        else
          return "(...)";
      },
      a);
}

}  // namespace dunlin::peers
