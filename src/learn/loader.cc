#include "learn/loader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "learn/preprocess.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {
constexpr uint64_t kOrderStream = uint64_t{0x3000} << 32;  // plus the epoch

Shape with_batch(int64_t batch, const Shape& sample) {
  Shape s{batch};
  for (const int64_t d : sample) s.push_back(d);
  return s;
}

/// A whole number that f32 tells from its neighbours.
bool is_number(float v) { return std::abs(v) <= 0x1p24f && v == std::floor(v); }
}  // namespace

Loader::Loader(DatasetPtr data, Task task, TargetForm form, LoaderOptions options)
    : data_(std::move(data)), task_(std::move(task)), form_(std::move(form)), options_(options) {
  if (options_.batch < 1) fail(ErrorCode::kInvalidArgument, "a batch of {} samples", options_.batch);
  if (data_->size() == 0) fail(ErrorCode::kFailedPrecondition, "the data holds no samples");
  check_task(task_);
  if (form_.class_number && task_.labels.empty())
    fail(ErrorCode::kFailedPrecondition,
         "the data give values, not classes, and the loss is over classes: --loss mse takes values, or the "
         "task "
         "needs a label map");
  if (!task_.labels.empty() && (form_.class_number || data_->class_of(0) >= 0))
    label_of_class_ = map_labels(task_, *data_);
}

int64_t Loader::batches_per_epoch() const {
  return (static_cast<int64_t>(data_->size()) + options_.batch - 1) / options_.batch;
}

std::vector<size_t> Loader::samples_of(int64_t epoch, int64_t index) const {
  if (index < 0 || index >= batches_per_epoch())
    fail(ErrorCode::kInvalidArgument, "batch {} of {}", index, batches_per_epoch());
  const std::lock_guard lock(mutex_);
  const int64_t wanted = options_.shuffle ? epoch : 0;
  if (order_epoch_ != wanted) {
    order_.resize(data_->size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    if (options_.shuffle) {
      Philox rng(options_.seed, kOrderStream + static_cast<uint64_t>(epoch));
      shuffle(std::span(order_), rng);
    }
    order_epoch_ = wanted;
  }
  const size_t first = static_cast<size_t>(index * options_.batch),
               end = std::min(order_.size(), first + static_cast<size_t>(options_.batch));
  return {order_.begin() + static_cast<std::ptrdiff_t>(first),
          order_.begin() + static_cast<std::ptrdiff_t>(end)};
}

Batch Loader::load(int64_t epoch, int64_t index, ThreadPool* pool) const {
  const std::vector<size_t> samples = samples_of(epoch, index);
  const int64_t n = static_cast<int64_t>(samples.size());
  Batch batch{Tensor(&formats::kF32, with_batch(n, task_.input)),
              Tensor(form_.class_number || form_.whole ? &formats::kI64 : &formats::kF32,
                     form_.class_number ? Shape{n} : with_batch(n, form_.shape))};
  const size_t per_sample = static_cast<size_t>(task_.input.num_elements());
  const std::span<float> inputs(batch.input.data<float>(), per_sample * samples.size());
  const auto load_one = [&](size_t row, int) {
    const size_t i = samples[row];
    const Example example = data_->example(i);
    // Building the place's name costs; it is wanted only in an error.
    try {
      prepare_input(task_, example, "", inputs.subspan(row * per_sample, per_sample));
    } catch (const Error& e) {
      fail(e.code(), "{}{}", data_->where(i), e.what());
    }
    if (options_.tokens)
      for (float v : inputs.subspan(row * per_sample, per_sample))
        if (!is_number(v))
          fail(ErrorCode::kInvalidArgument, "{}: the input holds {}, token numbers are expected",
               data_->where(i), v);
    write_target(i, example, static_cast<int64_t>(row), batch);
  };
  if (pool && pool->size() > 1) {
    pool->parallel_for(samples.size(), load_one);
  } else {
    for (size_t row = 0; row < samples.size(); ++row) load_one(row, 0);
  }
  return batch;
}

std::span<const float> Loader::target_values(size_t sample, const Example& example) const {
  const int64_t count = form_.shape.num_elements();
  if (!example.target)
    fail(ErrorCode::kInvalidArgument, "{}: there is no target of values {}", data_->where(sample),
         to_string(form_.shape));
  if (example.target.num_elements() != count)
    fail(ErrorCode::kInvalidArgument, "{}: the target holds {} values, {} are expected", data_->where(sample),
         example.target.num_elements(), count);
  return example.target.values<float>();
}

void Loader::write_target(size_t sample, const Example& example, int64_t row, Batch& batch) const {
  const int c = data_->class_of(sample);
  if (form_.class_number) {
    batch.target.data<int64_t>()[row] = label_of_class_[static_cast<size_t>(c)];
    return;
  }
  const int64_t count = form_.shape.num_elements();
  if (form_.whole) {
    const std::span<const float> values = target_values(sample, example);
    int64_t* numbers = batch.target.data<int64_t>() + row * count;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!is_number(values[i]))
        fail(ErrorCode::kInvalidArgument, "{}: the target holds {}, class numbers are expected",
             data_->where(sample), values[i]);
      numbers[i] = static_cast<int64_t>(values[i]);
    }
    return;
  }
  float* out = batch.target.data<float>() + row * count;
  if (c < 0) {
    std::ranges::copy(target_values(sample, example), out);
    return;
  }
  if (!label_of_class_.empty()) {
    const int label = label_of_class_[static_cast<size_t>(c)];
    if (count == 1) {
      out[0] = static_cast<float>(label);
    } else if (label < count) {
      out[label] = 1;  // the tensor is zero
    } else {
      fail(ErrorCode::kInvalidArgument, "{}: label {} for an output of {} values", data_->where(sample),
           label, count);
    }
    return;
  }
  const std::string& text = data_->class_names()[static_cast<size_t>(c)];
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), out[0]);
  if (count != 1 || error != std::errc() || p != text.data() + text.size())
    fail(ErrorCode::kInvalidArgument, "{}: target \"{}\" where {} number(s) are expected",
         data_->where(sample), text, count);
}

}  // namespace dunlin
