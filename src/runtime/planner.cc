#include "runtime/planner.h"

#include <algorithm>
#include <numeric>

#include "graph/body.h"
#include "graph/graph_bytes.h"
#include "graph/infer.h"
#include "graph/macs.h"
#include "graph/passes/fuse_epilogues.h"
#include "graph/passes/simplify.h"
#include "runtime/runner.h"
#include "tensor/strided.h"

namespace dunlin {

namespace {

/// What the plan has memory for: neither sequences and optionals nor strings.
bool is_placeable(const Type& t) { return t.is_tensor() && t.format != &formats::kString; }

bool is_known(const Type& t) {
  return t.is_tensor() && t.format && is_plain(t.format) && t.shape && t.shape->known();
}

Layout wanted(const std::vector<Layout>& layouts, size_t i) {
  return i < layouts.size() ? layouts[i] : Layout::kRowMajor;
}

}  // namespace

Planner::Planner(std::shared_ptr<const Graph> graph, const PlanOptions& options)
    : graph_(std::move(graph)),
      options_(options),
      bf16_values_(options.bf16 ? bf16_values(*graph_) : std::vector<bool>()),
      lower_options_{options.isa, options.num_threads, options.winograd,
                     options.bf16 ? &bf16_values_ : nullptr},
      made_(graph_->values.size(), -1) {
  plan_.graph = graph_;
}

int Planner::add_operand(std::string name, Type type, Layout layout, Operand::Home home) {
  const int id = static_cast<int>(plan_.operands.size());
  Operand o;
  o.name = std::move(name);
  o.type = std::move(type);
  o.layout = layout;
  o.home = home;
  o.root = id;
  plan_.operands.push_back(std::move(o));
  return id;
}

void Planner::add_sources() {
  for (size_t i = 0; i < graph_->inputs.size(); ++i) {
    const ValueId v = graph_->inputs[i];
    // Strings, what is no tensor, or an optional one that is not there come as they are.
    const Type& type = graph_->type(v);
    const int id = add_operand(graph_->value_name(v), type, Layout::kRowMajor,
                               is_placeable(type) ? Operand::Home::kInput : Operand::Home::kRunTime);
    plan_.operands[static_cast<size_t>(id)].index = static_cast<int>(i);
    made_[static_cast<size_t>(v)] = id;
    plan_.inputs.push_back(id);
  }
  for (size_t i = 0; i < options_.variables.size(); ++i) {
    const ValueId v = options_.variables[i];
    const int id =
        add_operand(graph_->value_name(v), graph_->type(v), Layout::kRowMajor, Operand::Home::kVariable);
    plan_.operands[static_cast<size_t>(id)].index = static_cast<int>(i);
    made_[static_cast<size_t>(v)] = id;
  }
}

/// An f32 value that lies in bf16.
bool Planner::is_narrow(ValueId v, const Operand& o) const {
  return o.planned() && o.type.format == &formats::kBF16 && graph_->type(v).format == &formats::kF32;
}

int Planner::operand_of(ValueId v, Layout layout, Width width) {
  int& made = made_[static_cast<size_t>(v)];
  if (made < 0) {
    const auto it = graph_->initializers.find(v);
    if (it == graph_->initializers.end())
      fail(ErrorCode::kInvalidArgument, "value \"{}\" is read before any node makes it",
           graph_->value_name(v));
    const Type type{.format = it->second->format(), .shape = it->second->shape()};
    made = add_operand(graph_->value_name(v), type, Layout::kRowMajor,
                       is_placeable(type) ? Operand::Home::kConstant : Operand::Home::kRunTime);
    plan_.operands[static_cast<size_t>(made)].constant = it->second;
  }
  const Operand& o = plan_.operands[static_cast<size_t>(made)];
  if (!o.planned()) return made;
  const bool has_layout = layout == Layout::kAny || layout == o.layout || layouts_agree(o.shape());
  const bool is = is_narrow(v, o), narrow = width == Width::kAny ? is : width == Width::kNarrow;
  const bool has_width = is == narrow || graph_->type(v).format != &formats::kF32;
  if (has_layout && has_width) return made;
  const Layout to = has_layout ? o.layout : layout;
  const auto [it, inserted] = copies_.try_emplace({v, to, narrow}, -1);
  if (!inserted) return it->second;
  int copy = made;
  if (has_width)
    copy = add_copy(made, to);
  else if (has_layout)
    copy = add_cast(made);
  else  // what moves elements moves the narrow ones
    copy = narrow ? add_copy(operand_of(v, o.layout, Width::kNarrow), layout)
                  : add_cast(operand_of(v, layout, Width::kNarrow));
  return copies_[{v, to, narrow}] = copy;
}

int Planner::add_copy(int from, Layout layout) {
  const Operand source = plan_.operands[static_cast<size_t>(from)];
  if (source.home != Operand::Home::kConstant)
    return add_conversion(from, layout, source.type.format,
                          lower_copy(source.type, source.layout, layout, lower_options_), "copy");
  const int id = add_operand(source.name, source.type, layout, Operand::Home::kConstant);
  plan_.operands[static_cast<size_t>(id)].constant = options_.packed->get(
      source.constant, layout == Layout::kChannelsLast ? "channels_last" : "row_major", [&] {
        auto memory = std::make_shared<Tensor>(source.type.format, source.shape());
        Tensor t = Tensor::over(source.type.format, source.shape(), strides_of(layout, source.shape()),
                                memory->plane(Plane::kPayload).data(), memory);
        copy_strided(*source.constant, t);
        return t;
      });
  return id;
}

/// f32 to bf16, or back.
int Planner::add_cast(int from) {
  const Operand source = plan_.operands[static_cast<size_t>(from)];
  const Format format = source.type.format == &formats::kF32 ? &formats::kBF16 : &formats::kF32;
  if (source.home != Operand::Home::kConstant)
    return add_conversion(from, source.layout, format, lower_cast(source.type, lower_options_), "cast");
  const int id = add_operand(source.name, {.format = format, .shape = source.type.shape}, source.layout,
                             Operand::Home::kConstant);
  plan_.operands[static_cast<size_t>(id)].constant =
      options_.packed->get(source.constant, std::string(format->name), [&] {
        const Tensor values = source.constant->clone();
        Tensor t(format, source.shape());
        std::ranges::transform(values.values<float>(), t.data<BFloat16>(),
                               [](float x) { return BFloat16(x); });
        return t;
      });
  return id;
}

int Planner::add_conversion(int from, Layout layout, Format format, Lowered convert, std::string what) {
  const std::string name = plan_.operands[static_cast<size_t>(from)].name;
  const int to =
      add_operand(name, {.format = format, .shape = plan_.operands[static_cast<size_t>(from)].type.shape},
                  layout, Operand::Home::kArena);
  plan_.steps.push_back({.kernel = std::move(convert.kernel),
                         .node = what + " of \"" + name + "\"",
                         .in = {from},
                         .out = {to},
                         .run = std::move(convert.run)});
  in_place_.push_back(0);
  unread_.push_back(0);
  return to;
}

uint64_t Planner::reference_macs(const Node& node, const Shape& y) const {
  std::vector<const Shape*> shapes;
  for (ValueId v : node.inputs)
    shapes.push_back(v != kNoValue && is_known(graph_->type(v)) ? &*graph_->type(v).shape : nullptr);
  return macs_of(node, shapes, y);
}

std::optional<Lowered> Planner::lower(const Node& node, const std::vector<Type>& out_types) {
  const LowerEntry* entry = options_.reference_only ? nullptr : find_lowering(node.domain, node.op);
  if (!entry) return std::nullopt;
  // Kernels need not know of empty tensors.
  const auto empty = [](const Type& t) { return t.shape && t.shape->num_elements() == 0; };
  if (std::any_of(out_types.begin(), out_types.end(), empty)) return std::nullopt;
  std::vector<LowerContext::Input> inputs(node.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (node.inputs[i] == kNoValue) continue;
    const Operand& o =
        plan_.operands[static_cast<size_t>(operand_of(node.inputs[i], Layout::kAny, Width::kAny))];
    if (!o.planned() || empty(o.type) || !is_plain(o.type.format)) return std::nullopt;
    const bool narrow = is_narrow(node.inputs[i], o);
    inputs[i] = {o.type, layouts_agree(o.shape()) ? Layout::kRowMajor : o.layout, o.constant, narrow};
    if (narrow) inputs[i].type.format = &formats::kF32;
  }
  return entry->lower(
      LowerContext(*graph_, node, std::move(inputs), out_types, lower_options_, *options_.packed));
}

/// Before any kernel computes with these sizes.
void Planner::check_bytes(const Node& node, const Type& type) const {
  const uint64_t bytes =
      static_cast<uint64_t>(type.shape->num_elements()) * static_cast<uint64_t>(element_bytes(type.format));
  if (bytes > max_bytes())
    fail(ErrorCode::kResourceExhausted, "{}: its output {} takes {} bytes, a run may use {}",
         describe(*graph_, node), to_string(type), bytes, max_bytes());
}

uint64_t Planner::max_bytes() const { return std::min(options_.max_bytes, options_.packed->bytes_left()); }

/// The node's subgraphs, each with the constants that it captures.
std::vector<StepBody> Planner::plan_bodies(const Node& node) {
  std::vector<StepBody> out;
  for (const Body& body : bodies_of(node)) {
    const size_t inputs = body.graph->inputs.size();
    std::vector<TensorPtr> known(inputs + body.graph->captured.size());
    StepBody& b = out.emplace_back();
    b.bound.assign(known.size(), false);
    for (size_t i = inputs; i < known.size(); ++i) {
      const ValueId v = node.inputs[body.first_capture + i - inputs];
      if (v == kNoValue) continue;
      known[i] = plan_.operands[static_cast<size_t>(operand_of(v, Layout::kAny))].constant;
      b.bound[i] = known[i] != nullptr;
    }
    PlanOptions options = options_;
    options.variables.clear();
    Graph g = as_graph(*body.graph, known);
    // What the file says of shapes is a claim; each run brings its own.
    for (ValueId v : g.inputs) g.values[static_cast<size_t>(v)].type.shape.reset();
    b.plans = std::make_shared<PlanCache>(g, std::move(options));
  }
  return out;
}

void Planner::add_node(const Node& node) {
  std::vector<Type> out_types(node.outputs.size());
  bool known = true, all_tensors = true;
  for (ValueId v : node.inputs) {
    if (v == kNoValue) continue;
    all_tensors &= graph_->type(v).is_tensor();
    known &= graph_->type(v).format != &formats::kString;  // run_reference() makes numbers of strings
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    out_types[i] = graph_->type(node.outputs[i]);
    all_tensors &= out_types[i].is_tensor();
    if (is_known(out_types[i]))
      check_bytes(node, out_types[i]);
    else
      known = false;
  }
  std::optional<Lowered> lowered;
  bool reference = false;
  const bool values = runs_values(op_of(*graph_, node), all_tensors);
  if (values)
    lowered = lower_values(graph_, node, known);
  else if (known)
    lowered = lower(node, out_types);
  if (!lowered) {
    reference = true;
    lowered = known ? lower_reference(graph_, node) : lower_at_run_time(graph_, node);
    lowered->unread = op_of(*graph_, node).shape_only_inputs;
    if (known && !out_types.empty() && out_types[0].shape)
      lowered->macs = reference_macs(node, *out_types[0].shape);
  }
  Step step{.kernel = lowered->kernel, .node = describe(*graph_, node), .in = {}, .out = {}, .run = {}};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    // What a step does not read (only its shape matters) may lie as it likes: no copy for it.
    const bool unread = has_bit(lowered->unread, i);
    const Layout layout = unread ? Layout::kAny : wanted(lowered->in, i);
    // References ask their operands for types.
    const Width width = unread && !reference             ? Width::kAny
                        : has_bit(lowered->narrow_in, i) ? Width::kNarrow
                                                         : Width::kWide;
    step.in.push_back(node.inputs[i] == kNoValue ? -1 : operand_of(node.inputs[i], layout, width));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId v = node.outputs[i];
    if (v == kNoValue) {
      step.out.push_back(-1);
      continue;
    }
    if (has_bit(lowered->narrow_out, i)) out_types[i].format = &formats::kBF16;
    const int id = add_operand(graph_->value_name(v), out_types[i], wanted(lowered->out, i),
                               known ? Operand::Home::kArena : Operand::Home::kRunTime);
    made_[static_cast<size_t>(v)] = id;
    step.out.push_back(id);
  }
  step.run = std::move(lowered->run);
  step.scratch_bytes = lowered->scratch_bytes;
  step.macs = lowered->macs;
  step.view = lowered->view;
  if (values) step.bodies = plan_bodies(node);
  plan_.weight_bytes += lowered->packed_bytes;
  plan_.steps.push_back(std::move(step));
  in_place_.push_back(lowered->in_place);
  unread_.push_back(lowered->unread);
}

