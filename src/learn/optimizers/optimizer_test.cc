#include "learn/optimizers/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"

namespace dunlin {
namespace {

struct Golden {
  const char* optimizer;
  double learning_rate;
  std::vector<float> after;  // five steps, by PyTorch 1.13
};

const Golden kGolden[] = {
    {"sgd", 0.1, {0.524999976f, -1.25f, 1.97500002f, 0.0874999985f, -0.106249996f}},
    {"sgd:momentum=0.9", 0.1, {0.531390011f, -1.38573122f, 1.91111112f, 0.195691243f, -0.140179992f}},
    {"sgd:momentum=0.9,nesterov=1,weight_decay=0.01",
     0.1,
     {0.544606209f, -1.34970284f, 1.86236358f, 0.262502849f, -0.203114659f}},
    {"adam", 0.01, {0.510812759f, -1.26633584f, 1.98006082f, 0.0246285871f, -0.0439038463f}},
    {"adam:beta1=0.8,beta2=0.99,epsilon=1e-6,weight_decay=0.1",
     0.01,
     {0.503641844f, -1.2533381f, 1.96694708f, 0.0237903614f, -0.0432267152f}},
    {"adamw:weight_decay=0.1",
     0.01,
     {0.508278012f, -1.26004601f, 1.97014773f, 0.0245663039f, -0.0437118337f}},
};

TEST(Optimizer, AgreesWithPyTorch) {
  ThreadPool pool(1);
  for (const Golden& golden : kGolden) {
    const OptimizerChoice choice = parse_optimizer(golden.optimizer);
    std::vector<float> w = {0.5f, -1.25f, 2.0f, 0.0f, -0.03125f}, g(w.size());
    std::vector<std::vector<float>> state(choice.optimizer->state.size(), std::vector<float>(w.size()));
    std::vector<std::span<float>> spans(state.begin(), state.end());
    for (int t = 1; t <= 5; ++t) {
      for (int i = 0; i < 5; ++i)
        g[static_cast<size_t>(i)] = static_cast<float>((i * 7 + t * 3) % 11 - 5) / 8.0f;
      choice.optimizer->step({w, g, spans, t, golden.learning_rate, choice.options, pool, best_isa()});
    }
    for (size_t i = 0; i < w.size(); ++i)
      EXPECT_NEAR(w[i], golden.after[i], 3e-7) << golden.optimizer << " " << i;
  }
}

TEST(Optimizer, TextRoundTrips) {
  for (const Golden& golden : kGolden) {
    const OptimizerChoice a = parse_optimizer(golden.optimizer), b = parse_optimizer(to_string(a));
    EXPECT_EQ(to_string(a), to_string(b));
    EXPECT_EQ(a.options.weight_decay, b.options.weight_decay);
  }
}

TEST(Optimizer, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "sdg", "sgd:momentum", "sgd:momentum=1.5", "sgd:momentun=0.9", "adam:beta1=x",
                           "sgd:nesterov=1", "adamw:weight_decay=-1", "adam:epsilon=nan"}) {
    EXPECT_THROW(parse_optimizer(text), Error) << text;
  }
  try {
    parse_optimizer("lion");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "optimizer \"lion\": there are sgd, adam, adamw");
  }
}

}  // namespace
}  // namespace dunlin
