// A model in Dunlin's Session and in ONNX Runtime, batch 1. Each measurement is a process of its own, the two
// in turn, so that neither's threads spin beside the other's; of several rounds the median counts, for both.
// In f32 the outputs must agree; in bf16, which ONNX Runtime stays in f32 beside, it is reported how far they do, over
// several pictures. int8 is for quantised models: a value near a tie may move by a step and others behind it, so that
// outputs agree to 3 %; with FP32.onnx it is reported how often its largest output is the same.
//
//   ort_bench LIBONNXRUNTIME MODEL.onnx THREADS [ROUNDS [f32|bf16|int8 [FP32.onnx]]]     prints one JSON object
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/peak_memory.h"
#include "dunlin/session.h"
#include "ort_api.h"
#include "pictures.h"

namespace {

using namespace dunlin;
using Json = nlohmann::json;

constexpr size_t kOutputs = 1000;
const std::vector<int64_t> kInput = {1, 3, 224, 224};

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// Outputs for all pictures, and median milliseconds of a run, once it is warm: at least 15 runs and 0.7 s.
Json measure(const std::function<std::vector<float>(std::vector<float>&)>& run) {
  std::vector<std::vector<float>> outputs;
  for (int i = 0; i < kPictures; ++i) {
    std::vector<float> x = picture(i);
    outputs.push_back(run(x));
  }
  std::vector<float> x = picture(0);
  std::vector<double> ms;
  for (double total = 0; ms.size() < 15 || total < 700; total += ms.back()) {
    const double start = monotonic_seconds();
    run(x);
    ms.push_back((monotonic_seconds() - start) * 1e3);
  }
  return {{"ms", median(ms)}, {"peak_rss_bytes", peak_rss_bytes()}, {"outputs", outputs}};
}

Json measure_dunlin(const std::string& model, int threads, const std::string& compute) {
  Session session = Session::load(model, {.num_threads = threads, .compute = compute});
  Tensor in[1];
  return measure([&](std::vector<float>& x) {
    in[0] = Tensor::over(format_of<float>(), Shape(kInput), row_major_strides(Shape(kInput)),
                         reinterpret_cast<std::byte*>(x.data()));
    const std::vector<Tensor> out = session.run(in);
    const auto y = out[0].values<float>();
    return std::vector<float>(y.begin(), y.end());
  });
}

Json measure_ort(const std::string& library, const std::string& model, int threads) {
  ort::Session session(library, model, threads);
  Json result =
      measure([&](std::vector<float>& x) { return session.run("input", x, kInput, "logits", kOutputs); });
  result["version"] = session.version();
  return result;
}

/// What `work` returns, computed by a child process.
Json in_child(const std::function<Json()>& work) {
  int ends[2];
  if (pipe(ends) != 0) fail(ErrorCode::kIo, "pipe");
  const pid_t child = fork();
  if (child < 0) fail(ErrorCode::kIo, "fork");
  if (child == 0) {
    close(ends[0]);
    int code = 1;
    try {
      const std::string text = work().dump();
      code = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    _exit(code);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) fail(ErrorCode::kInternal, "a measuring process failed");
  return Json::parse(text);
}

struct Agreement {
  double difference = 0;  ///< max|a-b| / max|b|, the largest of all pictures
  double top1 = 0;        ///< part of the pictures whose largest output is the same
};
Agreement agreement(const Json& ours, const Json& theirs) {
  Agreement all;
  for (size_t k = 0; k < ours.size(); ++k) {
    const auto a = ours[k].get<std::vector<double>>(), b = theirs[k].get<std::vector<double>>();
    if (a.size() != b.size()) fail(ErrorCode::kInternal, "{} outputs beside {}", a.size(), b.size());
    double apart = 0, largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      apart = std::max(apart, std::fabs(a[i] - b[i]));
      largest = std::max(largest, std::fabs(b[i]));
    }
    if (!(largest > 0)) fail(ErrorCode::kInternal, "all of the peer's outputs are 0: nothing to compare");
    all.difference = std::max(all.difference, apart / largest);
    const bool same = std::ranges::max_element(a) - a.begin() == std::ranges::max_element(b) - b.begin();
    all.top1 += same / static_cast<double>(ours.size());
  }
  return all;
}

int run(const std::string& library, const std::string& model, int threads, int rounds,
        const std::string& mode, const std::string& fp32_model) {
  const std::string compute = mode == "bf16" ? mode : "f32";
  Json ours, theirs;
  std::vector<double> our_ms, their_ms;
  for (int i = 0; i < rounds; ++i) {
    ours = in_child([&] { return measure_dunlin(model, threads, compute); });
    theirs = in_child([&] { return measure_ort(library, model, threads); });
    our_ms.push_back(ours["ms"]);
    their_ms.push_back(theirs["ms"]);
  }
  const Agreement agrees = agreement(ours["outputs"], theirs["outputs"]);
  const double most = mode == "f32" ? 1e-4 : mode == "int8" ? 0.03 : INFINITY;
  if (!(agrees.difference <= most))
    fail(ErrorCode::kInternal, "{}: outputs differ by {} of the largest", model, agrees.difference);
  Json result = {{"ms", median(our_ms)},
                 {"peer_ms", median(their_ms)},
                 {"ms_of_rounds", our_ms},
                 {"peer_ms_of_rounds", their_ms},
                 {"peak_rss_bytes", ours["peak_rss_bytes"]},
                 {"peer_peak_rss_bytes", theirs["peak_rss_bytes"]},
                 {"difference", agrees.difference},
                 {"top1_agreement", agrees.top1},
                 {"peer_version", theirs["version"]}};
  if (!fp32_model.empty()) {
    const Json fp32 = in_child([&] { return measure_dunlin(fp32_model, threads, "f32"); });
    result["top1_agreement_with_fp32"] = agreement(ours["outputs"], fp32["outputs"]).top1;
    result["fp32_ms"] = fp32["ms"];
  }
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: ort_bench LIBONNXRUNTIME MODEL.onnx THREADS [ROUNDS [f32|bf16|int8 [FP32.onnx]]]\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2], std::stoi(argv[3]), argc > 4 ? std::stoi(argv[4]) : 3,
               argc > 5 ? argv[5] : "f32", argc > 6 ? argv[6] : "");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
