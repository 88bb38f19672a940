#include "graph/architectures/architecture.h"

#include "base/error.h"

namespace dunlin {

namespace architectures {
#define ARCHITECTURE(name) extern const Architecture k##name;
#include "graph/architectures/catalog.def"
#undef ARCHITECTURE
}  // namespace architectures

namespace {
constexpr const Architecture* kAll[] = {
#define ARCHITECTURE(name) &architectures::k##name,
#include "graph/architectures/catalog.def"
#undef ARCHITECTURE
};
}  // namespace

std::span<const Architecture* const> all_architectures() { return kAll; }

const Architecture& find_architecture(std::string_view name) {
  std::string known;
  for (const Architecture* a : kAll) {
    if (a->name == name) return *a;
    known += (known.empty() ? "" : ", ") + std::string(a->name);
  }
  fail(ErrorCode::kNotFound, "no architecture \"{}\"; there are: {}", name, known);
}

}  // namespace dunlin
