/// The one exception type of Dunlin.
///
/// Example:
///   try {
///     throw dunlin::Error(dunlin::ErrorCode::kNotFound, "model.onnx: there is no such file");
///   } catch (const dunlin::Error& e) {
///     bool later = e.code() == dunlin::ErrorCode::kUnavailable;  // worth another try
///     std::string_view word = dunlin::to_string(e.code());       // "not_found"
///   }
///
/// The message names the operation, the node or file concerned, and expected against got, as in
/// `Gemm "fc1": A is [8,64], B is [32,10]: inner sizes differ`. Errors are thrown where they are found and
/// caught at the border of a process or of another language.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace dunlin {

enum class ErrorCode {
  kInvalidArgument,     ///< the caller's value, shape, type or option is wrong
  kNotFound,            ///< a file, value or record does not exist
  kUnsupported,         ///< well-formed, but outside what Dunlin does
  kCorrupt,             ///< a file or message contradicts its own format
  kIo,                  ///< the operating system refused a read or write (a full disk included)
  kUnavailable,         ///< a peer cannot be reached now; trying later may work
  kPermissionDenied,    ///< identity, token or certificate refused
  kFailedPrecondition,  ///< the state does not allow it (a round that is over, a directory already set up)
  kResourceExhausted,   ///< a stated limit is reached
  kCancelled,           ///< the user or the caller stopped it
  kInternal,            ///< a fault of ours
};

/// "invalid_argument", "not_found", ...: the spelling in JSON and logs.
std::string_view to_string(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace dunlin
