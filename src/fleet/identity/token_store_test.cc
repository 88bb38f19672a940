#include "fleet/identity/token_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "fleet/test_support.h"

namespace dunlin::fleet {
namespace {

Sha256 hash_of(const std::string& text) { return sha256(as_bytes(text)); }

TEST(TokenStore, UsesAreCountedOncePerKey) {
  TemporaryFolder folder;
  TokenStore store(folder.file("fleet.sqlite"));
  store.add(hash_of("secret"), 2, 1000);
  EXPECT_EQ(store.try_use(hash_of("other"), hash_of("a"), 0), TokenVerdict::kUnknown);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("a"), 0), TokenVerdict::kAccepted);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("a"), 0), TokenVerdict::kAccepted);
  EXPECT_EQ(uses_left(folder.file("fleet.sqlite"), hash_of("secret")), 1);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("b"), 999), TokenVerdict::kAccepted);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("c"), 999), TokenVerdict::kUsedUp);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("a"), 999), TokenVerdict::kAccepted);
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("a"), 1000), TokenVerdict::kExpired);
}

TEST(TokenStore, SurvivesReopening) {
  TemporaryFolder folder;
  {
    TokenStore store(folder.file("fleet.sqlite"));
    store.add(hash_of("secret"), 1, 1000);
    EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("a"), 0), TokenVerdict::kAccepted);
  }
  TokenStore store(folder.file("fleet.sqlite"));
  EXPECT_EQ(store.try_use(hash_of("secret"), hash_of("b"), 0), TokenVerdict::kUsedUp);
}

// As when `dunlin fleet token` and the coordinator have the database open at once.
TEST(TokenStore, ConcurrentConnectionsSpendNoUseTwice) {
  TemporaryFolder folder;
  const std::string path = folder.file("fleet.sqlite");
  TokenStore(path).add(hash_of("secret"), 10, 1000);
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      TokenStore store(path);
      for (int i = 0; i < 5; ++i)
        if (store.try_use(hash_of("secret"), hash_of(std::to_string(t * 5 + i)), 0) ==
            TokenVerdict::kAccepted)
          ++accepted;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(accepted, 10);
}

TEST(TokenStore, UnusableDatabaseIsAClearError) {
  TemporaryFolder folder;
  std::string message;
  EXPECT_EQ(code_of([&] { TokenStore(folder.file("missing/fleet.sqlite")); }, &message), ErrorCode::kIo);
  EXPECT_NE(message.find("missing/fleet.sqlite"), std::string::npos);
  system_files().write_atomic(folder.file("text.sqlite"), as_bytes(std::string(5000, 'x')));
  EXPECT_EQ(code_of([&] { TokenStore(folder.file("text.sqlite")); }), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace dunlin::fleet
