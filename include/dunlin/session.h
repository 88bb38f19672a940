/// Runs a model: inference, training steps and evaluation are all "plan a graph, run the plan".
///
/// A session plans its graph once per combination of input shapes (the last few plans are kept), owns the
/// memory that runs need, and owns the variables: initialisers that change between runs, such as trained
/// weights and running statistics.
///
/// Example:
///   dunlin::Session session = dunlin::Session::load("model.onnx", {.num_threads = 2});
///   std::map<std::string, dunlin::Tensor> in;
///   in.emplace("x", dunlin::Tensor::of<float>({1, 2}, {3, 4}));
///   std::vector<dunlin::Tensor> out = session.run(in);
///
/// Shapes    any that the model's inputs allow; dimensions of the same name must agree over all inputs.
/// Formats   as the model declares them. Outputs are row major.
/// Loops     a run may take RunContext::max_iterations in all its loops together; each subgraph keeps plans as the
///           model does, one per combination of shapes that it met.
/// Limits    reading is bounded by SessionOptions::limits, a run by max_run_bytes and max_run_seconds, both together by
///           max_bytes.
/// Aliasing  inputs are only read, and borrowed for the call. An output's memory is the caller's as long as
///           the tensor lives; memory of outputs that were dropped is used again by the next run.
/// Results   the same bits for any number of threads. With compute "bf16" weights of convolutions and products are
///           rounded to bf16 once, values between nodes lie in bf16 (to nearest, ties to even), sums, biases and
///           activations are f32; nodes without a kernel in bf16 compute in f32. About 2 to 3 digits are left, on
///           processors with AVX-512 BF16 at up to twice the speed.
/// Threads   one run at a time per session; another() makes a second session that shares plans and packed
///           weights, for use by a second thread.
/// Errors    kInvalidArgument for a wrong input name (the message lists the right ones), shape or format;
///           kUnsupported for an op that Dunlin does not have; kResourceExhausted, naming the node and its
///           bytes, for a run that needs more than max_run_bytes, or more iterations or seconds than it may take, and,
///           naming max_bytes, for a model that does not fit it. kInvalidArgument for options that mean nothing, such
///           as a max_run_seconds that is not above 0, or an unknown isa or compute.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dunlin/model_limits.h"
#include "dunlin/run_context.h"
#include "dunlin/run_value.h"
#include "dunlin/tensor.h"

namespace dunlin {

struct Graph;
class ThreadPool;

struct SessionOptions {
  int num_threads = 1;                    ///< the calling thread included; 0: as many as the machine has
  std::shared_ptr<ThreadPool> pool = {};  ///< Dunlin's own layers share one; others leave it empty
  std::string isa = {};                   ///< "avx2", "avx512", ...; empty: the best that the machine has
  std::string compute = "f32";            ///< "f32" or "bf16": see Results
  /// Initialisers that may change between runs. The others are constants: folded, packed, fused.
  std::vector<std::string> variables = {};
  /// (output, variable): after each run the output's value becomes the variable's. Such outputs are not
  /// returned.
  std::vector<std::pair<std::string, std::string>> updates = {};
  /// Convolutions with constant 3x3 kernels may take Winograd's algorithm, which adds up other sums in another order: each
  /// of their outputs keeps max|a-b| <= 1e-3 max|b|, typically 5e-6. An infinity or NaN spreads over the neighbouring
  /// outputs.
  bool winograd = true;
  size_t max_plans = 8;  ///< plans for as many combinations of input shapes are kept, at least one
  /// Of all values of one run together; 0: the memory that the process may use. More is refused before the
  /// run, or, where sizes are known only then, in it.
  uint64_t max_run_bytes = 0;
  /// Looked at before every node: a run ends with the node that outlasts them, and at once before one that no machine
  /// could compute in what is left.
  double max_run_seconds = 3600;  ///< above 0; infinity: no limit
  /// Of the model in memory, constants as kernels read them included, and a run together; 0: each has its own limits
  /// alone.
  uint64_t max_bytes = 0;
  ModelLimits limits = {};  ///< of reading the model and making it ready
  bool profile = false;     ///< measure every step: see explain()
};

/// An input or output as the model declares it. Dimensions may be unknown (see shape.h); unknown rank: none.
struct ValueInfo {
  std::string name;
  Format format = nullptr;
  Shape shape;
  bool rank_known = true;
  bool sequence = false;  ///< of tensors of that format; shapes may differ
  bool optional = false;  ///< there may be nothing
};

class Session {
 public:
  /// An ONNX file. Errors as those of the import.
  static Session load(const std::filesystem::path& path, SessionOptions options = {});
  /// For Dunlin's own layers, which know what a Graph is.
  explicit Session(std::shared_ptr<const Graph> graph, SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const std::vector<ValueInfo>& inputs() const;
  const std::vector<ValueInfo>& outputs() const;

  /// Outputs in the order of outputs().
  std::vector<Tensor> run(const std::map<std::string, Tensor>& inputs, const RunContext& context = {});
  /// Inputs in the order of inputs().
  std::vector<Tensor> run(std::span<const Tensor> inputs, const RunContext& context = {});

  /// The same for models with inputs or outputs that are sequences or optional.
  std::vector<RunValue> run_values(std::vector<RunValue> inputs, const RunContext& context = {});

  /// A variable's value, to be read or written between runs. Its shape and format stay.
  Tensor& variable(std::string_view name);

  /// A session with memory of its own that shares plans and packed constants. Variables are copied.
  Session another() const;

  /// The plan for these input shapes (an input left out keeps the model's shape), as JSON: steps with nodes,
  /// kernel, shapes, layout, bytes and MACs; arena_bytes, weight_bytes. With `profile` on, also the mean
  /// milliseconds of each step.
  std::string explain(const std::map<std::string, Shape>& input_shapes = {});

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dunlin
