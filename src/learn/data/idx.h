// IDX files as MNIST's authors define them (yann.lecun.com/exdb/mnist): big-endian magic 0x00 0x00 TYPE RANK,
// RANK 32-bit sizes, then the elements, the last index changing fastest. Plain or gzipped.
#pragma once

#include <optional>

#include "base/file_system.h"
#include "learn/data/dataset.h"

namespace dunlin {

struct IdxPair {
  std::string images, labels;  ///< paths
};

struct IdxParts {
  std::optional<IdxPair> train, test;
};

/// Finds train-images/train-labels and t10k-images/t10k-labels (test- works too; a lone images/labels pair is
/// the training part). Neither when the folder holds no IDX files. Throws kNotFound when images have no
/// labels.
IdxParts find_idx(FileSystem& files, const std::string& folder);

/// Plain files are read sample by sample; of gzipped ones the samples that `keep` wants are held, as the
/// bytes they are. Images: u8 [N,H,W] or [N,H,W,C], or f32 of any shape; labels: u8 or i32 [N].
DatasetPtr open_idx(FileSystem& files, const IdxPair& pair, const Selection& keep = {});

/// Writes a u8 tensor as an IDX file; the opposite of reading, for handing a share to another process.
void write_idx(FileSystem& files, const std::string& path, const Tensor& tensor);

}  // namespace dunlin
