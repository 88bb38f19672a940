#include "graph/body.h"
#include "graph/ops/sequence.h"

namespace dunlin::ops {

namespace {

Body body_of(const NodeView& n) {
  const Body body = n.body("body");
  if (body.graph->inputs.size() != static_cast<size_t>(n.num_own_inputs()))
    n.error("its body has {} inputs, {} are expected", body.graph->inputs.size(), n.num_own_inputs());
  if (body.graph->outputs.size() != static_cast<size_t>(n.num_outputs()))
    n.error("its body has {} outputs, the node has {}", body.graph->outputs.size(), n.num_outputs());
  return body;
}

}  // namespace

/// The body on each element of the first input; of other sequences it gets the element at the same place, other
/// tensors as they are.
extern constexpr OpDef kSequenceMap{
    .name = "SequenceMap",
    .since = 17,
    .source = "ONNX SequenceMap",
    .inputs = {1, kVariadic},
    .outputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          const Body body = body_of(a);
          sequence_type(a, 0);
          std::vector<Type> in;
          for (int i = 0; i < a.num_own_inputs(); ++i) {
            in.push_back(a.type(i));
            in.back().kind = Type::Kind::kTensor;
          }
          std::vector<Type> out = infer_body(a, body, in);
          for (size_t i = 0; i < out.size(); ++i) {
            if (!out[i].is_tensor())
              a.error("its body gives {} as output {}, a tensor is expected", to_string(out[i]), i);
            out[i] = sequence_of(out[i]);
          }
          return out;
        },
    .run =
        [](const ValueCall& c) {
          const Body body = body_of(c);
          const size_t length = c.elements(0).size();
          std::vector<RunValue::Elements> out(body.graph->outputs.size());
          uint64_t held = 0;
          for (size_t k = 0; k < length; ++k) {
            c.count_iteration();
            std::vector<RunValue> in;
            for (int i = 0; i < c.num_own_inputs(); ++i) {
              const RunValue& v = c.value(i);
              if (v.is_sequence() && v.elements().size() != length)
                c.error("input 0 has {} elements, input {} has {}", length, i, v.elements().size());
              in.push_back(v.is_sequence() ? RunValue(v.elements()[k]->view()) : v.view());
            }
            std::vector<RunValue> results = c.run_body(body, std::move(in), held);
            for (size_t o = 0; o < out.size(); ++o) {
              if (!results[o].is_tensor()) c.error("its body gives no tensor as output {}", o);
              held += results[o].num_bytes();
              out[o].push_back(std::make_shared<const Tensor>(std::move(results[o].tensor())));
            }
          }
          const std::vector<Type> types = length == 0 ? c.output_types() : std::vector<Type>{};
          for (size_t o = 0; o < out.size(); ++o) {
            const Format format = out[o].empty() ? types.at(o).format : out[o][0]->format();
            c.give(static_cast<int>(o), RunValue::sequence(format, std::move(out[o])));
          }
        }};

}  // namespace dunlin::ops
