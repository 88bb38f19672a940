#include "kernels/layout/copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {

constexpr size_t kTile = 16;  // elements; a tile's rows are whole cache lines of floats

struct Axis {
  size_t size;
  ptrdiff_t from, to;
};

/// The two innermost axes of the nest, outer first.
struct Plane {
  Axis rows, columns;
};

/// destination[i][k] = source[k * stride + i]
template <size_t kCount, typename T>
void interleave(size_t n, const T* source, ptrdiff_t stride, T* destination) {
  for (size_t i = 0; i < n; ++i, destination += kCount) {
    for (size_t k = 0; k < kCount; ++k)
      destination[k] = source[static_cast<ptrdiff_t>(k) * stride + static_cast<ptrdiff_t>(i)];
  }
}

/// Tiles keep both the lines read and the lines written in the first-level cache.
template <typename T>
void copy_plane(const Plane& p, const T* source, T* destination) {
  if (p.columns.from == 1 && p.columns.to == 1) {
    for (size_t i = 0; i < p.rows.size; ++i, source += p.rows.from, destination += p.rows.to) {
      std::memcpy(destination, source, p.columns.size * sizeof(T));
    }
    return;
  }
  const auto few = static_cast<ptrdiff_t>(p.columns.size);
  if (p.columns.to == 1 && p.rows.from == 1 && p.rows.to == few && few <= 4) {  // the channels of a picture
    if (few == 2) return interleave<2>(p.rows.size, source, p.columns.from, destination);
    if (few == 3) return interleave<3>(p.rows.size, source, p.columns.from, destination);
    if (few == 4) return interleave<4>(p.rows.size, source, p.columns.from, destination);
  }
  const auto copy_tile = [&](size_t i0, size_t i1, size_t j0, size_t j1) {
    for (size_t i = i0; i < i1; ++i) {
      const T* from = source + static_cast<ptrdiff_t>(i) * p.rows.from;
      T* to = destination + static_cast<ptrdiff_t>(i) * p.rows.to;
      for (size_t j = j0; j < j1; ++j) {
        to[static_cast<ptrdiff_t>(j) * p.columns.to] = from[static_cast<ptrdiff_t>(j) * p.columns.from];
      }
    }
  };
  for (size_t i = 0; i < p.rows.size; i += kTile) {
    for (size_t j = 0; j < p.columns.size; j += kTile) {
      copy_tile(i, std::min(p.rows.size, i + kTile), j, std::min(p.columns.size, j + kTile));
    }
  }
}

/// Axes of more than one element, joined where both sides walk on evenly, ordered so that the destination is
/// written forwards; the axis on which the source is dense comes second to last, so that a plane is a
/// transposition.
size_t arrange(const CopyDims& d, std::array<Axis, CopyDims::kMaxRank>& axes) {
  size_t rank = 0;
  for (size_t i = 0; i < d.rank; ++i) {
    if (d.dims[i] != 1) axes[rank++] = {d.dims[i], d.source_strides[i], d.destination_strides[i]};
  }
  const auto begin = axes.begin(), end = axes.begin() + static_cast<ptrdiff_t>(rank);
  std::stable_sort(begin, end, [](const Axis& a, const Axis& b) { return std::abs(a.to) > std::abs(b.to); });
  size_t joined = 0;
  for (size_t i = 0; i < rank; ++i) {
    const auto size = static_cast<ptrdiff_t>(axes[i].size);
    if (joined > 0 && axes[joined - 1].from == axes[i].from * size &&
        axes[joined - 1].to == axes[i].to * size) {
      axes[joined - 1] = {axes[joined - 1].size * axes[i].size, axes[i].from, axes[i].to};
    } else {
      axes[joined++] = axes[i];
    }
  }
  if (joined >= 2 && axes[joined - 1].from != 1) {
    const auto last = axes.begin() + static_cast<ptrdiff_t>(joined) - 1;
    const auto dense = std::find_if(axes.begin(), last, [](const Axis& a) { return a.from == 1; });
    if (dense != last) std::rotate(dense, dense + 1, last);
  }
  return joined;
}

