#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/error.h"

namespace dunlin {

namespace {

#if defined(__x86_64__)
/// Clang's __builtin_cpu_supports does not know it.
bool has_f16c() {
  constexpr unsigned kF16c = 1u << 29;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & kF16c) != 0;
}
#endif

std::vector<Isa> detect() {
  std::vector<Isa> isas{Isa::kScalar};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  if (avx2) isas.push_back(Isa::kAvx2);
  if (avx512) isas.push_back(Isa::kAvx512);
  if (avx512 && __builtin_cpu_supports("avx512bf16")) isas.push_back(Isa::kAvx512Bf16);
#elif defined(__aarch64__)
  isas.push_back(Isa::kNeon);
  constexpr unsigned long kAsimdDp = 1ul << 20, kBf16InHwcap2 = 1ul << 14;
  if ((getauxval(AT_HWCAP) & kAsimdDp) && (getauxval(AT_HWCAP2) & kBf16InHwcap2))
    isas.push_back(Isa::kNeonDot);
#endif
  return isas;
}
}  // namespace

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
    case Isa::kNeon:
      return "neon";
    case Isa::kNeonDot:
      return "neon_dot";
  }
  return "scalar";
}

std::span<const Isa> available_isas() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

Isa best_isa() { return available_isas().back(); }

Isa isa_from_string(std::string_view name) {
  std::string known;
  for (Isa isa : available_isas()) {
    if (to_string(isa) == name) return isa;
    known += (known.empty() ? "" : ", ") + std::string(to_string(isa));
  }
  fail(ErrorCode::kInvalidArgument, "this machine has no ISA level \"{}\"; it has: {}", name, known);
}

int default_num_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

uint64_t usable_memory_bytes() {
  static const uint64_t bytes = [] {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t usable = pages > 0 && page > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page)
                                            : uint64_t{1} << 32;
    std::ifstream group("/sys/fs/cgroup/memory.max");  // "max" where there is no limit
    if (uint64_t limit = 0; group >> limit && limit > 0) usable = std::min(usable, limit);
    return usable;
  }();
  return bytes;
}

}  // namespace dunlin