void Planner::add_outputs() {
  for (ValueId v : graph_->outputs) plan_.outputs.push_back(operand_of(v, Layout::kRowMajor));
  // An output whose memory is not simply that of its own step (a constant, an input, the same value twice, a
  // view of another output) is a copy.
  std::vector<int> roots(plan_.operands.size());
  std::iota(roots.begin(), roots.end(), 0);
  for (const Step& s : plan_.steps)
    if (s.view) roots[static_cast<size_t>(s.out[0])] = roots[static_cast<size_t>(s.in[0])];
  std::set<int> taken;
  for (size_t k = 0; k < plan_.outputs.size(); ++k) {
    const int root = roots[static_cast<size_t>(plan_.outputs[k])];
    Operand& o = plan_.operands[static_cast<size_t>(root)];
    if (!o.planned()) continue;
    if (o.home == Operand::Home::kArena && taken.insert(root).second) {
      o.home = Operand::Home::kOutput;
      o.index = static_cast<int>(k);
      continue;
    }
    const int from = plan_.outputs[k];
    const Operand source = plan_.operands[static_cast<size_t>(from)];
    const int to = add_operand(source.name, source.type, Layout::kRowMajor, Operand::Home::kOutput);
    plan_.operands[static_cast<size_t>(to)].index = static_cast<int>(k);
    Lowered copy = lower_copy(source.type, source.layout, Layout::kRowMajor, lower_options_);
    plan_.steps.push_back({.kernel = "copy",
                           .node = "copy of output \"" + source.name + "\"",
                           .in = {from},
                           .out = {to},
                           .run = std::move(copy.run)});
    in_place_.push_back(0);
    unread_.push_back(0);
    plan_.outputs[k] = to;
  }
}

Plan Planner::build() {
  add_sources();
  for (const Node& node : graph_->nodes) add_node(node);
  add_outputs();
  plan_memory(plan_, in_place_, unread_, max_bytes());
  return std::move(plan_);
}

std::shared_ptr<const Plan> make_plan(Graph graph, const PlanOptions& options) {
  InferOptions infer;
  infer.variable = {options.variables.begin(), options.variables.end()};
  infer.folding = options.folding;
  infer.folding.max_bytes = std::min(infer.folding.max_bytes, options.packed->bytes_to_fold());
  const auto counted = tensors_of(graph);
  Graph g = remove_dead(infer_and_fold(std::move(graph), infer));
  if (!options.reference_only) {
    g = infer_and_fold(simplify(std::move(g), infer.variable), infer);
    g = fuse_epilogues(std::move(g), infer.variable);
  }
  auto held = options.packed->hold(bytes_of_tensors(g, counted));
  Plan plan = Planner(std::make_shared<const Graph>(std::move(g)), options).build();
  plan.held = std::move(held);
  return std::make_shared<const Plan>(std::move(plan));
}

}  // namespace dunlin
