// TensorProto <-> Tensor: raw and typed fields, external data.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "dunlin/run_value.h"
#include "graph/ir.h"

namespace dunlin::onnx {

class TensorProto;

/// "FLOAT", "STRING", "FLOAT8E4M3FN": the standard's name of an element type; "type 99" for one it does not
/// have.
std::string element_type_name(int onnx_type);
/// Throws kUnsupported, naming `what`, for element types without a format of ours.
Format format_of_element_type(int onnx_type, const std::string& what);

/// Files with external data below one folder, each mapped once.
class ExternalFiles {
 public:
  /// Without a folder (a model that came as bytes) external data is refused.
  explicit ExternalFiles(std::optional<std::string> folder) : folder_(std::move(folder)) {}
  /// Throws kPermissionDenied for names that leave the folder.
  std::shared_ptr<const MappedFile> open(const std::string& location, const std::string& what);

 private:
  std::optional<std::string> folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

struct TensorLimits {
  int max_rank = 32;
  uint64_t max_bytes = uint64_t{64} << 30;  ///< of all tensors of a model together
  uint64_t max_model_bytes = UINT64_MAX;    ///< of the model in memory
  uint64_t model_bytes = 0;                 ///< of them, what it takes without external data
};

class TensorReader {
 public:
  TensorReader(ExternalFiles files, const TensorLimits& limits) : files_(std::move(files)), limits_(limits) {}
  /// The tensor; it takes the proto's bytes with it where it can. `what` names it in errors:
  /// `initializer "conv1.weight"`.
  TensorPtr read(TensorProto& proto, const std::string& what);
  /// Read so far, by file.
  const std::map<std::string, uint64_t>& external_bytes() const { return external_bytes_; }

 private:
  Tensor read_raw(std::string bytes, Format format, const Shape& shape, uint64_t expected,
                  const std::string& what);
  Tensor read_external(const TensorProto& proto, Format format, const Shape& shape, uint64_t expected,
                       const std::string& what);

  ExternalFiles files_;
  TensorLimits limits_;
  uint64_t total_bytes_ = 0;
  std::map<std::string, uint64_t> external_bytes_;
};

/// The bytes of a row-major plain tensor as files have them: two codes of 4 bits in a byte, the first in the lower half.
Bytes packed_codes(const Tensor& tensor);
/// How many bytes a plain format's elements take in a file.
uint64_t bytes_in_file(Format format, uint64_t num_elements);

/// Where the bytes of an exported tensor lie, when they are not in the model file.
struct ExternalPlace {
  std::string location;
  uint64_t offset = 0;
};
/// Fills `proto`: the bytes as raw_data, or their place. Formats of several planes are refused by name.
void write_tensor(const Tensor& tensor, const std::string& name, const ExternalPlace* place,
                  TensorProto& proto);

/// A file that holds one TensorProto, as ONNX's test data do.
Tensor load_tensor_file(const std::string& path);
void save_tensor_file(const Tensor& tensor, const std::string& name, const std::string& path);
/// The same for a value of any type: a SequenceProto or an OptionalProto where the type is one.
RunValue load_value_file(const std::string& path, const Type& type);

}  // namespace dunlin::onnx
