#include "learn/trainer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "dunlin/session.h"
#include "graph/op.h"
#include "graph/passes/untie_initializers.h"
#include "learn/data/fingerprint.h"
#include "learn/train_graph.h"

namespace dunlin {

namespace {

/// The seed of one step's random ops; a function of (seed, step), so that it is the same after a resume.
uint64_t seed_of_step(uint64_t seed, int64_t step) {
  const auto s = static_cast<uint64_t>(step);
  const auto bits = philox4x32({static_cast<uint32_t>(s), static_cast<uint32_t>(s >> 32), 0x5eed, 0},
                               {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return uint64_t{bits[1]} << 32 | bits[0];
}

std::span<float> floats(Tensor& t) { return {t.data<float>(), static_cast<size_t>(t.num_elements())}; }

}  // namespace

struct Trainer::State {
  Model model;
  Task task;
  TrainOptions options;
  std::string loss;
  double learning_rate = 0;
  ExporterConstants constants;
  TrainGraph graph;
  std::unique_ptr<Session> session;
  /// By weight, then by the optimizer's state.
  std::vector<std::vector<Tensor>> moments;
  std::vector<Tensor> anchors;  // w_0 of the proximal term
  Isa isa = best_isa();

  int64_t step = 0, epoch = 0, position = 0;
  double loss_sum = 0;  // of the running epoch
  int64_t loss_count = 0;
  int64_t samples = 0;           // of the data, once known
  std::string data_fingerprint;  // likewise
  double last_loss = 0;          // of the last complete epoch

  Tensor& variable(const std::string& name) { return session->variable(name); }
  std::span<const std::string_view> state_names() const { return options.optimizer.optimizer->state; }

  double take_step(const Batch& batch, const Dataset& data, const std::vector<size_t>& numbers, double rate);
  void apply(std::vector<Tensor>& outputs, double rate);
  void keep_statistics(const std::vector<Tensor>& outputs);
  void check_finite(double rate);
  std::string place(int64_t at_epoch) const;
  std::string remedy(double rate) const;
  [[noreturn]] void not_finite(double loss, double rate, const Batch& batch, const Dataset& data,
                               const std::vector<size_t>& numbers) const;
};

Trainer::Trainer(Model model, Task task, TrainOptions options) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.model = std::move(model);
  s.task = std::move(task);
  s.options = std::move(options);
  if (!s.options.pool) s.options.pool = std::make_shared<ThreadPool>(1);
  if (s.options.epochs < 0 || s.options.max_steps < 0)
    fail(ErrorCode::kInvalidArgument, "{} epochs, {} steps at most: 0 or more are expected", s.options.epochs,
         s.options.max_steps);
  if (!std::isfinite(s.options.learning_rate) || s.options.learning_rate < 0)
    fail(ErrorCode::kInvalidArgument, "the learning rate is {}", s.options.learning_rate);
  if (!std::isfinite(s.options.proximal_mu) || s.options.proximal_mu < 0)
    fail(ErrorCode::kInvalidArgument, "the proximal mu is {}", s.options.proximal_mu);
  check_task(s.task);
  s.loss = s.options.loss.empty() ? s.task.loss : s.options.loss;
  s.task.loss = s.loss.ends_with(".onnx") ? "file" : s.loss;
  s.learning_rate = s.options.learning_rate > 0 ? s.options.learning_rate
                                                : s.options.optimizer.optimizer->default_learning_rate;
  s.constants = hold_constants(s.model);
  untie_initializers(s.model.graph);  // so that every weight has a name to return to
  s.graph = make_train_graph(
      prepare_for_training(s.model),
      {.loss = s.loss, .frozen = s.options.frozen, .freeze_batch_norm = s.options.freeze_batch_norm});
  for (const auto* names : {&s.graph.weights, &s.graph.statistics})
    for (const std::string& name : *names)
      if (const ValueId v = s.model.graph.find(name); v == kNoValue || !s.model.graph.initializer(v))
        fail(ErrorCode::kUnsupported,
             "\"{}\" would be trained, and is no initialiser of the model that could keep it (a Constant "
             "node, or a copy "
             "within a function): write it as an initialiser",
             name);
  // Statistics are taken over by keep_statistics(), not by the session: only once the loss is known to be
  // sound.
  SessionOptions session{.pool = s.options.pool, .variables = s.graph.weights, .winograd = false};
  session.variables.insert(session.variables.end(), s.graph.statistics.begin(), s.graph.statistics.end());
  s.session = std::make_unique<Session>(s.graph.graph, std::move(session));
  for (const std::string& name : s.graph.weights) {
    const Tensor& w = s.variable(name);
    std::vector<Tensor>& states = s.moments.emplace_back();
    for (size_t k = 0; k < s.state_names().size(); ++k) states.emplace_back(w.format(), w.shape());
    if (s.options.proximal_mu > 0) s.anchors.push_back(w.clone());
  }
}

Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

void Trainer::State::not_finite(double value, double rate, const Batch& batch, const Dataset& data,
                                const std::vector<size_t>& numbers) const {
  const std::string text = std::isnan(value) ? "nan" : fmt::format("{}", value);  // never "-nan"
  const auto x = batch.input.values<float>();
  const auto bad = std::find_if(x.begin(), x.end(), [](float v) { return !std::isfinite(v); });
  if (bad != x.end())
    fail(ErrorCode::kFailedPrecondition, "{}: the loss is {}, for {} holds a number that is not finite",
         place(epoch), text,
         data.where(numbers[static_cast<size_t>(bad - x.begin()) / (x.size() / numbers.size())]));
  fail(ErrorCode::kFailedPrecondition, "{}: the loss is {}: {}", place(epoch), text, remedy(rate));
}

std::string Trainer::State::place(int64_t at_epoch) const {
  return fmt::format("epoch {}, step {}", at_epoch + 1, step + 1);
}

std::string Trainer::State::remedy(double rate) const {
  return fmt::format(
      "the learning rate {} may be too high (try a tenth, or a warm-up), or the inputs not scaled to about "
      "-1 to 1 (dunlin.task.scale is {}); what was saved before is as it was",
      rate, task.scale);
}

/// So that a state that is to be saved never replaces a good one by one that cannot learn any more.
void Trainer::State::check_finite(double rate) {
  for (const auto* names : {&graph.weights, &graph.statistics})
    for (const std::string& name : *names)
      for (float v : floats(variable(name)))
        if (!std::isfinite(v))
          fail(ErrorCode::kFailedPrecondition, "epoch {}, step {}: \"{}\" holds {} after it: {}", epoch + 1,
               step, name, std::isnan(v) ? "nan" : fmt::format("{}", v), remedy(rate));
}

/// The statistics are the last outputs, in order.
void Trainer::State::keep_statistics(const std::vector<Tensor>& outputs) {
  const size_t first = outputs.size() - graph.statistics.size();
  for (size_t i = 0; i < graph.statistics.size(); ++i)
    std::ranges::copy(outputs[first + i].plane(Plane::kPayload),
                      variable(graph.statistics[i]).plane(Plane::kPayload).begin());
}

void Trainer::State::apply(std::vector<Tensor>& outputs, double rate) {
  for (size_t i = 0; i < graph.weights.size(); ++i) {
    const std::span<float> w = floats(variable(graph.weights[i]));
    Tensor shared_copy;
    Tensor* gradient = &outputs[graph.gradient_of[i]];
    if (options.proximal_mu > 0) {
      // Two weights may have one gradient, so the term goes into a copy.
      shared_copy = gradient->clone();
      gradient = &shared_copy;
      const std::span<float> g = floats(*gradient);
      const auto w0 = anchors[i].values<float>();
      const float mu = static_cast<float>(options.proximal_mu);
      for (size_t k = 0; k < g.size(); ++k) g[k] += mu * (w[k] - w0[k]);
    }
    std::vector<std::span<float>> states;
    for (Tensor& t : moments[i]) states.push_back(floats(t));
    options.optimizer.optimizer->step(
        {w, floats(*gradient), states, step + 1, rate, options.optimizer.options, *options.pool, isa});
  }
}

double Trainer::State::take_step(const Batch& batch, const Dataset& data, const std::vector<size_t>& numbers,
                                 double rate) {
  const Tensor inputs[] = {batch.input.view(), batch.target.view()};
  std::vector<Tensor> outputs =
      session->run(inputs, {.seed = seed_of_step(options.seed, step), .training = true});
  const double value = to_scalar(outputs[0]);
  if (!std::isfinite(value)) not_finite(value, rate, batch, data, numbers);
  keep_statistics(outputs);
  apply(outputs, rate);
  ++step;
  return value;
}

TrainResult Trainer::train(const DatasetPtr& data, const ProgressCallback& progress) {
  State& s = *state_;
  const Loader loader(
      data, s.task, s.graph.form,
      {.batch = s.options.batch, .seed = s.options.seed, .tokens = takes_token_numbers(s.model.graph)});
  const int64_t count = static_cast<int64_t>(data->size()), per_epoch = loader.batches_per_epoch();
  if (s.samples == 0) {
    s.samples = count;
    s.data_fingerprint = data_fingerprint(*data);
  }
  if (s.samples != count)
    fail(ErrorCode::kFailedPrecondition, "training began on {} samples, now there are {}", s.samples, count);
  int64_t total = s.options.epochs * per_epoch;
  if (s.options.max_steps > 0) total = std::min(total, s.options.max_steps);

  TrainResult result;
  std::vector<float> step_ms;
  const double start = monotonic_seconds();
  while (s.step < total && !result.stopped) {
    const double step_start = monotonic_seconds(),
                 rate = s.options.schedule.rate(s.learning_rate, s.step, total, per_epoch);
    const Batch batch = loader.load(s.epoch, s.position, s.options.pool.get());
    const double batch_loss = s.take_step(batch, *data, loader.samples_of(s.epoch, s.position), rate);
    s.loss_sum += batch_loss * static_cast<double>(batch.size());
    s.loss_count += batch.size();
    result.samples += batch.size();
    ++result.steps;
    if (s.position + 1 == per_epoch || s.step == total) s.check_finite(rate);
    const int64_t epoch = s.epoch;
    const bool ended = ++s.position == per_epoch;
    const double mean = s.loss_sum / static_cast<double>(s.loss_count);
    if (ended || s.step == total) s.last_loss = mean;
    if (ended) {
      ++s.epoch;
      s.position = 0;
      s.loss_sum = 0;
      s.loss_count = 0;
    }
    const double now = monotonic_seconds(), elapsed = std::max(now - start, 1e-9);
    step_ms.push_back(static_cast<float>((now - step_start) * 1e3));
    if (!progress) continue;
    result.stopped = !progress(
        {.epoch = epoch,
         .epochs = s.options.epochs,
         .step = s.step,
         .total_steps = total,
         .loss = mean,
         .batch_loss = batch_loss,
         .learning_rate = rate,
         .samples_per_second = static_cast<double>(result.samples) / elapsed,
         .seconds_left = elapsed / static_cast<double>(result.steps) * static_cast<double>(total - s.step),
         .epoch_ended = ended});
    if (result.stopped) s.check_finite(rate);
  }
  result.stopped = result.stopped && s.step < total;
  result.epochs = s.epoch;
  result.loss = s.last_loss;
  result.seconds = monotonic_seconds() - start;
  if (!step_ms.empty()) {
    const auto middle = step_ms.begin() + std::ssize(step_ms) / 2;
    std::nth_element(step_ms.begin(), middle, step_ms.end());
    result.median_step_ms = static_cast<double>(*middle);
  }
  return result;
}

Metrics Trainer::evaluate(const DatasetPtr& data) const {
  return evaluate_model(model(), task(), data, {.loss = state_->loss, .pool = state_->options.pool});
}

Model Trainer::model() const {
  Model out = state_->model;
  write_task(state_->task, out.metadata);
  for (const auto* names : {&state_->graph.weights, &state_->graph.statistics})
    for (const std::string& name : *names)
      out.graph.initializers.at(out.graph.find(name)) = std::make_shared<const Tensor>(value(name).clone());
  return out;
}

const Task& Trainer::task() const { return state_->task; }
const std::vector<std::string>& Trainer::trained() const { return state_->graph.weights; }
const std::vector<std::string>& Trainer::statistics() const { return state_->graph.statistics; }
const ExporterConstants& Trainer::constants() const { return state_->constants; }
const std::vector<Untrained>& Trainer::untrained() const { return state_->graph.untrained; }
const Tensor& Trainer::value(const std::string& name) const { return state_->variable(name); }

Checkpoint Trainer::checkpoint() const {
  const State& s = *state_;
  Checkpoint c;
  for (size_t i = 0; i < s.graph.weights.size(); ++i) {
    const std::string& name = s.graph.weights[i];
    c.weights.emplace(name, value(name).clone());
    for (size_t k = 0; k < s.state_names().size(); ++k)
      c.moments[std::string(s.state_names()[k])].emplace(name, s.moments[i][k].clone());
    if (!s.anchors.empty()) c.moments["anchor"].emplace(name, s.anchors[i].clone());
  }
  for (const std::string& name : s.graph.statistics) c.state.emplace(name, value(name).clone());
  c.step = s.step, c.epoch = s.epoch, c.position = s.position;
  c.seed = s.options.seed, c.samples = s.samples, c.batch = s.options.batch, c.epochs = s.options.epochs;
  c.optimizer = to_string(s.options.optimizer), c.learning_rate = s.learning_rate;
  c.schedule = s.options.schedule.to_text();
  c.loss_sum = s.loss_sum, c.loss_count = s.loss_count, c.last_loss = s.last_loss;
  c.max_steps = s.options.max_steps, c.data = s.data_fingerprint;
  c.loss = s.loss;
  return c;
}

void Trainer::resume(const Checkpoint& c, const Dataset& data) {
  State& s = *state_;
  const auto same = [](const char* what, const auto& saved, const auto& now) {
    if (saved != now)
      fail(ErrorCode::kFailedPrecondition, "cannot resume: the saved training has {} {}, this one {}", what,
           saved, now);
  };
  same("loss", c.loss, s.loss);
  same("seed", c.seed, s.options.seed);
  same("batch", c.batch, s.options.batch);
  same("optimizer", c.optimizer, to_string(s.options.optimizer));
  same("learning rate", c.learning_rate, s.learning_rate);
  same("schedule", c.schedule, s.options.schedule.to_text());
  // The constant rate does not care how long training lasts, so more epochs may be asked for.
  if (s.options.schedule.kind == Schedule::Kind::kCosine) {
    same("epochs", c.epochs, s.options.epochs);
    same("max_steps", c.max_steps, s.options.max_steps);
  }
  if (c.step < 0 || c.epoch < 0 || c.position < 0 || c.samples < 0 || c.loss_count < 0)
    fail(ErrorCode::kCorrupt, "cannot resume: the saved training stands at step {}, epoch {}, batch {}",
         c.step, c.epoch, c.position);
  if (c.samples != 0) {  // else it was saved before it began
    same("samples", c.samples, static_cast<int64_t>(data.size()));
    if (c.data != data_fingerprint(data))
      fail(ErrorCode::kFailedPrecondition,
           "cannot resume: the saved training began on other data of as many samples");
  }
  const auto restore = [&](const std::map<std::string, Tensor>& from, const std::string& name, Tensor& to,
                           bool check) {
    const auto it = from.find(name);
    if (it == from.end() || it->second.format() != to.format() || it->second.shape() != to.shape())
      fail(ErrorCode::kFailedPrecondition, "cannot resume: the saved training has {} \"{}\", {} is expected",
           it == from.end() ? "no" : to_string(it->second.shape()), name, to_string(to.shape()));
    if (!check) std::ranges::copy(it->second.plane(Plane::kPayload), to.plane(Plane::kPayload).begin());
  };
  static const std::map<std::string, Tensor> kNone;
  const auto moments_of = [&](std::string_view name) -> const std::map<std::string, Tensor>& {
    const auto it = c.moments.find(std::string(name));
    return it == c.moments.end() ? kNone : it->second;
  };
  for (const bool check : {true, false}) {  // all of it fits before any of it is taken
    for (size_t i = 0; i < s.graph.weights.size(); ++i) {
      const std::string& name = s.graph.weights[i];
      restore(c.weights, name, s.variable(name), check);
      for (size_t k = 0; k < s.state_names().size(); ++k)
        restore(moments_of(s.state_names()[k]), name, s.moments[i][k], check);
      if (!s.anchors.empty()) restore(moments_of("anchor"), name, s.anchors[i], check);
    }
    for (const std::string& name : s.graph.statistics) restore(c.state, name, s.variable(name), check);
  }
  s.step = c.step, s.epoch = c.epoch, s.position = c.position;
  s.samples = c.samples, s.data_fingerprint = c.data;
  s.loss_sum = c.loss_sum, s.loss_count = c.loss_count, s.last_loss = c.last_loss;
}

}  // namespace dunlin
