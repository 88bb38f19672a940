#include "runtime/arena.h"

#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"

namespace dunlin {

namespace {

uint64_t padded(uint64_t n) { return (n + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

void check_end(uint64_t offset, uint64_t need) {
  if (need > UINT64_MAX / 2 || offset > UINT64_MAX / 2)
    fail(ErrorCode::kResourceExhausted, "a run needs more bytes than 64 bits can count");
}

/// Holes between blocks, found by place and by size.
class Holes {
 public:
  void add(uint64_t offset, uint64_t size) {
    const auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + size) {
      size += next->second;
      take(next);
    }
    const auto after = by_offset_.lower_bound(offset);
    if (after != by_offset_.begin())
      if (const auto before = std::prev(after); before->first + before->second == offset) {
        offset = before->first;
        size += before->second;
        take(before);
      }
    by_offset_.emplace(offset, size);
    by_size_.emplace(size, offset);
  }
  /// Part of the smallest hole that is large enough.
  std::optional<uint64_t> fill(uint64_t size) {
    const auto it = by_size_.lower_bound({size, 0});
    if (it == by_size_.end()) return std::nullopt;
    const auto [whole, offset] = *it;
    take(by_offset_.find(offset));
    if (whole > size) add(offset + size, whole - size);
    return offset;
  }
  /// Where the hole that ends at `end` begins; `end` when there is none. It is a hole no longer.
  uint64_t open(uint64_t end) {
    if (by_offset_.empty()) return end;
    const auto last = std::prev(by_offset_.end());
    if (last->first + last->second != end) return end;
    const uint64_t offset = last->first;
    take(last);
    return offset;
  }

 private:
  void take(std::map<uint64_t, uint64_t>::iterator it) {
    by_size_.erase({it->second, it->first});
    by_offset_.erase(it);
  }
  std::map<uint64_t, uint64_t> by_offset_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;
};

/// In the order of time, each into the smallest hole then there. Takes somewhat more memory than largest first, and n
/// log n instead of n^2: for graphs so large that the square would be minutes.
uint64_t assign_in_time(std::span<ArenaBlock> blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].first < blocks[b].first; });
  std::multimap<int, size_t> alive;  // by last step
  Holes holes;
  uint64_t total = 0;
  for (size_t i : order) {
    ArenaBlock& block = blocks[i];
    while (!alive.empty() && alive.begin()->first < block.first) {
      const ArenaBlock& gone = blocks[alive.begin()->second];
      holes.add(gone.offset, padded(gone.bytes));
      alive.erase(alive.begin());
    }
    const uint64_t need = padded(block.bytes);
    if (need == 0) continue;
    const auto hole = holes.fill(need);
    block.offset = hole ? *hole : holes.open(total);
    check_end(block.offset, need);
    total = std::max(total, block.offset + need);
    alive.emplace(block.last, i);
  }
  return total;
}

}  // namespace

uint64_t assign_offsets(std::span<ArenaBlock> blocks) {
  constexpr size_t kMany = 1 << 14;
  if (blocks.size() > kMany) return assign_in_time(blocks);
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
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
    check_end(block.offset, need);
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
