// Writes the first inputs of every target: dunlin_fuzz_seeds FOLDER makes FOLDER/TARGET/NAME. Models come from
// ONNX's own tests, where they are installed, and from the samples of every op; the rest from our own writers and
// fixtures.
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/file_system.h"
#include "fleet/config.h"
#include "fleet/identity/token.h"
#include "fleet/strategies/framing.h"
#include "fleet/strategies/update_code.h"
#include "fleet/transport/manifest.h"
#include "graph/onnx/export.h"
#include "graph/sample.h"
#include "learn/checkpoint.h"
#include "learn/data/idx.h"
#include "learn/safetensors.h"
#include "learn/task.h"
#include "learn/testing/fixtures.h"
#include "memory_files.h"
#include "tensor/npy.h"

namespace dunlin::fuzz {
namespace {

namespace fs = std::filesystem;
constexpr const char* kTestData = "/usr/share/libonnx-testdata/data";
constexpr uint64_t kLargestModel = 4096;

class Seeds {
 public:
  explicit Seeds(std::string folder) : folder_(std::move(folder)) {}

  void add(const std::string& target, const std::string& name, ByteSpan bytes) {
    const fs::path folder = fs::path(folder_) / target;
    fs::create_directories(folder);
    std::FILE* file = std::fopen((folder / name).c_str(), "wb");
    if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
        std::fclose(file) != 0)
      fail(ErrorCode::kIo, "{}: cannot be written", (folder / name).string());
  }
  /// For the targets that choose a reader by the first byte.
  void add(const std::string& target, char kind, const std::string& name, ByteSpan bytes) {
    Bytes all{static_cast<std::byte>(kind)};
    all.insert(all.end(), bytes.begin(), bytes.end());
    add(target, name, all);
  }
  void add_model(const std::string& name, ByteSpan bytes) {
    if (bytes.size() > kLargestModel) return;
    for (const char* target : {"onnx_parse", "onnx_infer", "onnx_run"}) add(target, name, bytes);
  }

