// Float vectors by name, in a fixed order: a model's initialisers, a strategy's state, an update.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace dunlin::fleet {

/// What an initialiser is to learning: a statistic (BatchNorm's running mean and variance) is measured, not
/// trained.
enum class Role : uint8_t { kParameter = 0, kStatistic = 1 };

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;  // empty: a scalar
  Role role = Role::kParameter;
  std::vector<float> values;  // row-major

  bool operator==(const NamedTensor&) const = default;
};

/// The number of elements; throws kInvalidArgument when an extent is negative or the product is absurd.
size_t num_elements(const std::vector<int64_t>& shape, std::string_view name);
std::string shape_text(const std::vector<int64_t>& shape);  // "[8,64]"

class NamedTensors {
 public:
  NamedTensors() = default;
  explicit NamedTensors(std::vector<NamedTensor> tensors);

  /// Throws kInvalidArgument when the name is taken or the values do not fill the shape.
  void add(NamedTensor tensor);
  const NamedTensor* find(std::string_view name) const;
  /// Throws kNotFound.
  const NamedTensor& at(std::string_view name) const;
  NamedTensor& at(std::string_view name);

  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }
  size_t size() const { return tensors_.size(); }
  bool empty() const { return tensors_.empty(); }
  size_t num_values() const;

  /// this + other for every tensor that `other` has; the rest stays. Throws kInvalidArgument on a foreign
  /// name or shape.
  NamedTensors plus(const NamedTensors& other) const;
  /// this - other, in this order; both must hold the same names and shapes.
  NamedTensors minus(const NamedTensors& other) const;
  /// Those of the given names, in this order.
  NamedTensors only(const std::vector<std::string>& names) const;

  /// A header and raw values (wire/fleet.proto, TensorsHeader); equal tensors give equal bytes.
  Bytes serialise() const;
  /// Throws kCorrupt.
  static NamedTensors parse(ByteSpan bytes);

  bool operator==(const NamedTensors&) const = default;

 private:
  std::vector<NamedTensor> tensors_;
};

/// A model as strategies see it: its float initialisers, and the artefact (an ONNX file) they were read from.
struct Model {
  NamedTensors tensors;
  std::string sha256;  // hex; empty for one that is not an artefact yet

  /// The tensors that `delta` has move by it; the result is not an artefact yet.
  Model plus(const NamedTensors& delta) const { return {tensors.plus(delta), {}}; }
};

/// Reads and writes a model file's float initialisers; handed in by whoever knows the format (ONNX). Thread
/// safe.
class ModelCodec {
 public:
  virtual ~ModelCodec() = default;
  /// Trainable parameters and BatchNorm statistics in the file's order.
  virtual NamedTensors read(ByteSpan artefact) = 0;
  /// `artefact` with these values; what is not named stays. Equal input gives equal bytes.
  virtual Bytes write(ByteSpan artefact, const NamedTensors& tensors) = 0;
};

}  // namespace dunlin::fleet
