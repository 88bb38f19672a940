#include "learn/data/idx.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "learn/data/gzip.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

enum class IdxType : uint8_t { kU8 = 0x08, kI32 = 0x0C, kF32 = 0x0D };

constexpr int kMaxRank = 4;
constexpr size_t kHeadBytes = 4 + 4 * kMaxRank;

uint32_t load_be32(const std::byte* p) { return __builtin_bswap32(load_le<uint32_t>(p)); }

struct Header {
  IdxType type;
  Shape shape;
  size_t bytes;          // of the header
  size_t element_bytes;  // of one element
};

Header parse_header(ByteSpan head, const std::string& path) {
  if (head.size() < 4)
    fail(ErrorCode::kCorrupt, "{}: IDX: {} bytes, shorter than a header", path, head.size());
  const auto byte = [&](size_t i) { return std::to_integer<int>(head[i]); };
  if (byte(0) != 0 || byte(1) != 0)
    fail(ErrorCode::kCorrupt, "{}: IDX: starts with {:02x} {:02x}, 00 00 is expected", path, byte(0),
         byte(1));
  Header h{static_cast<IdxType>(byte(2)), {}, 0, 0};
  if (h.type != IdxType::kU8 && h.type != IdxType::kI32 && h.type != IdxType::kF32)
    fail(ErrorCode::kUnsupported,
         "{}: IDX: element type 0x{:02x}; 0x08 (u8), 0x0c (i32) and 0x0d (f32) are supported", path, byte(2));
  h.element_bytes = h.type == IdxType::kU8 ? 1 : 4;
  const int rank = byte(3);
  if (rank < 1 || rank > kMaxRank)
    fail(ErrorCode::kUnsupported, "{}: IDX: rank {}, 1 to {} is supported", path, rank, kMaxRank);
  h.bytes = 4 + 4 * static_cast<size_t>(rank);
  if (head.size() < h.bytes) fail(ErrorCode::kCorrupt, "{}: IDX: truncated within its header", path);
  for (int d = 0; d < rank; ++d) h.shape.push_back(load_be32(head.data() + 4 + 4 * d));
  try {
    static_cast<void>(h.shape.num_elements());
  } catch (const Error&) {
    fail(ErrorCode::kCorrupt, "{}: IDX: impossible shape {}", path, to_string(h.shape));
  }
  return h;
}

/// The elements of one file: on disk, or inflated and held.
class IdxFile {
 public:
  IdxFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {
    const auto total = [&](ByteSpan head) {
      header_ = parse_header(head, path_);
      return header_.bytes + static_cast<uint64_t>(header_.shape.num_elements()) * header_.element_bytes;
    };
    if (path_.ends_with(".gz")) {
      held_ = inflate_gzip(files_.read(path_), path_, kHeadBytes, total);
    } else {
      const uint64_t expected = total(files_.read_range(path_, 0, kHeadBytes)), size = files_.size(path_);
      if (size != expected)
        fail(ErrorCode::kCorrupt, "{}: IDX: {} bytes, its header {} asks for {}", path_, size,
             to_string(header_.shape), expected);
    }
  }

  const std::string& path() const { return path_; }
  const Header& header() const { return header_; }

  Bytes read(uint64_t element, uint64_t count) const {
    const uint64_t offset = header_.bytes + element * header_.element_bytes,
                   bytes = count * header_.element_bytes;
    if (!held_.empty()) {
      const auto at = held_.begin() + static_cast<std::ptrdiff_t>(offset);
      return Bytes(at, at + static_cast<std::ptrdiff_t>(bytes));
    }
    Bytes out = files_.read_range(path_, offset, bytes);
    if (out.size() != bytes) fail(ErrorCode::kCorrupt, "{}: IDX: truncated since it was opened", path_);
    return out;
  }

 private:
  FileSystem& files_;
  std::string path_;
  Header header_{};
  Bytes held_;
};

class IdxDataset final : public Dataset {
 public:
  IdxDataset(FileSystem& files, const IdxPair& pair) : images_(files, pair.images) {
    const Header& h = images_.header();
    if (h.shape.rank() < 2 || h.type == IdxType::kI32)
      fail(ErrorCode::kUnsupported, "{}: IDX: samples are u8 or f32 of rank 2 or more, this is rank {}",
           pair.images, h.shape.rank());
    is_image_ = h.type == IdxType::kU8 && h.shape.rank() >= 3;
    const int64_t channels = h.shape.rank() == 4 ? h.shape[3] : 1;
    if (is_image_ && channels != 1 && channels != 3)
      fail(ErrorCode::kUnsupported, "{}: IDX: {} channels; [N,H,W], [N,H,W,1] and [N,H,W,3] are supported",
           pair.images, channels);
    for (int d = 1; d < h.shape.rank(); ++d) sample_shape_.push_back(h.shape[d]);
    if (is_image_ && h.shape.rank() == 3) sample_shape_.push_back(1);
    read_labels(files, pair.labels);
  }

