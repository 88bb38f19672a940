// Where intermediate values rest: blocks that are never alive together share memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace dunlin {

inline constexpr uint64_t kArenaAlignment = 64;

/// Bytes needed from step `first` to step `last`, both included.
struct ArenaBlock {
  uint64_t bytes = 0;
  int first = 0, last = 0;
  uint64_t offset = 0;  ///< set by assign_offsets, a multiple of kArenaAlignment
};

/// Chooses offsets so that blocks alive at the same step do not overlap; largest first, each into the
/// smallest gap that holds it; of very many blocks, first come first. Returns the bytes of the whole arena.
uint64_t assign_offsets(std::span<ArenaBlock> blocks);

/// Aligned memory that grows and is not cleared.
class ArenaMemory {
 public:
  /// At least `bytes`; what was there may move, and its contents are lost then.
  std::byte* reserve(uint64_t bytes);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  uint64_t bytes_ = 0;
};

}  // namespace dunlin
