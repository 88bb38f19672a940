#include "base/file_system.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dunlin {
namespace {

TEST(FileSystem, AtomicWriteRangesAndFolders) {
  FileSystem& files = system_files();
  const std::string dir = testing::TempDir() + "/dunlin_file_system_test";
  files.remove(dir);
  files.make_directories(dir + "/a/b");
  const std::string path = join_path(dir, "a/b/x");
  files.write_atomic(path, as_bytes("hello"));
  files.write_atomic(path, as_bytes("world!"));
  EXPECT_EQ(as_chars(files.read(path)), "world!");
  EXPECT_EQ(as_chars(files.read_range(path, 4, 100)), "d!");
  EXPECT_EQ(files.read_range(path, 7, 1).size(), 0u);
  files.write_at(path, 8, as_bytes("z"));
  EXPECT_EQ(files.size(path), 9u);
  files.append(path, as_bytes("y"));
  EXPECT_EQ(MappedFile(path).bytes().size(), 10u);
  EXPECT_EQ(files.list(dir + "/a/b"), std::vector<std::string>{"x"});
  EXPECT_THROW(files.read(path, 3), Error);
  EXPECT_THROW(files.read(dir), Error);
  try {
    files.read(dir + "/missing");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
  }
  files.remove(dir);
  EXPECT_FALSE(files.exists(dir));
}

}  // namespace
}  // namespace dunlin
