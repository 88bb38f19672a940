// The command as its users start it: exit codes, what goes to stdout and stderr, and that a mistake costs
// nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file_system.h"
#include "base/testing/temporary_folder.h"
#include "graph/onnx/tensors.h"
#include "tensor/npy.h"
#include "test_command.h"

namespace dunlin::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class CommandLine : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.file(name); }

  Outcome run(const std::vector<std::string>& arguments) const {
    const int code = wait_for(start_command(arguments, path("stdout"), path("stderr")));
    return {code, text_of(path("stdout")), text_of(path("stderr"))};
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }

  /// 60 samples of two classes in four features.
  std::string table() const {
    std::string text = "a,b,c,d,kind\n";
    for (int i = 0; i < 60; ++i)
      text +=
          fmt::format("{},{},{},{},{}\n", i % 7, i % 5, i % 2 ? 9 - i % 3 : i % 3, 1, i % 2 ? "odd" : "even");
    write("table.csv", text);
    return path("table.csv") + "#label=kind";
  }
  std::string model() const {
    EXPECT_EQ(run({"new", "mlp", "--input", "1x2x2", "--classes", "2", "--out", path("m.onnx")}).exit_code,
              0);
    return path("m.onnx");
  }

  const TemporaryFolder folder_;
  const fs::path dir_ = folder_.path();
};

TEST_F(CommandLine, AloneItShowsHelp) {
  const Outcome r = run({});
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_THAT(r.out, HasSubstr("Subcommands:"));
  EXPECT_THAT(r.err, IsEmpty());
}

TEST_F(CommandLine, AnUnknownCommandIsNamedWithTheNearestOne) {
  const auto error = [&](const std::vector<std::string>& words) {
    const Outcome r = run(words);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_THAT(r.out, IsEmpty());
    return r.err;
  };
  EXPECT_THAT(error({"trian", "m.onnx"}),
              HasSubstr("there is no command \"dunlin trian\"; did you mean \"dunlin train\"?"));
  EXPECT_THAT(error({"frobnicate"}), HasSubstr("the commands are new, inspect"));
  EXPECT_THAT(error({"fleet", "statsu"}), HasSubstr("did you mean \"dunlin fleet status\"?"));
  EXPECT_THAT(error({"fleet"}), StartsWith("dunlin fleet: a command is needed; the commands are init"));
}

TEST_F(CommandLine, WrongUsageEndsWithTwo) {
  const std::string m = model();
  const std::vector<std::vector<std::string>> wrong = {
      {"inspect"},
      {"inspect", m, "extra"},
      {"inspect", m, "--no-such-option"},
      {"inspect", m, "--threads", "-1"},
      {"new", "no_such_architecture", "--out", path("x")},
      {"new", "cnn", "--input", "3x3", "--out", path("x")},
      {"new", "cnn", "--seed", "-1", "--out", path("x")},
      {"run", m, "--input", "input"},
      {"bench", m, "--shape", "input=1x"},
      {"bench", m, "--runs", "0"},
      {"train", m, "--data", "d", "--out", path("x"), "--optimizer", "sgd:speed=3"},
      {"train", m, "--data", "d", "--out", path("x"), "--schedule", "cosine,warmup=-1"},
      {"train", m, "--data", "d", "--out", path("x"), "--share", "5/4"},
      {"train", m, "--data", "d", "--out", path("x"), "--part", "uniform:1"},
      {"train", m, "--data", "d", "--out", path("x"), "--lr", "-1"},
  };
  for (const auto& words : wrong) {
    const Outcome r = run(words);
    EXPECT_EQ(r.exit_code, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(r.out, IsEmpty());
    EXPECT_THAT(r.err, HasSubstr("--help` says more")) << ::testing::PrintToString(words);
  }
}

TEST_F(CommandLine, FailuresLeaveStdoutEmpty) {
  write("bad.onnx", "not a model");
  for (const std::string command : {"inspect", "run", "bench", "explain"}) {
    const Outcome r = run({command, path("bad.onnx"), "--json"});
    EXPECT_EQ(r.exit_code, 1);
    EXPECT_THAT(r.out, IsEmpty());
    EXPECT_THAT(r.err, HasSubstr("bad.onnx")) << command;
  }
}

TEST_F(CommandLine, AModelThatCannotRunSaysAllThatIsMissing) {
  // ir_version 8, opset 17, y = Frobnicate(Grumble(x)); x has element type 0.
  const auto field = [](int number, const std::string& bytes) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
  };
  const auto node = [&](const char* in, const char* out, const char* op) {
    return field(1, field(1, in) + field(2, out) + field(3, std::string("node-") + op) + field(4, op));
  };
  const std::string x = field(11, field(1, "x") + field(2, field(1, std::string("\x08\x00", 2)))),
                    y = field(12, field(1, "y")),
                    graph = node("x", "t", "Grumble") + node("t", "y", "Frobnicate");
  write("odd.onnx", "\x08\x08" + field(7, graph + x + y) + field(8, "\x10\x11"));
  for (const std::string command : {"run", "bench", "explain"}) {
    const Outcome r = run({command, path("odd.onnx")});
    EXPECT_EQ(r.exit_code, 1) << command;
    EXPECT_THAT(r.err, HasSubstr("input \"x\" has no element type"));
    EXPECT_THAT(r.err,
                HasSubstr("Grumble \"node-Grumble\": the op Grumble (domain \"ai.onnx\", opset 17) is not"));
    EXPECT_THAT(r.err, HasSubstr("Frobnicate"));
  }
}

