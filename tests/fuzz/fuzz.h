// What the fuzz targets share: which outcomes of an input are findings.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace dunlin::fuzz {

inline ByteSpan bytes_of(const uint8_t* data, size_t size) { return std::as_bytes(std::span(data, size)); }

/// Calls f. Whatever the input, the answer is a result or an Error that is not kInternal; anything else ends the
/// process, which libFuzzer reports as a finding.
template <typename F>
void expect_answer(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInternal) return;
    std::fprintf(stderr, "finding: internal error: %s\n", e.what());
    std::abort();
  }
}

}  // namespace dunlin::fuzz
