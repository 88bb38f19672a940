#include <algorithm>
#include <set>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"equation='bij,bjk->bik'", "f32[2,3,4] f32[2,4,2]"},
    {"equation='ij->ji'", "f32[2,3]"},
    {"equation='i,j'", "f32[2] f32[3]"},
    {"equation='...ij,...jk->...ik'", "f32[2,3,4] f32[1,4,2]"},
    {"equation='bhid,bhjd->bhij'", "f32[1,2,3,2] f32[1,2,4,2]"},
    {"equation='...ii->...i'", "f32[2,3,3]{1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9}"},
    {"equation='...ii->...i'", "f32[2,3,3]"},
    {"equation='ii'", "f32[3,3]"},
    {"equation='iji,k->jk'", "f32[2,3,2] f32[4]"},
    {"equation='iii, i -> i'", "f32[3,3,3] f32[3]"},
    {"equation='ij,kl->ik'", "f32[2,3] f32[4,1]"},
    {"equation='ij,jk'", "f32[2,3] f32[3,4]"},
    {"equation='bn,anm,bm->ba'", "f32[2,3] f32[4,3,5] f32[2,5]"},
    {"equation='a...b,b...->...a'", "f32[2,3,1,4] f32[4,3,2]"},
    {"equation='ij,ij->'", "f32[2,3] f32[2,3]"},
};

/// Labels of an operand or of the result; the axes of an ellipsis are kEllipsis + distance from their end.
constexpr int kEllipsis = 1000;

struct Terms {
  std::vector<std::string> inputs;
  std::string output;
};

Terms parse(const NodeView& a) {
  std::string text = a.attr_string("equation", "");
  std::erase(text, ' ');
  Terms t;
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  for (size_t at = 0; at <= left.size();) {
    const size_t comma = std::min(left.find(',', at), left.size());
    t.inputs.push_back(left.substr(at, comma - at));
    at = comma + 1;
  }
  if (static_cast<int>(t.inputs.size()) != a.num_inputs())
    a.error("equation \"{}\" has {} terms, the node has {} inputs", text, t.inputs.size(), a.num_inputs());
  if (arrow != std::string::npos) {
    t.output = text.substr(arrow + 2);
    return t;
  }
  // Without a result: labels that occur once, sorted, behind the ellipsis.
  if (left.find("...") != std::string::npos) t.output = "...";
  std::map<char, int> counts;
  for (char label : left)
    if (label != '.' && label != ',') ++counts[label];
  for (const auto& [label, count] : counts)
    if (count == 1) t.output += label;
  return t;
}

std::vector<int> labels_of(const NodeView& a, const std::string& term, int rank) {
  const size_t dots = term.find("...");
  const int named = static_cast<int>(term.size()) - (dots == std::string::npos ? 0 : 3);
  if (rank < named || (dots == std::string::npos && rank != named))
    a.error("the term \"{}\" does not fit an input of {} axes", term, rank);
  std::vector<int> out;
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int k = rank - named; k > 0; --k) out.push_back(kEllipsis + k);
      i += 2;
    } else {
      out.push_back(term[i]);
    }
  }
  return out;
}

struct Plan {
  std::vector<std::vector<int>> inputs;
  std::vector<int> output;
  std::map<int, int64_t> size;
};

template <typename ShapeOf>
Plan plan(const NodeView& a, ShapeOf shape_of) {
  const Terms terms = parse(a);
  Plan p;
  int ellipsis = 0;
  for (int i = 0; i < a.num_inputs(); ++i) {
    const Shape& s = shape_of(i);
    p.inputs.push_back(labels_of(a, terms.inputs[static_cast<size_t>(i)], s.rank()));
    for (int d = 0; d < s.rank(); ++d) {
      const int label = p.inputs.back()[static_cast<size_t>(d)];
      if (label > kEllipsis) ellipsis = std::max(ellipsis, label - kEllipsis);
      const auto [it, fresh] = p.size.try_emplace(label, s[d]);
      if (fresh || it->second == s[d] || s[d] == 1) continue;
      if (it->second != 1 && it->second >= 0 && s[d] >= 0)
        a.error("input {} is {}: size {} of axis {} disagrees with {}", i, to_string(s), s[d], d, it->second);
      it->second = it->second == 1 || it->second < 0 ? s[d] : it->second;
    }
  }
  const bool dots = terms.output.find("...") != std::string::npos;
  const int named = static_cast<int>(terms.output.size()) - (dots ? 3 : 0);
  p.output = labels_of(a, terms.output, named + (dots ? ellipsis : 0));
  for (int label : p.output)
    if (!p.size.contains(label)) a.error("the result has a label that no term has");
  return p;
}

std::vector<Type> infer(const InferArgs& a) {
  const Plan p = plan(a, [&](int i) -> const Shape& { return a.shape(i); });
  Shape y;
  for (int label : p.output) y.push_back(p.size.at(label));
  return {{.format = a.format(0), .shape = y}};
}

