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
    if (path_.ends_with(".gz")) {
      gzip_.emplace(files_, path_);
      Bytes head(4);
      head.resize(gzip_->read(head));
      if (head.size() == 4) {
        head.resize(4 + 4 * std::min<size_t>(std::to_integer<size_t>(head[3]), kMaxRank));
        head.resize(4 + gzip_->read(std::span(head).subspan(4)));
      }
      header_ = parse_header(head, path_);
      gzip_->expect_room_for(total_bytes());
    } else {
      header_ = parse_header(files_.read_range(path_, 0, kHeadBytes), path_);
      if (const uint64_t size = files.size(path_); size != total_bytes())
        fail(ErrorCode::kCorrupt, "{}: IDX: {} bytes, its header {} asks for {}", path_, size,
             to_string(header_.shape), total_bytes());
    }
  }

  const std::string& path() const { return path_; }
  const Header& header() const { return header_; }
  /// Whether load() holds the file, so that its items are numbered as they were kept.
  bool held() const { return path_.ends_with(".gz"); }

  /// Inflates a gzipped file, once, and holds these items (entries of its first axis); a plain file stays on
  /// the disk.
  void load(const std::optional<std::vector<size_t>>& items) {
    if (!gzip_) return;
    const uint64_t count = static_cast<uint64_t>(header_.shape[0]), size = item_bytes();
    held_.resize((items ? items->size() : count) * size);
    if (!items) {
      expect(held_.size(), gzip_->read(held_), 0);
    } else {
      uint64_t at = 0;
      for (size_t k = 0; k < items->size(); ++k) {
        const uint64_t skipped = ((*items)[k] - at) * size;
        expect(skipped, gzip_->skip(skipped), at);
        expect(size, gzip_->read(std::span(held_).subspan(k * size, size)), (*items)[k]);
        at = (*items)[k] + 1;
      }
      expect((count - at) * size, gzip_->skip((count - at) * size), at);
    }
    gzip_->expect_end(total_bytes());  // so that the checksum covers what was kept
    gzip_.reset();
  }

  Bytes item(uint64_t i) const {
    const uint64_t size = item_bytes();
    if (held()) {
      const auto at = held_.begin() + static_cast<std::ptrdiff_t>(i * size);
      return Bytes(at, at + static_cast<std::ptrdiff_t>(size));
    }
    return from_disk(header_.bytes + i * size, size);
  }
  /// All of them; held ones are given away.
  Bytes take_all() {
    return held() ? std::move(held_) : from_disk(header_.bytes, total_bytes() - header_.bytes);
  }

 private:
  uint64_t total_bytes() const {
    return header_.bytes + static_cast<uint64_t>(header_.shape.num_elements()) * header_.element_bytes;
  }
  uint64_t item_bytes() const {
    const int64_t count = header_.shape[0];
    return count == 0 ? 0
                      : static_cast<uint64_t>(header_.shape.num_elements() / count) * header_.element_bytes;
  }
  void expect(uint64_t wanted, uint64_t got, uint64_t item) const {
    if (got != wanted)
      fail(ErrorCode::kCorrupt, "{}: truncated: {} of {} bytes", path_,
           header_.bytes + item * item_bytes() + got, total_bytes());
  }
  Bytes from_disk(uint64_t offset, uint64_t count) const {
    Bytes out = files_.read_range(path_, offset, count);
    if (out.size() != count) fail(ErrorCode::kCorrupt, "{}: IDX: truncated since it was opened", path_);
    return out;
  }

  FileSystem& files_;
  std::string path_;
  Header header_{};
  std::optional<GzipFile> gzip_;  // until it is loaded
  Bytes held_;
};

class IdxDataset final : public Dataset {
 public:
  IdxDataset(FileSystem& files, const IdxPair& pair, const Selection& keep) : images_(files, pair.images) {
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
    if (keep) {
      kept_ = selected(*this, keep);
      keep_only(classes_, *kept_);
    }
    images_.load(kept_);
  }

  size_t size() const override { return classes_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  bool classes_are_indices() const override { return true; }
  std::string where(size_t i) const override {
    return fmt::format("{} image {}", images_.path(), number_in_file(i));
  }

  Example example(size_t i) const override {
    if (i >= size()) fail(ErrorCode::kInvalidArgument, "{}: image {} of {}", images_.path(), i, size());
    const Bytes raw = images_.item(images_.held() ? i : number_in_file(i));
    Example s;
    s.is_image = is_image_;
    if (is_image_) {
      s.input = Tensor(&formats::kU8, sample_shape_);
      std::copy(raw.begin(), raw.end(), s.input.plane(Plane::kPayload).begin());
      return s;
    }
    s.input = Tensor(&formats::kF32, sample_shape_);
    float* out = s.input.data<float>();
    for (size_t k = 0; k < static_cast<size_t>(sample_shape_.num_elements()); ++k)
      out[k] = images_.header().type == IdxType::kU8 ? static_cast<float>(std::to_integer<int>(raw[k]))
                                                     : std::bit_cast<float>(load_be32(raw.data() + 4 * k));
    return s;
  }

 private:
  size_t number_in_file(size_t i) const { return kept_ ? kept_->at(i) : i; }

  void read_labels(FileSystem& files, const std::string& path) {
    IdxFile labels(files, path);
    const Header& h = labels.header();
    if (h.shape.rank() != 1 || h.type == IdxType::kF32)
      fail(ErrorCode::kUnsupported, "{}: IDX: labels are u8 or i32 of rank 1, this is rank {}", path,
           h.shape.rank());
    if (h.shape[0] != images_.header().shape[0])
      fail(ErrorCode::kCorrupt, "{}: {} labels for the {} images of {}", path, h.shape[0],
           images_.header().shape[0], images_.path());
    const size_t count = static_cast<size_t>(h.shape[0]);
    labels.load(std::nullopt);
    const Bytes raw = labels.take_all();
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
  std::optional<std::vector<size_t>> kept_;  // numbers in the file; none: all
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

DatasetPtr open_idx(FileSystem& files, const IdxPair& pair, const Selection& keep) {
  return std::make_shared<IdxDataset>(files, pair, keep);
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