TEST_F(CommandLine, JsonIsOneObjectWhereverTheFlagStands) {
  const std::string m = model(), data = table();
  system_files().write_atomic(path("x.npy"), to_npy(Tensor::of<float>({1, 1, 2, 2}, {1, 2, 3, 4})));
  const std::vector<std::pair<std::vector<std::string>, std::string>> commands = {
      {{"--json", "inspect", m}, "inputs"},
      {{"--threads", "1", "--json", "inspect", m}, "inputs"},
      {{"inspect", "--json", "--ops"}, "ops"},
      {{"new", "mlp", "--input", "1x2x2", "--out", path("n.onnx"), "--json"}, "parameters"},
      {{"run", m, "--input", "input=" + path("x.npy"), "--output", path("out"), "--json"}, "outputs"},
      {{"bench", m, "--runs", "2", "--json"}, "median_ms"},
      {{"explain", m, "--json", "--trace", path("trace.json")}, "steps"},
      {{"train", m, "--data", data, "--out", path("t.onnx"), "--json"}, "median_step_ms"},
      {{"eval", path("t.onnx"), "--data", data, "--json"}, "accuracy"},
  };
  for (const auto& [words, key] : commands) {
    const Outcome r = run(words);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    const Json json = Json::parse(r.out, nullptr, false);
    EXPECT_TRUE(json.is_object() && json.contains(key)) << r.out;
  }
  EXPECT_EQ(Json::parse(run({"inspect", path("t.onnx"), "--json"}).out)["task"]["input"], Json({1, 2, 2}));
  EXPECT_THAT(run({"inspect", path("t.onnx")}).out, HasSubstr("task        images of 2x2 pixels"));
  EXPECT_TRUE(Json::parse(text_of(path("trace.json")))["traceEvents"].size() > 0);
  EXPECT_TRUE(fs::exists(dir_ / "out/logits.npy"));
}

TEST_F(CommandLine, NoWinogradTakesTheDirectConvolution) {
  ASSERT_EQ(run({"new", "cnn", "--out", path("c.onnx")}).exit_code, 0);
  EXPECT_THAT(run({"explain", path("c.onnx")}).out, HasSubstr("winograd"));
  EXPECT_THAT(run({"explain", path("c.onnx"), "--no-winograd"}).out, Not(HasSubstr("winograd")));
  EXPECT_THAT(run({"explain", path("c.onnx"), "--training", "2"}).out, Not(HasSubstr("winograd")));
}

