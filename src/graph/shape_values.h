// What is known of the integers that exporters compute shapes with (Shape -> Gather -> Concat -> Reshape) while the
// batch is still open: each is a number, or the size that a symbol of the graph stands for.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "graph/op.h"

namespace dunlin {

class ShapeValues {
 public:
  /// Follows `node`, whose inputs have these types and, where known, values.
  void visit(const Graph& graph, const Node& node, std::span<const Type> types,
             std::span<const Tensor* const> constants);
  /// Fills in what inference left open of the output of a Reshape, Expand, Resize or ConstantOfShape.
  void refine(const Graph& graph, const Node& node, std::span<const Type> types,
              std::span<const Tensor* const> constants, Type& out) const;
  /// Appends the value of `v`, of this type, when every one of its integers is a number; false otherwise.
  bool put_constant(ValueId v, const Type& type, std::vector<Tensor>& to) const;

 private:
  struct Entry {
    enum class Kind : uint8_t { kNumber, kSize, kUnknown } kind = Kind::kUnknown;
    int64_t value = 0;  ///< of a kSize: the dimension as a Shape has it, kUnknownDim or a symbol

    bool is(Kind k) const { return kind == k; }
    static Entry number(int64_t v) { return {Kind::kNumber, v}; }
    static Entry dim(int64_t d) { return {d >= 0 ? Kind::kNumber : Kind::kSize, d}; }
  };
  using Entries = std::vector<Entry>;  ///< of a scalar or a vector

  std::optional<Entries> of(const Graph& graph, const Node& node, size_t input,
                            std::span<const Tensor* const> constants) const;
  std::optional<Entries> compute(const Graph& graph, const Node& node, std::span<const Type> types,
                                 std::span<const Tensor* const> constants) const;
  static Entry combine(std::string_view op, const Entry& a, const Entry& b);

  std::map<ValueId, Entries> known_;
};

}  // namespace dunlin
