// Where uploads lie until they are folded. Whoever receives the chunks writes here; the coordinator reads and
// discards.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "fleet/store/store.h"

namespace dunlin::fleet {

struct ReceivedUpdate {
  Bytes bytes;
  Sha256 sha256;  // checked when it came in
};

/// Called from several threads at once.
class UpdateInbox {
 public:
  virtual ~UpdateInbox() = default;
  /// The whole upload of a task, durable. Throws kNotFound while any of it is missing, kResourceExhausted
  /// when it is larger than `max_bytes`.
  virtual ReceivedUpdate read(const TaskRow& task, uint64_t max_bytes) = 0;
  /// Whether the upload that was read is still there; if so nothing replaces it until discard(). To be asked
  /// before it counts.
  virtual bool seal(const TaskRow& task, const Sha256& sha256) = 0;
  /// Forgets it, complete or not.
  virtual void discard(const TaskRow& task) = 0;
  /// Forgets all but those of these tasks. Before anybody sends.
  virtual void keep_only(const std::vector<TaskRow>& tasks) = 0;
};

}  // namespace dunlin::fleet
