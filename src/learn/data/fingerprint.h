// Tells whether data are still those that a training began on.
#pragma once

#include <string>

#include "learn/data/dataset.h"

namespace dunlin {

/// A hash, in hexadecimal, of the number of samples, the names of the classes, every sample's class and group,
/// and the values of up to 256 samples spread over all of them: large data are not read as a whole. Where the
/// files lie does not count. Throws what the data's reader throws.
std::string data_fingerprint(const Dataset& data);

}  // namespace dunlin
