// dunlin::Error over gRPC: what a handler throws arrives at the caller with the same code and text.
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "dunlin/error.h"

namespace dunlin::fleet {

/// kIo becomes UNAVAILABLE: the coordinator's full disk is a reason for a device to come back later.
grpc::Status to_status(const Error& error);
/// For a catch (...) at a handler's border. Faults of ours are logged and reach the peer without details.
grpc::Status status_of_current_exception();

/// Runs a handler's body and turns what it throws into a status.
template <typename Body>
grpc::Status answer(Body&& body) {
  try {
    body();
    return grpc::Status::OK;
  } catch (...) {
    return status_of_current_exception();
  }
}

/// Throws Error "what: message" unless the call succeeded. A coordinator that is gone, slow or shutting down
/// is kUnavailable.
void check_status(const grpc::Status& status, std::string_view what);

}  // namespace dunlin::fleet