template <typename T>
void copy_elements(ThreadPool& pool, const CopyDims& d, const T* source, T* destination) {
  std::array<Axis, CopyDims::kMaxRank> axes{};
  const size_t rank = arrange(d, axes);
  const Axis one{1, 0, 0};
  const Axis columns = rank > 0 ? axes[rank - 1] : one, rows = rank > 1 ? axes[rank - 2] : one;
  size_t planes = 1;
  for (size_t i = 0; i + 2 < rank; ++i) planes *= axes[i].size;
  // A piece is some rows of one plane.
  const size_t wanted = std::max<size_t>(1, kMinElementsPerThread / std::max<size_t>(1, columns.size));
  const size_t step = std::min(rows.size, (wanted + kTile - 1) / kTile * kTile);
  const size_t pieces = (rows.size + step - 1) / step;
  const auto run = [&](size_t plane, size_t piece) {
    const T* from = source;
    T* to = destination;
    for (size_t axis = rank > 2 ? rank - 2 : 0, rest = plane; axis-- > 0; rest /= axes[axis].size) {
      const auto index = static_cast<ptrdiff_t>(rest % axes[axis].size);
      from += index * axes[axis].from;
      to += index * axes[axis].to;
    }
    const size_t first = piece * step;
    const Plane part{{std::min(step, rows.size - first), rows.from, rows.to}, columns};
    copy_plane(part, from + static_cast<ptrdiff_t>(first) * rows.from,
               to + static_cast<ptrdiff_t>(first) * rows.to);
  };
  // Several small planes make one task.
  const size_t work = std::min(step, rows.size) * columns.size;
  const size_t batch = std::max<size_t>(1, kMinElementsPerThread / std::max<size_t>(1, work));
  const size_t all = planes * pieces;
  pool.parallel_for((all + batch - 1) / batch, [&](size_t task, int) {
    for (size_t i = task * batch; i < std::min(all, (task + 1) * batch); ++i) run(i / pieces, i % pieces);
  });
}

}  // namespace

CopyDims CopyDims::transpose(std::span<const size_t> shape, std::span<const size_t> permutation) {
  CopyDims d;
  d.rank = shape.size();
  if (d.rank > kMaxRank)
    fail(ErrorCode::kInvalidArgument, "transpose: {} axes, at most {} expected", d.rank, kMaxRank);
  if (permutation.size() != d.rank) {
    fail(ErrorCode::kInvalidArgument, "transpose: {} axes but a permutation of {}", d.rank,
         permutation.size());
  }
  std::array<ptrdiff_t, kMaxRank> strides{};
  ptrdiff_t stride = 1;
  for (size_t i = d.rank; i-- > 0; stride *= static_cast<ptrdiff_t>(shape[i])) strides[i] = stride;
  stride = 1;
  for (size_t i = d.rank; i-- > 0;) {
    const size_t axis = permutation[i];
    if (axis >= d.rank) fail(ErrorCode::kInvalidArgument, "transpose: axis {} of {}", axis, d.rank);
    d.dims[i] = shape[axis];
    d.source_strides[i] = strides[axis];
    d.destination_strides[i] = stride;
    stride *= static_cast<ptrdiff_t>(d.dims[i]);
  }
  return d;
}

void copy_strided(ThreadPool& pool, const CopyDims& d, size_t element_bytes, const void* source,
                  void* destination) {
  for (size_t i = 0; i < d.rank; ++i) {
    if (d.dims[i] == 0) return;
  }
  const auto run = [&]<typename T>(T) {
    copy_elements(pool, d, static_cast<const T*>(source), static_cast<T*>(destination));
  };
  switch (element_bytes) {
    case 1:
      return run(uint8_t{});
    case 2:
      return run(uint16_t{});
    case 4:
      return run(uint32_t{});
    case 8:
      return run(uint64_t{});
    default:
      fail(ErrorCode::kInvalidArgument, "copy: elements of {} bytes, 1, 2, 4 or 8 expected", element_bytes);
  }
}

}  // namespace dunlin
