// Binary cross-entropy from logits, which nll uses behind a Sigmoid too.
#pragma once

#include "learn/losses/loss.h"

namespace dunlin::losses {

ValueId append_bce(LossBuilder& b, ValueId logits);

}  // namespace dunlin::losses