 private:
  std::string folder_;
};

void add_onnx_tests(Seeds& seeds) {
  if (!fs::exists(kTestData)) return;
  for (const auto& entry : fs::recursive_directory_iterator(kTestData)) {
    const fs::path& path = entry.path();
    const std::string name = path.parent_path().filename().string();
    if (path.extension() == ".onnx" && entry.file_size() <= kLargestModel)
      seeds.add_model("onnx_" + name, system_files().read(path.string()));
    else if (path.filename() == "input_0.pb" && entry.file_size() <= 512 && name == "test_data_set_0")
      seeds.add("data", 'p', path.parent_path().parent_path().filename().string(),
                system_files().read(path.string()));
  }
}

void add_samples(Seeds& seeds) {
  for (const OpDef* newest : all_ops())
    for (const OpDef* op = newest; op != nullptr; op = op->older)
      for (size_t i = 0; i < op->samples.size(); ++i) {
        if (op->domain == kDunlinDomain) continue;
        SampleCase sample = make_sample(*op, op->samples[i], 1);
        const std::string name = fmt::format("{}_{}_{}", op->name, op->since, i);
        seeds.add_model(name, serialize_onnx({.graph = sample.graph}));
        // The same with every input known, which folding then computes with.
        for (size_t k = 0; k < sample.inputs.size(); ++k)
          sample.graph.initializers[sample.graph.inputs[k]] =
              std::make_shared<const Tensor>(std::move(sample.inputs[k]));
        sample.graph.inputs.clear();
        seeds.add_model(name + "_known", serialize_onnx({.graph = sample.graph}));
      }
}

template <size_t N>
ByteSpan fixture(const uint8_t (&data)[N]) {
  return std::as_bytes(std::span(data));
}

Bytes joined(ByteSpan first, ByteSpan second) {
  Bytes out{static_cast<std::byte>(first.size() % 256), static_cast<std::byte>(first.size() / 256)};
  out.insert(out.end(), first.begin(), first.end());
  out.insert(out.end(), second.begin(), second.end());
  return out;
}

Bytes gzip(ByteSpan bytes) {
  z_stream z{};
  Bytes out(bytes.size() + 64);
  if (deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

void add_data(Seeds& seeds) {
  namespace f = dunlin::testing;
  seeds.add("images", "png_gray8", fixture(f::kPngGray8));
  seeds.add("images", "png_rgb8", fixture(f::kPngRgb8));
  seeds.add("images", "png_rgba8", fixture(f::kPngRgba8));
  seeds.add("images", "png_gray16", fixture(f::kPngGray16));
  seeds.add("images", "png_palette", fixture(f::kPngPalette));
  seeds.add("images", "png_gray1", fixture(f::kPngGray1));
  seeds.add("images", "png_huge", fixture(f::kPngHuge));
  seeds.add("images", "jpeg_rgb", fixture(f::kJpegRgb));
  seeds.add("images", "jpeg_gray", fixture(f::kJpegGray));
  seeds.add("images", "jpeg_turned", fixture(f::kJpegTurned));
  seeds.add("images", "jpeg_cmyk", fixture(f::kJpegCmyk));
  seeds.add("data", 'y', "npy", fixture(f::kNpyChw));
  seeds.add("data", 'y', "npy_f64", fixture(f::kNpyTarget));
  seeds.add("data", 'z', "npz", fixture(f::kNpzXy));
  seeds.add("data", 'z', "npz_parts", fixture(f::kNpzTrainTest));
  MemoryFiles files;
  write_idx(files, "images", Tensor::of<uint8_t>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  write_idx(files, "labels", Tensor::of<uint8_t>({2}, {1, 0}));
  seeds.add("data", 'i', "idx", joined(files.files["images"], files.files["labels"]));
  seeds.add("data", 'g', "idx_gz", joined(gzip(files.files["images"]), files.files["labels"]));
  seeds.add("data", 'c', "table", as_bytes("label,a,group\ncat,1,p\n\"d\"\"og\",-2.5e3,q\r\n"));
  seeds.add("data", 'm', "manifest_png",
            joined(as_bytes("file,target\na.png,cat\na.png,0.1 0.2\n"), fixture(f::kPngGray8)));
  seeds.add("data", 'm', "manifest_npy",
            joined(as_bytes("target,file,group\nt.npy,a.npy,g\n1;2;3,a.npy,\n"), fixture(f::kNpyChw)));
}

void add_config(Seeds& seeds) {
  fleet::FleetConfig config;
  config.network.host = "fleet.example.org";
  config.population.strategy_params = {{"statistics", "local"}};
  seeds.add("config", 'f', "fleet", as_bytes(to_toml(config)));
  seeds.add(
      "config", 't', "token",
      as_bytes(to_text(fleet::Token{.host = "fleet.example.org", .fleet_port = 1, .enrolment_port = 2})));
  Task task;
  task.input = {3, 8, 8};
  task.channels = Task::Channels::kRgb;
  task.mean = task.std = {0.485, 0.456, 0.406};
  task.labels = {"cat", "d\"og"};
  Metadata metadata;
  write_task(task, metadata);
  std::string text;
  for (const auto& [key, value] : metadata) text += key + "=" + value + "\n";
  seeds.add("config", 'k', "task", as_bytes(text));
  int n = 0;
  for (const char* option : {"dirichlet:0.3:7", "uniform:1", "3/8", "step:10:0.5,warmup=100", "cosine:0.1",
                             "sgd:momentum=0.9,nesterov=1", "adamw:beta2=0.99,weight_decay=0.01"})
    seeds.add("config", 'o', fmt::format("option{}", n++), as_bytes(option));
}

Bytes update() {
  wire::v1::UpdateHeader header;
  header.set_format(fleet::kUpdateFormat);
  header.set_task("task");
  header.set_weight(7);
  for (const auto& [name, shape, bits] :
       {std::tuple("w", std::vector<int64_t>{2, 3}, 24), std::tuple("b", std::vector<int64_t>{}, 32)})
    *header.add_tensors() = to_wire(fleet::TensorCode{name, shape, {.bits = bits, .range = 4}});
  size_t offset = 0;
  Bytes bytes = fleet::frame(header, 6 * 3 + 4, &offset);
  for (size_t i = offset; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

void add_state(Seeds& seeds) {
  MemoryFiles files;
  Checkpoint c;
  c.weights.emplace("w", Tensor::of<float>({2}, {1, 2}));
  c.moments["exp_avg"].emplace("w", Tensor::of<float>({2}, {3, 4}));
  c.state.emplace("mean", Tensor::of<float>({1}, {5}));
  c.optimizer = "adam", c.schedule = "constant";
  save_checkpoint(files, "c", c);
  seeds.add("state", 'c', "checkpoint", files.files["c"]);
  seeds.add("state", 's', "safetensors", files.files["c"]);
  fleet::NamedTensors tensors;
  tensors.add({"w", {2, 3}, fleet::Role::kParameter, {1, 2, 3, 4, 5, 6}});
  tensors.add({"m", {}, fleet::Role::kStatistic, {7}});
  seeds.add("state", 't', "tensors", tensors.serialise());
  const std::vector<fleet::TensorCode> codes{{"w", {2, 3}, {.bits = 24, .range = 4}},
                                             {"b", {}, {.bits = 32, .range = 4}}};
  seeds.add("state", 'S', "sum", fleet::Sum(codes).serialise());
  seeds.add("state", 'u', "update", update());
  const std::string manifest = to_wire(fleet::make_manifest(as_bytes("content"))).SerializeAsString();
  seeds.add("state", 'm', "manifest", as_bytes(manifest));
}

}  // namespace
}  // namespace dunlin::fuzz

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    dunlin::fuzz::Seeds seeds(argv[1]);
    dunlin::fuzz::add_onnx_tests(seeds);
    dunlin::fuzz::add_samples(seeds);
    dunlin::fuzz::add_data(seeds);
    dunlin::fuzz::add_config(seeds);
    dunlin::fuzz::add_state(seeds);
  } catch (const dunlin::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
