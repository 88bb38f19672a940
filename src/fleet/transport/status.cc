#include "fleet/transport/status.h"

#include "base/error.h"
#include "base/log.h"

namespace dunlin::fleet {

namespace {

grpc::StatusCode to_grpc(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kUnsupported:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kCorrupt:
      return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kIo:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

ErrorCode from_grpc(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return ErrorCode::kInvalidArgument;
    case grpc::StatusCode::NOT_FOUND:
      return ErrorCode::kNotFound;
    case grpc::StatusCode::UNIMPLEMENTED:
      return ErrorCode::kUnsupported;
    case grpc::StatusCode::DATA_LOSS:
      return ErrorCode::kCorrupt;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ErrorCode::kPermissionDenied;
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ALREADY_EXISTS:
      return ErrorCode::kFailedPrecondition;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return ErrorCode::kResourceExhausted;
    // A server that shuts down cancels what is under way; whoever cancels a call himself knows it.
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNAVAILABLE:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

grpc::Status to_status(const Error& error) { return {to_grpc(error.code()), error.what()}; }

grpc::Status status_of_current_exception() {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInternal) return to_status(error);
    spdlog::error("answering a request: {}", error.what());
  } catch (const std::exception& error) {
    spdlog::error("answering a request: {}", error.what());
  }
  return {grpc::StatusCode::INTERNAL, "a fault of the coordinator; its log says more"};
}

void check_status(const grpc::Status& status, std::string_view what) {
  if (status.ok()) return;
  const std::string message = status.error_message();
  fail(from_grpc(status.error_code()), "{}: {}", what,
       message.empty() ? "refused without a reason" : message);
}

}  // namespace dunlin::fleet
