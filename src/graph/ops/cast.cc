#include "graph/ops/cast.h"
#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {

Format target(const NodeView& a) {
  int64_t type = 0;
  if (const auto* name =
          std::get_if<std::string>(&a.node().attributes.at("to"))) {  // opset 1 spells the type
    constexpr std::string_view kNames[] = {"",        "FLOAT",  "UINT8",  "INT8",   "UINT16",
                                           "INT16",   "INT32",  "INT64",  "STRING", "BOOL",
                                           "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    for (int i = 1; i < 14; ++i)
      if (*name == kNames[i]) type = i;
  } else {
    type = a.attr_int("to", 0);
  }
  const Format f = type == formats::kString.onnx_type ? &formats::kString
                                                      : find_format_by_onnx_type(static_cast<int>(type));
  if (!f) a.unsupported("casting to ONNX element type {} is not supported", type);
  return f;
}

constexpr Sample kSamples[] = {{"to=7", "f32[6]@-9..9"},
                               {"to=11", "f32[2,3]"},
                               {"to=9", "i32[4]@-1..2"},
                               {"to=10", "f32[5]"},
                               {"to=3", "i64[4]@-300..300"}};

}  // namespace

extern constexpr OpDef kCast{
    .name = "Cast",
    .source = "ONNX Cast",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          if (!a.has_attr("to")) a.error("attribute to is missing");
          return std::vector<Type>{{.format = target(a), .shape = a.shape(0)}};
        },
    .forward = [](const OpCall& c) { cast_to(c, target(c)); },
    .gradient =
        [](Grad& g) {
          const Format from = g.graph().type(g.in(0)).format;
          g.to_input(0, g.emit("Cast", {g.out_grad(0)},
                               {{"to", static_cast<int64_t>((from ? from : &formats::kF32)->onnx_type)}}));
        },
    .strings = Strings::kTaken,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
