#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr int64_t kMaxRank = 32;  // as that of a tensor in a file

Shape reshaped(const InferArgs& a) {
  const Shape& x = a.shape(0);
  const std::vector<int64_t> target = a.ints("shape", 1).value_or(std::vector<int64_t>{});
  const bool zero_is_zero = a.attr_int("allowzero", 0) != 0;
  Shape out;
  int inferred = -1;
  for (size_t i = 0; i < target.size(); ++i) {
    int64_t d = target[i];
    if (d == 0 && !zero_is_zero) {
      if (static_cast<int>(i) >= x.rank()) a.error("shape has 0 at {}, the input is {}", i, to_string(x));
      d = x[static_cast<int>(i)];
    } else if (d == -1) {
      if (inferred >= 0) a.error("shape has more than one -1");
      inferred = static_cast<int>(i);
    } else if (d < -1) {
      a.error("shape has {}: a size or -1 is expected", d);
    }
    out.push_back(d);
  }
  if (inferred >= 0) {
    if (!x.known()) return out[inferred] = kUnknownDim, out;
    Shape rest = out;
    rest[inferred] = 1;
    if (!rest.known()) return out;
    const int64_t n = x.num_elements(), r = rest.num_elements();
    if (r == 0 ? n != 0 : n % r != 0)
      a.error("{} elements of {} do not fit {}", n, to_string(x), to_string(out));
    out[inferred] = r == 0 ? 0 : n / r;
  } else if (x.known() && out.known() && x.num_elements() != out.num_elements()) {
    a.error("{} has {} elements, {} has {}", to_string(x), x.num_elements(), to_string(out),
            out.num_elements());
  }
  return out;
}

std::vector<Type> infer_reshape(const InferArgs& a) {
  Type type{.format = a.format(0), .shape = {}};
  try {
    type.shape = reshaped(a);
  } catch (const NotYetKnown&) {
    // The rank may still be known from the shape of the shape.
    if (a.has_shape(1) && a.shape(1).known()) {
      const int64_t rank = a.shape(1).num_elements();
      if (rank > kMaxRank) a.error("shape has {} sizes, {} at most are expected", rank, kMaxRank);
      type.shape = Shape(std::vector<int64_t>(static_cast<size_t>(rank), kUnknownDim));
    }
  }
  return {type};
}

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] i64{4,-1}"}, {"", "f32[2,3,4] i64{0,12}"}, {"shape=[6,4]", "f32[2,3,4]", 1}};

}  // namespace

extern constexpr OpDef kReshape{.name = "Reshape",
                                .source = "ONNX Reshape",
                                .inputs = {1, 2},
                                .infer = infer_reshape,
                                .forward =
                                    [](const OpCall& c) {
                                      if (!c.output(0)) {  // the shape was known only now
                                        std::vector<int64_t> dims = to_ints(c.input(1));
                                        int64_t rest = 1;
                                        for (size_t i = 0; i < dims.size(); ++i) {
                                          if (dims[i] == 0 && !c.attr_int("allowzero", 0))
                                            dims[i] = c.input(0).shape()[static_cast<int>(i)];
                                          if (dims[i] > 0) rest *= dims[i];
                                        }
                                        for (int64_t& d : dims)
                                          if (d == -1)
                                            d = c.input(0).num_elements() / std::max<int64_t>(rest, 1);
                                        c.allocate(0, c.input(0).format(), Shape(dims));
                                      }
                                      copy_logical(c.input(0), c.output(0));
                                    },
                                .gradient =
                                    [](Grad& g) {
                                      g.to_input(0, g.emit("ReshapeLike", {g.out_grad(0), g.in(0)}));
                                    },
                                .strings = Strings::kNumbered,
                                .narrow_inputs = 1,
                                .samples = kSamples};

}  // namespace dunlin::ops
