#include "learn/data/npz.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "learn/data/array.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace dunlin {

namespace {

constexpr uint64_t kMaxArrayBytes = uint64_t{1} << 36;
constexpr uint64_t kMaxRatio = 1032;  // deflate cannot shrink further

class Zip {
 public:
  explicit Zip(const std::string& path) : path_(path) {
    int error = 0;
    zip_ = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (zip_) return;
    zip_error_t e;
    zip_error_init_with_code(&e, error);
    const std::string why = zip_error_strerror(&e);
    zip_error_fini(&e);
    fail(error == ZIP_ER_NOENT  ? ErrorCode::kNotFound
         : error == ZIP_ER_OPEN ? ErrorCode::kIo
                                : ErrorCode::kCorrupt,
         "{}: not a readable NPZ file: {}", path, why);
  }
  ~Zip() { zip_discard(zip_); }
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    const zip_int64_t count = zip_get_num_entries(zip_, 0);
    for (zip_int64_t i = 0; i < count; ++i)
      if (const char* name = zip_get_name(zip_, static_cast<zip_uint64_t>(i), 0)) out.emplace_back(name);
    return out;
  }

  bool has(const std::string& name) const { return zip_name_locate(zip_, (name + ".npy").c_str(), 0) >= 0; }
  zip_t* handle() const { return zip_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  zip_t* zip_;
};

/// Entries of the first axis.
Tensor rows_of(const Tensor& whole, const std::vector<size_t>& rows) {
  Shape shape = whole.shape();
  const size_t bytes = whole.num_bytes() / static_cast<size_t>(std::max<int64_t>(shape[0], 1));
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor out(whole.format(), shape);
  for (size_t k = 0; k < rows.size(); ++k)
    std::copy_n(whole.plane(Plane::kPayload).data() + rows[k] * bytes, bytes,
                out.plane(Plane::kPayload).data() + k * bytes);
  return out;
}

/// One array of an NPZ, inflated from its beginning to its end.
class Entry {
 public:
  /// It must be there.
  Entry(const Zip& zip, const std::string& name) : where_(fmt::format("{} {}.npy", zip.path(), name)) {
    const std::string entry = name + ".npy";
    zip_stat_t stat;
    if (zip_stat(zip.handle(), entry.c_str(), 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE) ||
        !(stat.valid & ZIP_STAT_COMP_SIZE))
      fail(ErrorCode::kCorrupt, "{}: {}", where_, zip_strerror(zip.handle()));
    if (stat.size > kMaxArrayBytes || stat.size > stat.comp_size * kMaxRatio + 1024)
      fail(ErrorCode::kCorrupt, "{}: claims {} bytes out of {} compressed", where_, stat.size,
           stat.comp_size);
    size_ = stat.size;
    file_ = zip_fopen(zip.handle(), entry.c_str(), 0);
    if (!file_) fail(ErrorCode::kCorrupt, "{}: {}", where_, zip_strerror(zip.handle()));
    try {
      Bytes head(std::min<uint64_t>(size_, 12));
      read(head);
      const size_t bytes = npy_header_bytes(head, where_);
      if (bytes > size_) fail(ErrorCode::kCorrupt, "{}: cut short in its header", where_);
      const size_t begun = head.size();
      head.resize(std::max(bytes, begun));  // version 1 may have fewer than 12 bytes in theory only
      read(std::span(head).subspan(begun));
      header_ = parse_npy_header(head, where_);
      if (header_.shape.rank() < 1) fail(ErrorCode::kCorrupt, "{}: a single number, not an array", where_);
    } catch (...) {
      zip_fclose(file_);
      throw;
    }
  }
  ~Entry() { zip_fclose(file_); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  const NpyHeader& header() const { return header_; }

  /// All of it, or these entries of the first axis. May be called once.
  Tensor values(const std::optional<std::vector<size_t>>& rows) {
    Shape shape = header_.shape;
    const auto count = static_cast<size_t>(shape[0]);
    const uint64_t total = payload_bytes();           // before anything is allocated
    if (header_.fortran_order && shape.rank() > 1) {  // rows do not lie together in it
      Tensor whole = fortran(total);
      if (!rows) return whole;
      return rows_of(whole, *rows);
    }
    if (rows) shape[0] = static_cast<int64_t>(rows->size());
    Tensor out(header_.format, shape);
    const std::span<std::byte> to = out.plane(Plane::kPayload);
    const uint64_t row_bytes = count == 0 ? 0 : total / count;
    if (!rows) {
      read(to);
    } else {
      uint64_t at = 0;
      for (size_t k = 0; k < rows->size(); ++k) {
        skip(((*rows)[k] - at) * row_bytes);
        read(to.subspan(k * row_bytes, row_bytes));
        at = (*rows)[k] + 1;
      }
      skip((count - at) * row_bytes);
    }
    finish();
    normalise(to);
    return out;
  }

 private:
  uint64_t payload_bytes() const {
    uint64_t bytes = 0;
    try {
      bytes = static_cast<uint64_t>(header_.shape.num_elements()) *
              static_cast<uint64_t>(element_bytes(header_.format));
    } catch (const Error& e) {
      fail(e.code(), "{}: {}", where_, e.what());
    }
    if (bytes > size_ - header_.size_bytes)
      fail(ErrorCode::kCorrupt, "{}: {} {} needs {} bytes, the file has {}", where_, header_.format->name,
           to_string(header_.shape), bytes, size_ - header_.size_bytes);
    return bytes;
  }
  Tensor fortran(uint64_t bytes) {
    Bytes data(bytes);
    read(data);
    finish();
    normalise(data);
    Strides strides(static_cast<size_t>(header_.shape.rank()));
    int64_t step = 1;
    for (int i = 0; i < header_.shape.rank(); ++i) {
      strides[static_cast<size_t>(i)] = step;
      step *= header_.shape[i];
    }
    return Tensor::over(header_.format, header_.shape, strides, data.data()).clone();
  }
  // A bool is 0 or 1.
  void normalise(std::span<std::byte> values) const {
    if (header_.format == &formats::kBool)
      for (std::byte& b : values) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }

  void read(std::span<std::byte> to) {
    for (size_t done = 0; done < to.size();) {
      const zip_int64_t n = zip_fread(file_, to.data() + done, to.size() - done);
      if (n < 0) fail(ErrorCode::kCorrupt, "{}: {}", where_, zip_file_strerror(file_));
      if (n == 0) fail(ErrorCode::kCorrupt, "{}: its size is not what the file states", where_);
      done += static_cast<size_t>(n);
    }
    done_ += to.size();
  }
  void skip(uint64_t count) {
    std::array<std::byte, 1 << 14> waste;
    while (count > 0) {
      const size_t now = std::min<uint64_t>(count, waste.size());
      read(std::span(waste).first(now));
      count -= now;
    }
  }
  // To the end and one byte beyond, for libzip checks the checksum there.
  void finish() {
    skip(size_ - done_);
    std::byte extra;
    const zip_int64_t n = zip_fread(file_, &extra, 1);
    if (n != 0)
      fail(ErrorCode::kCorrupt, "{}: {}", where_,
           n < 0 ? zip_file_strerror(file_) : "its size is not what the file states");
  }

  std::string where_;
  zip_file_t* file_ = nullptr;
  uint64_t size_ = 0, done_ = 0;
  NpyHeader header_;
};

bool is_integer(Format f) {
  return f->kind == FormatDef::Kind::kSigned || f->kind == FormatDef::Kind::kUnsigned;
}

int64_t integer_at(const Tensor& t, size_t i) {
  const std::byte* p = t.plane(Plane::kPayload).data() + i * static_cast<size_t>(element_bytes(t.format()));
  const bool is_signed = t.format()->kind == FormatDef::Kind::kSigned;
  switch (element_bytes(t.format())) {
    case 1:
      return is_signed ? load_le<int8_t>(p) : load_le<uint8_t>(p);
    case 2:
      return is_signed ? load_le<int16_t>(p) : load_le<uint16_t>(p);
    case 4:
      return is_signed ? int64_t{load_le<int32_t>(p)} : load_le<uint32_t>(p);
    default:
      return load_le<int64_t>(p);
  }
}

/// Row i of an array, without copying.
Tensor row_of(const Tensor& array, size_t i) {
  Shape shape;
  for (int d = 1; d < array.shape().rank(); ++d) shape.push_back(array.shape()[d]);
  const size_t bytes = static_cast<size_t>(shape.num_elements() * element_bytes(array.format()));
  return Tensor::over(array.format(), shape, row_major_strides(shape),
                      const_cast<std::byte*>(array.plane(Plane::kPayload).data()) + i * bytes);
}

class Arrays final : public Dataset {
 public:
  /// `group` may be empty.
  Arrays(const Zip& zip, const std::string& x_name, const std::string& y_name, const std::string& group,
         const Selection& keep)
      : where_(zip.path()) {
    Entry x(zip, x_name);
    y_ = Entry(zip, y_name).values(std::nullopt);
    if (x.header().shape.rank() < 2 || x.header().shape[0] != y_.shape()[0])
      fail(ErrorCode::kCorrupt, "{}: inputs {} and targets {} do not belong together", where_,
           to_string(x.header().shape), to_string(y_.shape()));
    read_targets();
    if (!group.empty()) read_groups(Entry(zip, group).values(std::nullopt));
    if (keep) {
      kept_ = selected(*this, keep);
      keep_only(classes_, *kept_);
      if (!groups_.empty()) keep_only(groups_, *kept_);
    }
    x_ = x.values(kept_);
    if (!classes_.empty() && classes_[0] >= 0)
      y_ = Tensor();
    else if (kept_)
      y_ = rows_of(y_, *kept_);
  }

