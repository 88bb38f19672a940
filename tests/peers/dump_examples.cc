// dump_examples DATA OUT: writes what the readers make of DATA. OUT/train_7.npy is the input of the training part's
// sample 7, OUT/train_7_target.npy its target when that is a tensor; OUT/train.txt names a class, or "-", a line.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "base/bytes.h"
#include "base/file_system.h"
#include "learn/data/open.h"
#include "tensor/npy.h"

int main(int argc, char** argv) try {
  using namespace dunlin;
  if (argc != 3) return 2;
  FileSystem& files = system_files();
  files.make_directories(argv[2]);
  const DataParts parts = open_data(argv[1]);
  const auto dump = [&](const DatasetPtr& part, const std::string& name) {
    if (!part) return;
    const std::string path = join_path(argv[2], name);
    std::string classes;
    for (size_t i = 0; i < part->size(); ++i) {
      const Example e = part->example(i);
      files.write_atomic(fmt::format("{}_{}.npy", path, i), to_npy(e.input));
      if (part->class_of(i) < 0)
        files.write_atomic(fmt::format("{}_{}_target.npy", path, i), to_npy(e.target));
      classes += part->class_of(i) < 0 ? "-" : part->class_names().at(static_cast<size_t>(part->class_of(i)));
      classes += '\n';
    }
    files.write_atomic(path + ".txt", as_bytes(classes));
  };
  dump(parts.train, "train");
  dump(parts.test, "test");
} catch (const std::exception& e) {
  fmt::print(stderr, "{}\n", e.what());
  return 1;
}
