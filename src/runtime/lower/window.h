// Windows of a tensor as strided copies: what Concat, Slice, Pad and their gradients are made of.
#pragma once

#include "kernels/layout/copy.h"
#include "runtime/lower/lowering.h"

namespace dunlin::lower {

inline bool copyable(Format format) { return element_bytes(format) <= 8; }

/// One window of a copy: where it begins and how its axes lie on both sides.
struct Window {
  CopyDims dims;
  ptrdiff_t from = 0, to = 0;  ///< in elements
};

/// none: more axes than the kernel takes.
inline std::optional<Window> window(const Shape& shape, int64_t from, const Strides& from_strides, int64_t to,
                                    const Strides& to_strides) {
  if (shape.rank() > static_cast<int>(CopyDims::kMaxRank)) return std::nullopt;
  Window w;
  w.from = from;
  w.to = to;
  w.dims.rank = static_cast<size_t>(shape.rank());
  for (size_t d = 0; d < w.dims.rank; ++d) {
    w.dims.dims[d] = static_cast<size_t>(shape[static_cast<int>(d)]);
    w.dims.source_strides[d] = from_strides[d];
    w.dims.destination_strides[d] = to_strides[d];
  }
  return w;
}

/// Input `in` to output `out`.
inline void copy(const StepArgs& args, size_t in, size_t out, const Window& w) {
  const size_t bytes = static_cast<size_t>(element_bytes(args.in[in]->format()));
  copy_strided(args.pool, w.dims, bytes,
               args.in[in]->plane(Plane::kPayload).data() + w.from * static_cast<ptrdiff_t>(bytes),
               args.out[out]->plane(Plane::kPayload).data() + w.to * static_cast<ptrdiff_t>(bytes));
}

}  // namespace dunlin::lower
