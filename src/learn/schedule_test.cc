#include "learn/schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dunlin {
namespace {

// torch.optim.lr_scheduler: StepLR(2 epochs, 0.1) with 5 steps an epoch; CosineAnnealingLR(T_max=10).
TEST(Schedule, AgreesWithPyTorch) {
  const Schedule step = Schedule::parse("step:2:0.1");
  EXPECT_DOUBLE_EQ(step.rate(0.5, 9, 100, 5), 0.5);
  EXPECT_DOUBLE_EQ(step.rate(0.5, 10, 100, 5), 0.05);
  EXPECT_NEAR(step.rate(0.5, 25, 100, 5), 0.005, 1e-15);
  const Schedule cosine = Schedule::parse("cosine");
  const double expected[] = {1.0, 0.97552825814758, 0.90450849718747, 0.79389262614624, 0.65450849718747,
                             0.5, 0.34549150281253, 0.20610737385376, 0.09549150281253, 0.02447174185242,
                             0.0};
  for (int s = 0; s <= 10; ++s) EXPECT_NEAR(cosine.rate(1, s, 10, 5), expected[s], 1e-12) << s;
  EXPECT_NEAR(Schedule::parse("cosine:0.25").rate(2, 10, 10, 5), 0.5, 1e-15);
}

TEST(Schedule, WarmUpRisesToTheBase) {
  const Schedule s = Schedule::parse("constant,warmup=4");
  EXPECT_DOUBLE_EQ(s.rate(1, 0, 100, 10), 0.25);
  EXPECT_DOUBLE_EQ(s.rate(1, 3, 100, 10), 1);
  EXPECT_DOUBLE_EQ(s.rate(1, 50, 100, 10), 1);
  EXPECT_DOUBLE_EQ(Schedule::parse("cosine,warmup=4").rate(1, 4, 14, 10), 1);
  EXPECT_NEAR(Schedule::parse("cosine,warmup=4").rate(1, 9, 14, 10), 0.5, 1e-15);
}

TEST(Schedule, TextRoundTripsAndRefuses) {
  for (const char* text : {"constant", "step:3:0.5", "cosine:0.1,warmup=7"})
    EXPECT_EQ(Schedule::parse(text).to_text(), text);
  for (const char* bad : {"", "linear", "step", "step:0:0.1", "step:1:0", "step:1:2", "cosine:2",
                          "constant:1", "cosine,warm=1", "cosine,warmup=-1", "cosine,warmup="})
    EXPECT_THROW(Schedule::parse(bad), Error) << bad;
}

}  // namespace
}  // namespace dunlin
