// Every parser of this layer over damaged files: whatever the bytes, it gives a result or throws
// dunlin::Error. Run under the `dev` preset, the sanitizers look on.
#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"
#include "base/testing/soak.h"
#include "learn/checkpoint.h"
#include "learn/data/csv.h"
#include "learn/data/idx.h"
#include "learn/data/image.h"
#include "learn/data/npz.h"
#include "learn/safetensors.h"
#include "learn/task.h"
#include "learn/testing/fixtures.h"
#include "learn/testing/temp_folder.h"
#include "tensor/npy.h"

namespace dunlin {
namespace {

using namespace dunlin::testing;

Bytes damaged(ByteSpan whole, Philox& rng) {
  Bytes out(whole.begin(), whole.end());
  const uint64_t changes = 1 + rng.below(4);
  for (uint64_t k = 0; k < changes && !out.empty(); ++k) {
    const size_t at = rng.below(out.size());
    const auto i = static_cast<std::ptrdiff_t>(at);
    switch (rng.below(6)) {
      case 0:
        out[at] ^= std::byte{1} << static_cast<int>(rng.below(8));
        break;
      case 1:
        out[at] = std::byte{0xff};
        break;
      case 2:
        out[at] = std::byte{0};
        break;
      case 3:
        out.resize(at);
        break;
      case 4:
        out.insert(out.begin() + i, static_cast<std::byte>(rng.below(256)));
        break;
      default:  // a piece twice
        const Bytes piece(out.begin() + i, out.begin() + static_cast<std::ptrdiff_t>(
                                                             std::min(out.size(), at + rng.below(16))));
        out.insert(out.begin() + i, piece.begin(), piece.end());
    }
  }
  return out;
}

void damage(const char* name, ByteSpan whole, int times, const std::function<void(const Bytes&)>& parse) {
  EXPECT_NO_THROW(parse(Bytes(whole.begin(), whole.end()))) << name;
  times *= soak_factor();
  Philox rng(7);
  int refused = 0;
  for (int i = 0; i < times; ++i) {
    const Bytes data = damaged(whole, rng);
    try {
      parse(data);
    } catch (const Error&) {
      ++refused;
    } catch (const std::exception& e) {
      ADD_FAILURE() << name << " " << i << ": " << e.what();
    }
  }
  EXPECT_GT(refused, times / 20) << name;
}

template <size_t N>
ByteSpan bytes(const uint8_t (&data)[N]) {
  return std::as_bytes(std::span(data));
}

TEST(Damaged, Images) {
  const auto parse = [](const Bytes& b) { decode_image(b, "f"); };
  damage("png gray", bytes(kPngGray8), 2000, parse);
  damage("png palette", bytes(kPngPalette), 2000, parse);
  damage("png 16", bytes(kPngGray16), 2000, parse);
  damage("jpeg", bytes(kJpegRgb), 2000, parse);
  damage("jpeg exif", bytes(kJpegTurned), 2000, parse);
}

TEST(Damaged, Arrays) {
  const TempFolder dir;
  damage("npy", bytes(kNpyChw), 3000, [](const Bytes& b) { parse_npy(b, "f"); });
  damage("npz", bytes(kNpzXy), 500, [&](const Bytes& b) {
    const NpzParts parts = open_npz(dir.write("f.npz", b));
    for (size_t i = 0; i < parts.train->size(); ++i) parts.train->example(i);
  });
}

TEST(Damaged, Idx) {
  const TempFolder dir;
  write_idx(system_files(), dir / "images", Tensor::of<uint8_t>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  write_idx(system_files(), dir / "labels", Tensor::of<uint8_t>({2}, {1, 0}));
  damage("idx", system_files().read(dir / "images"), 500, [&](const Bytes& b) {
    const DatasetPtr data = open_idx(system_files(), {dir.write("f", b), dir / "labels"});
    for (size_t i = 0; i < data->size(); ++i) data->example(i);
  });
}

TEST(Damaged, Csv) {
  const TempFolder dir;
  damage("csv", as_bytes("a,b,c\n1,\"x, \"\"y\"\"\",3\r\n4,5,\"6\n7\"\n"), 1000, [&](const Bytes& b) {
    scan_csv(system_files(), dir.write("f.csv", b), [](const CsvRow&, const std::vector<std::string>&) {});
  });
}

TEST(Damaged, Checkpoints) {
  const TempFolder dir;
  Checkpoint c;
  c.weights.emplace("w", Tensor::of<float>({2}, {1, 2}));
  c.moments["exp_avg"].emplace("w", Tensor::of<float>({2}, {3, 4}));
  c.optimizer = "adam", c.schedule = "constant";
  save_checkpoint(system_files(), dir / "s", c);
  damage("checkpoint", system_files().read(dir / "s"), 2000,
         [&](const Bytes& b) { load_checkpoint(system_files(), dir.write("f", b)); });
}

TEST(Damaged, Tasks) {
  Task task;
  task.input = {3, 8, 8};
  task.mean = {1, 2, 3};
  task.labels = {"a", "b"};
  Metadata whole;
  write_task(task, whole);
  std::string text;
  for (const auto& [key, value] : whole) text += key + "\n" + value + "\n";
  damage("task", as_bytes(text), 3000, [](const Bytes& b) {
    Metadata m;
    std::string_view rest = as_chars(b);
    while (!rest.empty()) {
      std::string pair[2];
      for (std::string& part : pair) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        part = rest.substr(0, end);
        rest.remove_prefix(std::min(rest.size(), end + 1));
      }
      m[pair[0]] = pair[1];
    }
    if (const auto t = read_task(m, "m")) {
      Metadata again;
      write_task(*t, again);
      EXPECT_EQ(read_task(again, "m"), t);
    }
  });
}

}  // namespace
}  // namespace dunlin
