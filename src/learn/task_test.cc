#include "learn/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/testing/memory_dataset.h"
#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::MemoryDataset;
using ::testing::HasSubstr;

Task full_task() {
  Task t;
  t.input = {3, 224, 200};
  t.channels = Task::Channels::kBgr;
  t.scale = 1.0 / 255;
  t.mean = {0.485, 0.456, 0.406};
  t.std = {0.229, 0.224, 0.225};
  t.labels = {"cat, or \"cat\"", "chat noir", "Füchschen"};
  return t;
}

TEST(Task, RoundTripsThroughMetadata) {
  Metadata metadata{{"author", "someone"}, {"dunlin.task.mean", "9"}};
  write_task(full_task(), metadata);
  EXPECT_EQ(read_task(metadata, "m.onnx"), full_task());
  EXPECT_EQ(metadata["dunlin.task.input"], "3x224x200");
  EXPECT_EQ(metadata["dunlin.task.mean"], "0.485,0.456,0.406");
  EXPECT_EQ(metadata["dunlin.task.labels"], R"(["cat, or \"cat\"","chat noir","Füchschen"])");
  EXPECT_EQ(metadata["author"], "someone");

  Task plain;
  plain.input = {784};
  plain.loss = "mse", plain.metric = "loss";
  write_task(plain, metadata);  // the first task's keys go
  EXPECT_EQ(read_task(metadata, "m.onnx"), plain);
  EXPECT_EQ(read_task({{"author", "someone"}}, "m.onnx"), std::nullopt);
}

TEST(Task, BadMetadataNamesFileAndKey) {
  const auto with = [](const char* key, const char* value) {
    Metadata m;
    write_task(full_task(), m);
    m[std::string("dunlin.task.") + key] = value;
    return error_of([&] { read_task(m, "m.onnx"); });
  };
  EXPECT_EQ(with("layout", "NCHW"), "");
  EXPECT_EQ(with("layout", "HWCN"),
            "m.onnx: metadata dunlin.task.layout is \"HWCN\", NCHW or NHWC is expected");
  EXPECT_THAT(with("input", "3x"), HasSubstr("sizes such as 3x224x224"));
  EXPECT_THAT(with("input", ""), HasSubstr("dunlin.task.input"));
  EXPECT_THAT(with("input", "3x0x4"), HasSubstr("impossible size"));
  EXPECT_THAT(with("input", "99999999x99999999"), HasSubstr("impossible size"));
  EXPECT_THAT(with("mean", "1,2"), HasSubstr("2 numbers for 3 channels"));
  EXPECT_THAT(with("std", "1,0,1"), HasSubstr("std: holds 0"));
  EXPECT_THAT(with("scale", "nan"), HasSubstr("scale"));
  EXPECT_THAT(with("labels", "[\"a\",\"a\"]"), HasSubstr("\"a\" stands at 0 and at 1"));
  EXPECT_THAT(with("labels", "[1]"), HasSubstr("JSON array of names"));
  EXPECT_THAT(with("loss", "hinge"), HasSubstr("there are ce, nll, bce, mse, file"));
  EXPECT_THAT(with("version", "2"), HasSubstr("a newer Dunlin"));
}

DatasetPtr named(std::vector<std::string> names, std::vector<int> classes) {
  std::vector<MemoryDataset::Row> rows;
  for (const int c : classes) rows.push_back({{0}, c, "", {}});
  return std::make_shared<MemoryDataset>(rows, std::move(names));
}

TEST(Task, AMissingClassShiftsNothing) {
  Task t = full_task();
  t.labels = {"ant", "bee", "cat", "dog"};
  EXPECT_EQ(map_labels(t, *named({"ant", "cat", "dog"}, {0, 1, 2})), (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(map_labels(t, *named({"dog"}, {0})), (std::vector<int>{3}));
}

TEST(Task, ALabelOutsideTheMapIsNamed) {
  Task t = full_task();
  t.labels = {"ant", "bee"};
  EXPECT_EQ(error_of([&] {
              map_labels(t, *named({"ant", "cow"}, {0, 0, 1}));
            }),
            "row 2: label \"cow\" is not in the model's label map (ant, bee)");
  EXPECT_THAT(error_of([&] { map_labels(t, *named({"ant"}, {-1})); }),
              HasSubstr("row 0: the target is not a class"));
}

TEST(Task, GuessesForAModelWithoutOne) {
  const Task t = guess_task({1, 28, 28}, 2, *named({"cat", "dog"}, {0, 1}), "ce");
  EXPECT_EQ(t.labels, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(t.scale, 1);  // the samples are floats
  EXPECT_EQ(guess_task({28, 28, 3}, 2, *named({"cat", "dog"}, {0, 1}), "ce").layout, Task::Layout::kNhwc);
  EXPECT_EQ(guess_task({4}, 1, *named({"0.5"}, {0}), "mse").metric, "loss");
  EXPECT_TRUE(guess_task({4}, 1, *named({"0.5", "2"}, {0, 1}), "mse").labels.empty()) << "values";
  // Classes, whatever the loss: one-hot, or 0 and 1 for one output.
  for (const char* loss : {"mse", "bce", "file"}) {
    EXPECT_EQ(guess_task({4}, 2, *named({"cat", "dog"}, {0, 1}), loss).labels.size(), 2u) << loss;
    EXPECT_EQ(guess_task({4}, 1, *named({"cat", "dog"}, {0, 1}), loss).labels.size(), 2u) << loss;
    EXPECT_THAT(error_of([&] {
                  guess_task({4}, 1, *named({"cat", "dog", "cow"}, {0, 1, 2}), loss);
                }),
                HasSubstr("1 outputs and the data 3 classes"))
        << loss;
  }
  EXPECT_THAT(error_of([&] {
                guess_task({4}, 10, *named({"cat", "dog"}, {0, 1}), "ce");
              }),
              HasSubstr("10 outputs and the data 2 classes (cat, dog)"));
}

}  // namespace
}  // namespace dunlin
