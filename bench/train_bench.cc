// Training steps of a model on one batch that is held in memory, with the trainer that `dunlin train` and
// devices use: forward, backward and SGD with momentum. Prints one JSON object, as torch_train.py does.
//
//   train_bench MODELS/NAME THREADS STEPS     reads NAME.train.onnx, NAME.x.npy, NAME.y.npy
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "graph/onnx/import.h"
#include "learn/trainer.h"
#include "tensor/npy.h"

namespace {

using namespace dunlin;

/// The rows of two arrays.
class Batch final : public Dataset {
 public:
  Batch(Tensor x, const Tensor& y, int64_t num_classes) : x_(std::move(x)) {
    for (const int64_t c : y.values<int64_t>()) classes_.push_back(static_cast<int>(c));
    for (int64_t c = 0; c < num_classes; ++c) names_.push_back(std::to_string(c));
  }
  size_t size() const override { return classes_.size(); }
  Example example(size_t i) const override {
    const Shape shape({x_.shape().begin() + 1, x_.shape().end()});
    const size_t n = static_cast<size_t>(shape.num_elements());
    return {Tensor::of<float>(shape, x_.values<float>().subspan(i * n, n)), false, {}};
  }
  int class_of(size_t i) const override { return classes_[i]; }
  const std::vector<std::string>& class_names() const override { return names_; }
  bool classes_are_indices() const override { return true; }
  std::string where(size_t i) const override { return "row " + std::to_string(i); }

 private:
  Tensor x_;
  std::vector<int> classes_;
  std::vector<std::string> names_;
};

int run(const std::string& name, int threads, int64_t steps) {
  const uint64_t library_bytes = peak_rss_bytes();
  Model model = load_onnx(name + ".train.onnx");
  Tensor x = load_npy(name + ".x.npy");
  const Shape& shape = x.shape();
  const int64_t batch = shape[0], num_classes = shape[1] == 1 ? 10 : 1000;
  Task task{.input = Shape({shape.begin() + 1, shape.end()}),
            .channels = shape[1] == 1 ? Task::Channels::kGray : Task::Channels::kRgb};
  const auto data = std::make_shared<const Batch>(std::move(x), load_npy(name + ".y.npy"), num_classes);
  task.labels = data->class_names();
  Trainer trainer(std::move(model), task,
                  {.epochs = steps,
                   .batch = batch,
                   .learning_rate = 0.01,
                   .pool = std::make_shared<ThreadPool>(threads)});
  std::vector<double> times, losses;
  double start = monotonic_seconds();
  trainer.train(data, [&](const Progress& p) {
    const double now = monotonic_seconds();
    times.push_back((now - start) * 1e3);
    start = now;
    if (losses.size() < 3) losses.push_back(p.batch_loss);
    return true;
  });
  const nlohmann::json result = {{"step_ms", times},
                                 {"losses", losses},
                                 {"peak_rss_bytes", peak_rss_bytes()},
                                 {"library_rss_bytes", library_bytes}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: train_bench MODELS/NAME THREADS STEPS\n");
    return 2;
  }
  try {
    return run(argv[1], std::stoi(argv[2]), std::stoll(argv[3]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