void forward(const OpCall& c) {
  const Plan p = plan(c, [&](int i) -> const Shape& { return c.input(i).shape(); });
  std::vector<int> order = p.output;  // the loop nest: result first, then what is summed
  for (const auto& [label, size] : p.size)
    if (std::find(order.begin(), order.end(), label) == order.end()) order.push_back(label);
  Shape space;
  for (int label : order) space.push_back(p.size.at(label));
  const auto strides_of = [&](const Tensor& t, const std::vector<int>& labels) {
    Strides out(order.size(), 0);
    for (size_t d = 0; d < labels.size(); ++d)
      if (t.shape()[static_cast<int>(d)] != 1 || p.size.at(labels[d]) == 1)
        out[static_cast<size_t>(std::find(order.begin(), order.end(), labels[d]) - order.begin())] +=
            t.strides()[d];
    return out;
  };
  for_number_format(c.input(0).format(), [&]<typename T>() {
    std::vector<ProductSum<T>> product(static_cast<size_t>(space.num_elements()), 1);
    for (int i = 0; i < c.num_inputs(); ++i) {
      const T* in = c.input(i).data<T>();
      for_each_strided(
          space, [&](size_t e, int64_t at) { product[e] *= to_sum(in[at]); },
          strides_of(c.input(i), p.inputs[static_cast<size_t>(i)]));
    }
    const auto y = c.out<T>(0);
    const size_t summed = y.size() == 0 ? 0 : product.size() / y.size();
    for (size_t o = 0; o < y.size(); ++o) {
      ProductSum<T> sum = 0;
      for (size_t k = 0; k < summed; ++k) sum += product[o * summed + k];
      y[o] = to_element<T>(sum);
    }
  });
}

/// Whether the result or another term has every label of term i in its full size.
bool others_cover(const Grad& g, const Terms& t, size_t i) {
  const auto size_of = [&](size_t k, size_t at) -> int64_t {
    const auto& shape = g.graph().type(g.in(static_cast<int>(k))).shape;
    const bool plain = shape && shape->rank() == static_cast<int>(t.inputs[k].size());  // no ellipsis
    return plain ? (*shape)[static_cast<int>(at)] : kUnknownDim;
  };
  const std::string& mine = t.inputs[i];
  for (size_t at = 0; at < mine.size(); ++at) {
    bool covered = t.output.find(mine[at]) != std::string::npos;
    for (size_t k = 0; k < t.inputs.size() && !covered; ++k) {
      const size_t there = t.inputs[k].find(mine[at]);
      covered = k != i && there != std::string::npos && size_of(i, at) != kUnknownDim &&
                size_of(k, there) == size_of(i, at);
    }
    if (!covered) return false;
  }
  return true;
}

/// Gives every repeat of a label in `term` a name of its own; the pairs of old and new name.
std::vector<std::string> part_repeats(const Grad& g, std::string& term) {
  const std::string equation = g.attr_string("equation", "");
  std::vector<std::string> pairs;
  std::set<char> seen;
  constexpr std::string_view kLabels = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  size_t fresh = 0;
  for (char& label : term) {
    if (label == '.' || seen.insert(label).second) continue;
    while (fresh < kLabels.size() && equation.find(kLabels[fresh]) != std::string::npos) ++fresh;
    if (fresh == kLabels.size())
      g.unsupported("the equation \"{}\" leaves no label for the gradient", equation);
    pairs.push_back({label, kLabels[fresh]});
    label = kLabels[fresh++];
  }
  return pairs;
}

/// The gradient of a term is an Einsum of the result's gradient with the other terms. Labels that only this
/// term has in full come in by ones, repeats of a label by identity matrices.
void gradient(Grad& g) {
  const Terms t = parse(g);
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (!g.needs(i)) continue;
    std::string equation = t.output, mine = t.inputs[static_cast<size_t>(i)];
    std::vector<ValueId> inputs{g.out_grad(0)};
    const auto operand = [&](const std::string& term, ValueId value) {
      equation += "," + term;
      inputs.push_back(value);
    };
    for (int k = 0; k < g.num_inputs(); ++k)
      if (k != i) operand(t.inputs[static_cast<size_t>(k)], g.in(k));
    const std::vector<std::string> pairs = part_repeats(g, mine);
    if (!pairs.empty() || !others_cover(g, t, static_cast<size_t>(i))) {
      const ValueId zeros = g.emit("ZerosLike", {g.in(i)});
      for (const std::string& pair : pairs)
        operand(pair, g.emit("EyeLike", {g.emit("Einsum", {zeros}, {{"equation", mine + "->" + pair}})}));
      operand(mine, g.add(zeros, g.constant(1, zeros)));
    }
    const ValueId d = g.emit("Einsum", std::move(inputs), {{"equation", equation + "->" + mine}});
    g.to_input(i, g.reduce_to(d, g.in(i)));
  }
}

}  // namespace

extern constexpr OpDef kEinsum{.name = "Einsum",
                               .since = 12,
                               .source = "ONNX Einsum",
                               .inputs = {1, kVariadic},
                               .infer = infer,
                               .forward = forward,
                               .gradient = gradient,
                               .samples = kSamples};

}  // namespace dunlin::ops
