#include "base/file_system.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/testing/temporary_folder.h"

namespace {
std::mutex synced_mutex;
std::vector<std::string> synced;
}  // namespace

// Stands in for the C library's: tells which files and folders the code under test waited for.
extern "C" int fsync(int fd) {
  std::error_code ignored;
  const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored);
  {
    std::lock_guard lock(synced_mutex);
    synced.push_back(path);
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace dunlin {
namespace {

// What `call` made durable.
template <typename Call>
std::vector<std::string> synced_by(Call&& call) {
  synced.clear();
  call();
  return synced;
}

TEST(FileSystem, AtomicWriteRangesAndFolders) {
  FileSystem& files = system_files();
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
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

TEST(FileSystem, ANewNameIsAsDurableAsItsBytes) {
  FileSystem& files = system_files();
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  const auto holds = [](const std::vector<std::string>& paths, const std::string& path) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  const auto made = synced_by([&] { files.make_directories(dir + "/a/b"); });
  EXPECT_TRUE(holds(made, dir + "/a")) << "it names b";
  EXPECT_TRUE(holds(made, dir)) << "it names a";
  EXPECT_TRUE(synced_by([&] { files.make_directories(dir + "/a/b"); }).empty());
  const auto appended = synced_by([&] { files.append(dir + "/log", as_bytes("x")); });
  EXPECT_TRUE(holds(appended, dir + "/log"));
  EXPECT_TRUE(holds(appended, dir)) << "it names the new file";
  EXPECT_FALSE(holds(synced_by([&] { files.append(dir + "/log", as_bytes("x")); }), dir));
  files.write_at(dir + "/parts", 0, as_bytes("x"));
  EXPECT_TRUE(holds(synced_by([&] { files.sync(dir + "/parts"); }), dir));
  EXPECT_TRUE(holds(synced_by([&] { files.write_atomic(dir + "/whole", as_bytes("x")); }), dir));
  EXPECT_TRUE(holds(synced_by([&] { files.rename(dir + "/whole", dir + "/a/b/whole"); }), dir + "/a/b"));
}

TEST(FileSystem, WritersOfOnePathDoNotMeet) {
  FileSystem& files = system_files();
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  const std::string path = dir + "/x";
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      const Bytes data(100'000, static_cast<std::byte>('a' + w));
      for (int i = 0; i < 50; ++i) {
        EXPECT_NO_THROW(files.write_atomic(path, data));
        const Bytes got = files.read(path);
        ASSERT_EQ(got.size(), data.size());
        EXPECT_EQ(std::count(got.begin(), got.end(), got[0]), 100'000) << "bytes of two writers";
      }
    });
  for (std::thread& t : writers) t.join();
  EXPECT_EQ(files.list(dir), std::vector<std::string>{"x"});
}

TEST(FileSystem, LeftOversOfAKilledWriteAreSwept) {
  FileSystem& files = system_files();
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  for (const char* name : {"x", "x.tmp12-3", "x.tmp", "x.tmpl", "x.tmp1.toml"})
    files.write_atomic(join_path(dir, name), as_bytes("x"));
  remove_temporaries(dir, files);
  EXPECT_EQ(files.list(dir), (std::vector<std::string>{"x", "x.tmp", "x.tmp1.toml", "x.tmpl"}));
}

TEST(MappedFile, StaysBelowItsFolder) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
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
}

}  // namespace
}  // namespace dunlin
