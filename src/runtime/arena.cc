#include "runtime/arena.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"

namespace dunlin {

uint64_t assign_offsets(std::span<ArenaBlock> blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  const auto padded = [](uint64_t n) {
    return (n + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  };
  std::vector<const ArenaBlock*> placed;  // by offset
  uint64_t total = 0;
  for (size_t i : order) {
    ArenaBlock& block = blocks[i];
    const uint64_t need = padded(block.bytes);
    uint64_t end = 0, best = UINT64_MAX, best_gap = UINT64_MAX;
    for (const ArenaBlock* other : placed) {
      if (other->last < block.first || other->first > block.last) continue;
      if (other->offset >= end && other->offset - end >= need && other->offset - end < best_gap) {
        best = end;
        best_gap = other->offset - end;
      }
      end = std::max(end, other->offset + padded(other->bytes));
    }
    block.offset = best == UINT64_MAX ? end : best;
    if (need > UINT64_MAX / 2 || block.offset > UINT64_MAX / 2)
      fail(ErrorCode::kResourceExhausted, "a run needs more bytes than 64 bits can count");
    total = std::max(total, block.offset + need);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &block,
                                   [](auto* a, auto* b) { return a->offset < b->offset; }),
                  &block);
  }
  return total;
}

void ArenaMemory::Free::operator()(std::byte* p) const {
  ::operator delete(p, std::align_val_t(kArenaAlignment));
}

std::byte* ArenaMemory::reserve(uint64_t bytes) {
  if (bytes > bytes_ || !memory_) {
    memory_.reset();
    if (bytes <= usable_memory_bytes())
      memory_.reset(static_cast<std::byte*>(
          ::operator new(std::max<uint64_t>(bytes, 1), std::align_val_t(kArenaAlignment), std::nothrow)));
    bytes_ = memory_ ? bytes : 0;
    if (!memory_) fail(ErrorCode::kResourceExhausted, "cannot allocate {} bytes for a run", bytes);
  }
  return memory_.get();
}

}  // namespace dunlin
