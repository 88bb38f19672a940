// The demo leaves nothing behind but what it was asked for, however it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "base/testing/temporary_folder.h"
#include "test_command.h"

namespace dunlin::cli {
namespace {

namespace fs = std::filesystem;

class Demo : public testing::Test {
 protected:
  Demo() {
    fs::create_directory(temporary_);
    ::setenv("TMPDIR", temporary_.c_str(), 1);
    fs::create_directory(data_);
    write_images("train", 400);
    write_images("t10k", 100);
  }
  ~Demo() override { ::unsetenv("TMPDIR"); }

  /// Images of 8 x 8 in two classes: the left or the right half is bright.
  void write_images(const std::string& part, int count) {
    const auto u32 = [](std::string& out, uint32_t v) {
      for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift);
    };
    std::string images, labels;
    for (uint32_t v : {0x803, count, 8, 8}) u32(images, v);
    for (uint32_t v : {0x801, count}) u32(labels, v);
    for (int i = 0; i < count; ++i) {
      labels += static_cast<char>(i % 2);
      for (int p = 0; p < 64; ++p)
        images += static_cast<char>((p % 8 < 4) == (i % 2 == 0) ? 200 + (i + p) % 50 : 0);
    }
    std::ofstream(data_ / (part + "-images-idx3-ubyte"), std::ios::binary) << images;
    std::ofstream(data_ / (part + "-labels-idx1-ubyte"), std::ios::binary) << labels;
  }

  pid_t start(const std::string& rounds) {
    return start_command({"demo", "--data", data_.string(), "--model", "mlp", "--devices", "2", "--rounds",
                          rounds, "--alpha", "100", "--out", folder_.file("out"), "--fleet-only"},
                         folder_.file("stdout"), folder_.file("stderr"));
  }
  /// Waits for the work folder of a demo that is at work.
  fs::path work_folder_beside(const fs::path& old) const {
    for (int i = 0; i < 3000; ++i) {
      for (const fs::directory_entry& e : fs::directory_iterator(temporary_))
        if (e.path() != old && fs::exists(e.path() / "fleet")) return e.path();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << text_of(folder_.file("stderr"));
    return {};
  }
  size_t count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(temporary_), fs::directory_iterator()));
  }

  TemporaryFolder folder_;
  const fs::path temporary_ = folder_.file("tmp"), data_ = folder_.file("data");
};

TEST_F(Demo, AnInterruptedOneLeavesNothingAndTakesNothing) {
  const fs::path own = temporary_ / "dunlin-demo-camera";  // a device's folder, of a name that could be ours
  fs::create_directory(own);
  std::ofstream(own / "lock");
  const pid_t demo = start("1000");
  work_folder_beside({});
  ::kill(demo, SIGINT);
  EXPECT_EQ(wait_for(demo), 1);
  EXPECT_THAT(text_of(folder_.file("stderr")), testing::HasSubstr("everything was cleaned up"));
  EXPECT_TRUE(fs::exists(own / "lock"));
  EXPECT_EQ(count(), 1u);
  EXPECT_FALSE(fs::exists(folder_.file("out/model.onnx")));
}

TEST_F(Demo, WhatAKilledOneLeftTheNextRemoves) {
  const pid_t killed = start("1000");
  const fs::path abandoned = work_folder_beside({});
  ::kill(killed, SIGKILL);
  EXPECT_EQ(wait_for(killed), 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(abandoned));
  const pid_t running = start("1000");
  const fs::path used = work_folder_beside(abandoned);
  EXPECT_FALSE(fs::exists(abandoned));
  EXPECT_EQ(wait_for(start("1")), 0) << text_of(folder_.file("stderr"));
  EXPECT_TRUE(fs::exists(folder_.file("out/model.onnx")));
  EXPECT_TRUE(fs::exists(used)) << "it is in use";
  ::kill(running, SIGINT);
  EXPECT_EQ(wait_for(running), 1);
  EXPECT_EQ(count(), 0u);
}

}  // namespace
}  // namespace dunlin::cli