  size_t size() const override { return classes_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  bool classes_are_indices() const override { return true; }
  std::string_view group(size_t i) const override {
    return groups_.empty() ? std::string_view() : groups_.at(i);
  }
  std::string where(size_t i) const override {
    return fmt::format("{} sample {}", where_, number_in_file(i));
  }
  Example example(size_t i) const override {
    if (i >= size()) fail(ErrorCode::kInvalidArgument, "{}: sample {} of {}", where_, i, size());
    // Copied, for a row's tensor does not keep the array alive.
    Example e = example_of_array(row_of(x_, i));
    e.input = e.input.clone();
    if (classes_[i] < 0) e.target = row_of(y_, i).clone();
    return e;
  }

 private:
  size_t number_in_file(size_t i) const { return kept_ ? kept_->at(i) : i; }

  void read_targets() {
    const size_t count = static_cast<size_t>(y_.shape()[0]);
    classes_.assign(count, -1);
    if (is_integer(y_.format()) && y_.num_elements() == y_.shape()[0]) {
      for (size_t i = 0; i < count; ++i) classes_[i] = names_.add(std::to_string(integer_at(y_, i)));
      names_.finish(classes_);
      return;
    }
    y_ = y_.to_float();
    if (y_.shape().rank() == 1) y_ = y_.reshaped({y_.shape()[0], 1});
  }
  void read_groups(const Tensor& group) {
    if (!is_integer(group.format()) || group.num_elements() != y_.shape()[0])
      fail(ErrorCode::kCorrupt, "{}: the groups {} are not one integer a sample", where_,
           to_string(group.shape()));
    for (size_t i = 0; i < classes_.size(); ++i) groups_.push_back(std::to_string(integer_at(group, i)));
  }

  std::string where_;
  Tensor x_, y_;
  std::vector<int> classes_;
  ClassIndex names_;
  std::vector<std::string> groups_;
  std::optional<std::vector<size_t>> kept_;  // numbers in the file; none: all
};

}  // namespace

NpzParts open_npz(const std::string& path, const NpzOptions& options) {
  struct Names {
    const char *x, *y, *group;
  };
  struct Layout {
    Names train, test;
  };
  constexpr Layout kLayouts[] = {
      {{"x_train", "y_train", "group_train"}, {"x_test", "y_test", "group_test"}},
      {{"train_images", "train_labels", "train_groups"}, {"test_images", "test_labels", "test_groups"}},
      {{"x", "y", "group"}, {"", "", ""}}};
  const Zip zip(path);
  const auto open = [&](const Names& n, const Selection& keep) -> DatasetPtr {
    if (!zip.has(n.y)) fail(ErrorCode::kNotFound, "{}: there is an array {} but no {}", path, n.x, n.y);
    return std::make_shared<Arrays>(zip, n.x, n.y, zip.has(n.group) ? n.group : "", keep);
  };
  for (const Layout& layout : kLayouts) {
    if (!zip.has(layout.train.x)) continue;
    NpzParts parts;
    const bool has_test = *layout.test.x && zip.has(layout.test.x);
    if (options.want_train || !has_test) parts.train = open(layout.train, options.keep);
    if (options.want_test && has_test) parts.test = open(layout.test, {});
    return parts;
  }
  fail(ErrorCode::kNotFound, "{}: the arrays x and y (or x_train and y_train) are expected; there are {}",
       path, fmt::join(zip.names(), ", "));
}

}  // namespace dunlin