TEST_F(CommandLine, HelpEndsWithAnExample) {
  for (const std::string command :
       {"new", "inspect", "run", "bench", "explain", "conform", "train", "eval", "demo"}) {
    const Outcome r = run({command, "--help"});
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_THAT(r.out, HasSubstr("Example:\n  dunlin " + command + " "));
  }
}

TEST_F(CommandLine, TheOutputIsCheckedBeforeTheWork) {
  const std::string m = model();
  // The data do not exist either: what speaks first was looked at first.
  EXPECT_THAT(run({"train", m, "--data", "nowhere", "--out", path("none/t.onnx")}).err,
              HasSubstr("none does not exist"));
  EXPECT_THAT(run({"train", m, "--data", "nowhere", "--out", path("")}).err, HasSubstr("is a folder"));
  EXPECT_THAT(run({"demo", "--data", "nowhere", "--out", m}).err,
              HasSubstr("is a file, a folder is expected"));
  EXPECT_THAT(run({"train", m, "--data", "nowhere", "--out", path("t.onnx"), "--resume"}).err,
              HasSubstr("nothing to go on from"));
  EXPECT_FALSE(fs::exists(dir_ / "t.onnx"));
}

TEST_F(CommandLine, NeverReplacesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const Outcome r = run({"new", "mlp", "--input", "1x2x2", "--out", path("pipe")});
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.err, HasSubstr("not a regular file"));
  EXPECT_TRUE(fs::is_fifo(dir_ / "pipe"));
  EXPECT_THAT(run({"inspect", path("pipe")}).err,
              HasSubstr("not a regular file"));  // and does not wait for it
}

TEST_F(CommandLine, InspectDrawsTheGraph) {
  const std::string m = model();
  EXPECT_EQ(run({"inspect", m, "--graph", path("m.svg")}).exit_code, 0);
  EXPECT_THAT(text_of(path("m.svg")), HasSubstr("<svg"));
  EXPECT_THAT(text_of(path("m.svg")), HasSubstr("Gemm"));
  EXPECT_EQ(run({"inspect", m, "--graph", path("m.dot")}).exit_code, 0);
  EXPECT_THAT(text_of(path("m.dot")), StartsWith("digraph"));
  EXPECT_THAT(run({"inspect", m, "--graph", path("m.gif")}).err, HasSubstr(".svg, .png, .pdf, .dot"));
  EXPECT_EQ(run({"inspect", m, "--graph", path("nowhere/m.svg")}).exit_code, 1);
  const std::string programs = ::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  EXPECT_THAT(run({"inspect", m, "--graph", path("n.svg")}).err, HasSubstr("apt-get install graphviz"));
  ::setenv("PATH", programs.c_str(), 1);
}