  size_t size() const override { return classes_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  bool classes_are_indices() const override { return true; }
  std::string where(size_t i) const override { return fmt::format("{} image {}", images_.path(), i); }

  Example example(size_t i) const override {
    if (i >= size()) fail(ErrorCode::kInvalidArgument, "{}: image {} of {}", images_.path(), i, size());
    const uint64_t count = static_cast<uint64_t>(sample_shape_.num_elements());
    const Bytes raw = images_.read(i * count, count);
    Example s;
    s.is_image = is_image_;
    if (is_image_) {
      s.input = Tensor(&formats::kU8, sample_shape_);
      std::copy(raw.begin(), raw.end(), s.input.plane(Plane::kPayload).begin());
      return s;
    }
    s.input = Tensor(&formats::kF32, sample_shape_);
    float* out = s.input.data<float>();
    for (size_t k = 0; k < count; ++k)
      out[k] = images_.header().type == IdxType::kU8 ? static_cast<float>(std::to_integer<int>(raw[k]))
                                                     : std::bit_cast<float>(load_be32(raw.data() + 4 * k));
    return s;
  }

 private:
  void read_labels(FileSystem& files, const std::string& path) {
    const IdxFile labels(files, path);
    const Header& h = labels.header();
    if (h.shape.rank() != 1 || h.type == IdxType::kF32)
      fail(ErrorCode::kUnsupported, "{}: IDX: labels are u8 or i32 of rank 1, this is rank {}", path,
           h.shape.rank());
    if (h.shape[0] != images_.header().shape[0])
      fail(ErrorCode::kCorrupt, "{}: {} labels for the {} images of {}", path, h.shape[0],
           images_.header().shape[0], images_.path());
    const size_t count = static_cast<size_t>(h.shape[0]);
    const Bytes raw = labels.read(0, count);
    classes_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const int32_t label = h.type == IdxType::kU8 ? std::to_integer<int32_t>(raw[i])
                                                   : static_cast<int32_t>(load_be32(raw.data() + 4 * i));
      if (label < 0) fail(ErrorCode::kCorrupt, "{} row {}: label {} is negative", path, i, label);
      classes_[i] = names_.add(std::to_string(label));
    }
    names_.finish(classes_);
  }

  IdxFile images_;
  bool is_image_ = false;
  Shape sample_shape_;
  std::vector<int> classes_;
  ClassIndex names_;
};

/// "train-images-idx3-ubyte.gz" -> "train-labels-idx1-ubyte" with or without .gz, whichever is there.
std::string labels_for(const std::vector<std::string>& names, std::string images, const std::string& folder) {
  images.replace(images.find("images"), 6, "labels");
  if (images.ends_with(".gz")) images.resize(images.size() - 3);
  if (const size_t at = images.find("idx"); at != std::string::npos && at + 3 < images.size())
    images[at + 3] = '1';
  for (const std::string& candidate : {images, images + ".gz"})
    if (std::find(names.begin(), names.end(), candidate) != names.end()) return join_path(folder, candidate);
  fail(ErrorCode::kNotFound, "{}: there are images but no labels: {} (or .gz) is missing", folder, images);
}

}  // namespace

IdxParts find_idx(FileSystem& files, const std::string& folder) {
  IdxParts parts;
  const std::vector<std::string> names = files.list(folder);
  for (const std::string& name : names) {
    if (name.find("images") == std::string::npos || name.find("idx") == std::string::npos) continue;
    const bool test = name.find("t10k") != std::string::npos || name.find("test") != std::string::npos;
    std::optional<IdxPair>& part = test ? parts.test : parts.train;
    if (!part) part = IdxPair{join_path(folder, name), labels_for(names, name, folder)};
  }
  return parts;
}

DatasetPtr open_idx(FileSystem& files, const IdxPair& pair) {
  return std::make_shared<IdxDataset>(files, pair);
}

void write_idx(FileSystem& files, const std::string& path, const Tensor& tensor) {
  if (tensor.format() != &formats::kU8 || tensor.shape().rank() < 1 || tensor.shape().rank() > kMaxRank)
    fail(ErrorCode::kInvalidArgument, "{}: IDX: only u8 tensors of rank 1 to {} are written", path, kMaxRank);
  Bytes out = {std::byte{0}, std::byte{0}, std::byte{0x08}, static_cast<std::byte>(tensor.shape().rank())};
  for (const int64_t dim : tensor.shape()) {
    out.resize(out.size() + 4);
    store_le(out.data() + out.size() - 4, __builtin_bswap32(static_cast<uint32_t>(dim)));
  }
  const auto values = std::as_bytes(tensor.values<uint8_t>());
  out.insert(out.end(), values.begin(), values.end());
  files.write_atomic(path, out);
}

}  // namespace dunlin
