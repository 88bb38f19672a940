// Chooses, at run time, between the same kernels compiled once per instruction-set level.
//
// A kernel family `foo` has three files:
//   foo.h         its functions: dims, thread pool and Isa as arguments; foo.cc splits work between threads
//   foo_simd.h    struct FooTable of plain function pointers, and DUNLIN_SIMD_TABLE(FooTable, foo_table)
//   foo_simd.cc   vector code in namespace dunlin::HWY_NAMESPACE, ending in `constexpr FooTable foo_table{...};`
// foo_simd.cc stands in SIMD_SOURCES in CMakeLists.txt and is compiled once per level with that level's
// flags; every function in it must lie in HWY_NAMESPACE, so that the linker never mixes code of two levels.
//
// Kernels that compute in bf16 have a level more on x86, AVX-512 BF16: DUNLIN_SIMD_TABLE_BF16 and, in CMakeLists.txt,
// SIMD_BF16_SOURCES beside SIMD_SOURCES.
#pragma once

#include "base/cpu.h"

#if defined(__x86_64__) && !defined(DUNLIN_SCALAR_ONLY)
#define DUNLIN_SIMD_TABLE_WITH(Table, name, bf16_level) \
  namespace N_SCALAR {                                  \
  extern const Table name;                              \
  }                                                     \
  namespace N_AVX2 {                                    \
  extern const Table name;                              \
  }                                                     \
  namespace N_AVX3 {                                    \
  extern const Table name;                              \
  }                                                     \
  namespace bf16_level {                                \
  extern const Table name;                              \
  }                                                     \
  inline const Table& name##_of(Isa isa) {              \
    switch (isa) {                                      \
      case Isa::kAvx512:                                \
        return N_AVX3::name;                            \
      case Isa::kAvx512Bf16:                            \
        return bf16_level::name;                        \
      case Isa::kAvx2:                                  \
        return N_AVX2::name;                            \
      default:                                          \
        return N_SCALAR::name;                          \
    }                                                   \
  }
#define DUNLIN_SIMD_TABLE(Table, name) DUNLIN_SIMD_TABLE_WITH(Table, name, N_AVX3)
#define DUNLIN_SIMD_TABLE_BF16(Table, name) DUNLIN_SIMD_TABLE_WITH(Table, name, N_AVX3_BF16)
#elif defined(__aarch64__) && !defined(DUNLIN_SCALAR_ONLY)
#define DUNLIN_SIMD_TABLE(Table, name)                                                \
  namespace N_SCALAR {                                                                \
  extern const Table name;                                                            \
  }                                                                                   \
  namespace N_NEON {                                                                  \
  extern const Table name;                                                            \
  }                                                                                   \
  inline const Table& name##_of(Isa isa) {                                            \
    return isa == Isa::kNeon || isa == Isa::kNeonDot ? N_NEON::name : N_SCALAR::name; \
  }
#else
#define DUNLIN_SIMD_TABLE(Table, name) \
  namespace N_SCALAR {                 \
  extern const Table name;             \
  }                                    \
  inline const Table& name##_of(Isa) { return N_SCALAR::name; }
#endif

#ifndef DUNLIN_SIMD_TABLE_BF16
#define DUNLIN_SIMD_TABLE_BF16(Table, name) DUNLIN_SIMD_TABLE(Table, name)
#endif