TEST_F(CommandLine, CtrlCEndsGraphvizAndLeavesNothing) {
  const std::string m = model(), programs = ::getenv("PATH");
  const char* const old = ::getenv("TMPDIR");
  const std::string folder = old ? old : "";
  write("dot", "#!/bin/sh\nexec sleep 60\n");
  fs::permissions(path("dot"), fs::perms::owner_all);
  fs::create_directory(dir_ / "tmp");
  ::setenv("PATH", (dir_.string() + ":" + programs).c_str(), 1);
  ::setenv("TMPDIR", path("tmp").c_str(), 1);
  const pid_t pid = start_command({"inspect", m, "--graph", path("m.svg")}, path("out"), path("err"));
  ::setenv("PATH", programs.c_str(), 1);
  old ? ::setenv("TMPDIR", folder.c_str(), 1) : ::unsetenv("TMPDIR");
  // Once it shows that Graphviz works, everything is there that must go.
  for (int i = 0; i < 6000 && text_of(path("err")).find("Graphviz draws") == std::string::npos; ++i)
    ::usleep(10'000);
  EXPECT_FALSE(fs::is_empty(dir_ / "tmp"));
  ::kill(pid, SIGINT);
  EXPECT_EQ(wait_for(pid), 1);
  EXPECT_THAT(text_of(path("err")), HasSubstr("stopped; nothing was written"));
  EXPECT_TRUE(fs::is_empty(dir_ / "tmp"));
  EXPECT_FALSE(fs::exists(dir_ / "m.svg"));
}

TEST_F(CommandLine, AStdoutThatCannotBeWrittenIsAFailure) {
  const std::string m = model();
  for (const std::vector<std::string>& words : {std::vector<std::string>{"inspect", m}, {"--help"}}) {
    EXPECT_EQ(wait_for(start_command(words, "/dev/full", path("stderr"))), 1);
  }
}

TEST_F(CommandLine, ProgressThatCannotBeShownEndsNothing) {
  const std::string m = model(), data = table();
  EXPECT_EQ(wait_for(start_command({"train", m, "--data", data, "--out", path("t.onnx")}, path("stdout"),
                                   "/dev/full")),
            0);
  EXPECT_TRUE(fs::exists(dir_ / "t.onnx"));
}

TEST_F(CommandLine, AKilledTrainingGoesOnToTheSameModel) {
  const std::string m = model(), data = table();
  const auto words = [&](const std::string& out) {
    return std::vector<std::string>{"train",   m,      "--data",    data,    "--epochs",
                                    "400",     "--lr", "0.001",     "--out", path(out),
                                    "--batch", "20",   "--threads", "1",     "--quiet"};
  };
  ASSERT_EQ(run(words("whole.onnx")).exit_code, 0);
  const pid_t pid = start_command(words("killed.onnx"), path("stdout"), path("stderr"));
  for (int i = 0; i < 2000 && !fs::exists(dir_ / "killed.onnx.state"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(pid, SIGKILL);
  ASSERT_EQ(wait_for(pid), 128 + SIGKILL) << "it was done before it could be killed";
  EXPECT_FALSE(fs::exists(dir_ / "killed.onnx"));
  std::vector<std::string> resumed = words("killed.onnx");
  resumed.push_back("--resume");
  const Outcome r = run(resumed);
  ASSERT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(text_of(path("killed.onnx")), text_of(path("whole.onnx")));
  EXPECT_EQ(text_of(path("killed.onnx.state")), text_of(path("whole.onnx.state")));
}

TEST_F(CommandLine, RunNamesTheInputsThereAre) {
  const std::string m = model();
  system_files().write_atomic(path("x.npy"), to_npy(Tensor::of<float>({1, 4}, {1, 2, 3, 4})));
  const std::string x = path("x.npy");
  const auto error = [&](const std::vector<std::string>& inputs) {
    std::vector<std::string> words{"run", m, "--output", path("out")};
    for (const std::string& i : inputs) words.insert(words.end(), {"--input", i});
    const Outcome r = run(words);
    EXPECT_NE(r.exit_code, 0);
    return r.err;
  };
  EXPECT_THAT(error({"image=" + x}), HasSubstr("has no input \"image\"; its inputs are \"input\""));
  EXPECT_THAT(error({"input=" + x, "input=" + x}), HasSubstr("\"input\" is given twice"));
  EXPECT_THAT(error({"input=" + x}), HasSubstr("shape [N,1,2,2] is expected, got [1,4]"));
  EXPECT_THAT(error({}), HasSubstr("input \"input\" is missing"));
}

TEST_F(CommandLine, RunReadsAndWritesStringsAsPb) {
  const std::string folder =
      "/usr/share/libonnx-testdata/data/simple/test_strnorm_model_monday_casesensintive_upper/";
  const std::string given = folder + "test_data_set_0/";
  const Outcome r =
      run({"run", folder + "model.onnx", "--input", "x=" + given + "input_0.pb", "--output", path("out")});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  const Tensor got = onnx::load_tensor_file(path("out/y.pb")),
               want = onnx::load_tensor_file(given + "output_0.pb");
  EXPECT_TRUE(std::ranges::equal(got.strings(), want.strings()));
  system_files().write_atomic(path("x.npy"), to_npy(Tensor::of<float>({4}, {1, 2, 3, 4})));
  EXPECT_THAT(run({"run", folder + "model.onnx", "--input", "x=" + path("x.npy")}).err,
              HasSubstr("input \"x\" holds strings"));
}

}  // namespace
}  // namespace dunlin::cli
