// dunlin::Device inside a product, as include/dunlin/device.h promises it.
#include "dunlin/device.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "fleet_processes.h"
#include "learn/data/open.h"
#include "tensor/formats.h"

namespace dunlin::fleet {
namespace {

using ::testing::HasSubstr;

TEST(DeviceInAProduct, RunsTheNewestModelWhileItLearnsAndAfterARestartWithoutANetwork) {
  ProcessFleet fleet({.devices = 2, .rounds = 2});
  fleet.start_coordinator();
  fleet.start_device(2);
  DeviceOptions options{
      .state_dir = fleet.state_of(1), .data = fleet.data(), .part = fleet.plan().part, .share = "1/2"};
  EXPECT_THAT([&] { Device first(options); }, ::testing::ThrowsMessage<Error>(HasSubstr("not enrolled yet")));
  options.token = dunlin({"fleet", "token", fleet.dir(), "--json"}).json().at("token").get<std::string>();

  const DatasetPtr test = open_data(fleet.data()).test;
  Tensor image(&formats::kF32, {1, 1, 8, 8});
  const Example example = test->example(0);
  const Tensor values = example.input.to_float();
  std::ranges::transform(values.values<float>(), image.data<float>(), [](float v) { return v / 255; });
  const std::vector<Tensor> inputs = [&] {
    std::vector<Tensor> v;
    v.push_back(image.view());
    return v;
  }();
  std::vector<float> last;
  {
    Device device(options);
    EXPECT_GT(device.train_examples(), 0u);
    EXPECT_EQ(device.version(), 0u);
    EXPECT_THAT([&] { device.run(inputs); },
                ::testing::ThrowsMessage<Error>(HasSubstr("no model has arrived from the fleet yet")));
    std::vector<uint64_t> versions;
    std::atomic<bool> arrived{false}, finished{false};
    std::jthread learning([&](std::stop_token stop) {
      finished = device.learn(stop, [&](const DeviceEvent& e) {
        if (e.kind != DeviceEvent::Kind::kModelChanged) return;
        versions.push_back(e.version);
        arrived = true;
      });
    });
    ASSERT_TRUE(fleet.wait_until("a model has arrived", [&] { return arrived.load(); }));
    // Called all the while models change under it.
    ASSERT_TRUE(fleet.wait_until("the fleet has finished", [&] {
      const std::vector<Tensor> out = device.run(inputs);
      last.assign(out[0].values<float>().begin(), out[0].values<float>().end());
      return finished.load();
    }));
    learning.join();
    EXPECT_EQ(versions, (std::vector<uint64_t>{0, 1, 2}));
    EXPECT_EQ(device.version(), 2u);
    const std::vector<Tensor> out = device.run(inputs);
    last.assign(out[0].values<float>().begin(), out[0].values<float>().end());
    EXPECT_THAT([&] { Device second(options); },
                ::testing::ThrowsMessage<Error>(HasSubstr("another device runs in this folder")));
  }
  expect_everyone_counted_once(fleet);
  fleet.stop_coordinator();
  options.token.clear();
  Device again(options);
  EXPECT_EQ(again.version(), 2u);
  EXPECT_EQ(system_files().read(again.model_path()), fleet.versions().back());
  const std::vector<Tensor> out = again.run(inputs);
  EXPECT_TRUE(std::ranges::equal(out[0].values<float>(), last));
}

}  // namespace
}  // namespace dunlin::fleet
