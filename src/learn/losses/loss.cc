#include "learn/losses/loss.h"

#include <algorithm>

#include "base/error.h"
#include "graph/infer.h"
#include "graph/op.h"
#include "learn/losses/file_loss.h"
#include "tensor/formats.h"

namespace dunlin {

namespace losses {
#define LOSS(name) extern const LossDef k##name;
#include "learn/losses/catalog.def"
#undef LOSS
}  // namespace losses

namespace {

constexpr Loss kAll[] = {
#define LOSS(name) &losses::k##name,
#include "learn/losses/catalog.def"
#undef LOSS
};

}  // namespace

Shape LossBuilder::sample_shape() const {
  const Type& t = graph_.type(output_);
  const bool known = t.shape && t.shape->rank() >= 1 &&
                     std::all_of(t.shape->begin() + 1, t.shape->end(), [](int64_t d) { return d >= 0; });
  if (!known)
    fail(ErrorCode::kFailedPrecondition, "--loss {}: the shape of the model's output \"{}\" is not known: {}",
         loss_, graph_.value_name(output_), to_string(t));
  return Shape(std::vector<int64_t>(t.shape->begin() + 1, t.shape->end()));
}

ValueId LossBuilder::add_target(const TargetForm& form) {
  form_ = form;
  Shape shape{graph_.type(output_).shape ? (*graph_.type(output_).shape)[0] : kUnknownDim};
  if (!form.class_number)
    for (const int64_t d : form.shape) shape.push_back(d);
  Type type{.kind = Type::Kind::kTensor,
            .format = form.class_number || form.whole ? &formats::kI64 : &formats::kF32,
            .shape = std::move(shape)};
  target_ = graph_.add_value(graph_.unused_name("target"), std::move(type));
  graph_.inputs.push_back(target_);
  return target_;
}

ValueId LossBuilder::emit(std::string_view op, std::vector<ValueId> inputs, Attributes attributes) {
  const std::string name = graph_.unused_name("loss/" + std::string(op));
  const ValueId out = graph_.add_value(name);
  graph_.nodes.push_back({.op = std::string(op),
                          .domain = "",
                          .name = name,
                          .attributes = std::move(attributes),
                          .inputs = std::move(inputs),
                          .outputs = {out},
                          .opset = kNewestOpset});
  return out;
}

const Node* LossBuilder::last_node(bool direct) const {
  constexpr std::string_view kPassing[] = {"Identity",  "Flatten", "Reshape", "Squeeze",
                                           "Unsqueeze", "Cast",    "Dropout"};
  const std::vector<int> producer = producers(graph_);
  ValueId v = output_;
  for (;;) {
    const int n = producer[static_cast<size_t>(v)];
    if (n < 0) return nullptr;
    const Node& node = graph_.nodes[static_cast<size_t>(n)];
    const std::span<const std::string_view> passing =
        std::span(kPassing).first(direct ? 1 : std::size(kPassing));
    if (std::find(passing.begin(), passing.end(), node.op) == passing.end()) return &node;
    v = node.inputs[0];
  }
}

void LossBuilder::refuse_behind(std::initializer_list<std::string_view> ops, std::string_view remedy) const {
  const Node* node = last_node();
  if (node && std::find(ops.begin(), ops.end(), node->op) != ops.end())
    fail(ErrorCode::kFailedPrecondition, "--loss {} takes logits, but the model ends in {}: {}", loss_,
         describe(graph_, *node), remedy);
}

void LossBuilder::require_classes(const char* what, bool of_parts) const {
  const Shape s = sample_shape();
  if (s.rank() < 1 || (s.rank() > 1 && !of_parts) || s[0] < 2)
    fail(ErrorCode::kFailedPrecondition,
         "--loss {} needs {} [N, classes]{} of at least 2 classes, the model's output \"{}\" is {}", loss_,
         what, of_parts ? " or [N, classes, ...]" : "", graph_.value_name(output_),
         to_string(graph_.type(output_)));
}

Loss find_loss(const std::string& loss) {
  std::string names;
  for (const Loss l : kAll) {
    if (l->name == loss) return l;
    names += (names.empty() ? "" : ", ") + std::string(l->name);
  }
  if (loss.ends_with(".onnx")) return nullptr;
  fail(ErrorCode::kInvalidArgument, "--loss {}: there are {}, or the path of an .onnx file", loss, names);
}

WithLoss append_loss(Graph graph, ValueId output, const std::string& loss) {
  WithLoss out;
  LossBuilder builder(graph, output, loss);
  const Loss def = find_loss(loss);
  out.loss = def ? def->append(builder) : append_file_loss(builder, loss);
  out.form = builder.form();
  out.graph = std::move(graph);
  return out;
}

}  // namespace dunlin
