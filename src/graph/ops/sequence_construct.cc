#include "graph/body.h"
#include "graph/ops/sequence.h"

namespace dunlin::ops {

extern constexpr OpDef kSequenceConstruct{
    .name = "SequenceConstruct",
    .since = 11,
    .source = "ONNX SequenceConstruct",
    .inputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          Type element = a.type(0);
          for (int i = 0; i < a.num_inputs(); ++i) {
            const auto both = merge(element, a.type(i));
            if (!a.type(i).is_tensor() || !both)
              a.error("input {} is {}, a tensor like input 0, {}, is expected", i, to_string(a.type(i)),
                      to_string(a.type(0)));
            element = *both;
          }
          return std::vector<Type>{sequence_of(element)};
        },
    .run =
        [](const ValueCall& c) {
          RunValue::Elements elements;
          for (int i = 0; i < c.num_inputs(); ++i) {
            elements.push_back(element_of(c, i));
            if (elements[0]->format() != elements.back()->format())
              c.error("input 0 is of {}, input {} of {}", elements[0]->format()->name, i,
                      elements.back()->format()->name);
          }
          const Format format = elements[0]->format();
          c.give(0, RunValue::sequence(format, std::move(elements)));
        },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
