#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace dunlin {
namespace {

TEST(Arena, BlocksAliveTogetherNeverOverlapAndOthersShare) {
  std::mt19937 rng(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaBlock> blocks(1 + rng() % 40);
    uint64_t sum = 0;
    for (ArenaBlock& b : blocks) {
      b.bytes = rng() % 5000;
      b.first = static_cast<int>(rng() % 30);
      b.last = b.first + static_cast<int>(rng() % 6);
      sum += b.bytes + kArenaAlignment;
    }
    const uint64_t total = assign_offsets(blocks);
    EXPECT_LE(total, sum);
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(blocks[i].offset % kArenaAlignment, 0u);
      EXPECT_LE(blocks[i].offset + blocks[i].bytes, total);
      for (size_t j = 0; j < i; ++j) {
        const bool together = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
        const bool overlap = blocks[i].offset < blocks[j].offset + blocks[j].bytes &&
                             blocks[j].offset < blocks[i].offset + blocks[i].bytes;
        EXPECT_FALSE(together && overlap) << i << " and " << j;
      }
    }
  }
}

TEST(Arena, AChainNeedsTwoBlocksOnly) {
  std::vector<ArenaBlock> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back({1024, i, i + 1, 0});
  EXPECT_EQ(assign_offsets(blocks), 2048u);
}

TEST(Arena, VeryManyBlocksNeverOverlapEither) {
  std::mt19937 rng(2);
  constexpr int kBlocks = 20000, kLongest = 40;
  std::vector<ArenaBlock> blocks(kBlocks);
  std::vector<uint64_t> alive_bytes(kBlocks + kLongest, 0);
  for (int i = 0; i < kBlocks; ++i) {
    ArenaBlock& b = blocks[static_cast<size_t>(i)];
    b = {rng() % 3 == 0 ? 0 : rng() % 5000, i, i + static_cast<int>(rng() % kLongest), 0};
    for (int step = b.first; step <= b.last; ++step) alive_bytes[static_cast<size_t>(step)] += b.bytes;
  }
  const uint64_t total = assign_offsets(blocks);
  EXPECT_LE(total, 2 * *std::max_element(alive_bytes.begin(), alive_bytes.end()));
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i].offset % kArenaAlignment, 0u);
    EXPECT_LE(blocks[i].offset + blocks[i].bytes, total);
    for (size_t j = i > kLongest ? i - kLongest : 0; j < i; ++j) {
      const bool overlap = blocks[i].offset < blocks[j].offset + blocks[j].bytes &&
                           blocks[j].offset < blocks[i].offset + blocks[i].bytes;
      EXPECT_FALSE(overlap && blocks[i].first <= blocks[j].last) << i << " and " << j;
    }
  }
}

}  // namespace
}  // namespace dunlin
