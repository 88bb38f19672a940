// What the machine can do, found once at run time: one binary serves every machine of an architecture.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace dunlin {

/// Instruction-set levels that kernels are compiled for, weakest first within an architecture.
enum class Isa {
  kScalar,
  kAvx2,        ///< AVX2 + FMA + F16C + BMI2
  kAvx512,      ///< AVX-512 F/BW/CD/DQ/VL + VNNI
  kAvx512Bf16,  ///< kAvx512 + BF16
  kNeon,
  kNeonDot,  ///< NEON + dot product + bf16
};

std::string_view to_string(Isa isa);

/// "scalar", "avx2", ...; throws kInvalidArgument naming the levels this machine has.
Isa isa_from_string(std::string_view name);

/// The levels this machine has, weakest first; kScalar is always there.
std::span<const Isa> available_isas();

/// The strongest level this machine has.
Isa best_isa();

/// Threads that pay on this machine: the processors this process may use.
int default_num_threads();

/// Memory that this process may use: the machine's, or its control group's limit where that is smaller.
uint64_t usable_memory_bytes();

}  // namespace dunlin
