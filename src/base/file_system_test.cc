#include "base/file_system.h"

#include <gtest/gtest.h>

#include <filesystem>

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

TEST(MappedFile, StaysBelowItsFolder) {
  namespace fs = std::filesystem;
  const std::string dir = testing::TempDir() + "/dunlin_mapped_file_test";
  system_files().remove(dir);
  system_files().make_directories(dir + "/inside/deeper");
  system_files().write_atomic(dir + "/secret", as_bytes("secret"));
  system_files().write_atomic(dir + "/inside/deeper/x", as_bytes("fine"));
  fs::create_symlink(dir + "/secret", dir + "/inside/link");
  fs::create_symlink(dir, dir + "/inside/up");
  fs::create_symlink(dir + "/inside", dir + "/alias");
  EXPECT_EQ(as_chars(MappedFile(dir + "/inside", "deeper/x").bytes()), "fine");
  EXPECT_EQ(as_chars(MappedFile(dir + "/inside", "./deeper/x").bytes()), "fine");
  // The folder is the caller's choice and may be a link itself.
  EXPECT_EQ(as_chars(MappedFile(dir + "/alias", "deeper/x").bytes()), "fine");
  const auto code = [&](const std::string& name) {
    try {
      MappedFile file(dir + "/inside", name);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  for (const char* name :
       {"../secret", "deeper/../../secret", "link", "up/secret", "/etc/passwd", "", "deeper/"})
    EXPECT_EQ(code(name), ErrorCode::kPermissionDenied) << name;
  EXPECT_EQ(code("missing"), ErrorCode::kNotFound);
  EXPECT_EQ(code("deeper"), ErrorCode::kIo);
  system_files().remove(dir);
}

}  // namespace
}  // namespace dunlin
