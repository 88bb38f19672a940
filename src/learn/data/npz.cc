#include "learn/data/npz.h"

#include <zip.h>

#include <map>
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

  std::optional<Tensor> array(const std::string& name) const {
    const std::string entry = name + ".npy", where = path_ + " " + entry;
    zip_stat_t stat;
    if (zip_stat(zip_, entry.c_str(), 0, &stat) != 0) return std::nullopt;
    if (!(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE) || stat.size > kMaxArrayBytes ||
        stat.size > stat.comp_size * kMaxRatio + 1024)
      fail(ErrorCode::kCorrupt, "{}: claims {} bytes out of {} compressed", where, stat.size, stat.comp_size);
    zip_file_t* file = zip_fopen(zip_, entry.c_str(), 0);
    if (!file) fail(ErrorCode::kCorrupt, "{}: {}", where, zip_strerror(zip_));
    Bytes data(stat.size);
    size_t done = 0;
    zip_int64_t n = 0;
    // One read past the end, for libzip checks the checksum there.
    std::byte extra;
    do {
      n = done < data.size() ? zip_fread(file, data.data() + done, data.size() - done)
                             : zip_fread(file, &extra, 1);
      if (n > 0) done += static_cast<size_t>(n);
    } while (n > 0 && done <= data.size());
    const std::string why = n < 0 ? zip_file_strerror(file) : "its size is not what the file states";
    zip_fclose(file);
    if (n < 0 || done != data.size()) fail(ErrorCode::kCorrupt, "{}: {}", where, why);
    return parse_npy(data, where);
  }

 private:
  std::string path_;
  zip_t* zip_;
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
  Arrays(std::string where, Tensor x, Tensor y, std::optional<Tensor> group)
      : where_(std::move(where)), x_(std::move(x)), y_(std::move(y)) {
    if (x_.shape().rank() < 2 || y_.shape().rank() < 1 || x_.shape()[0] != y_.shape()[0])
      fail(ErrorCode::kCorrupt, "{}: inputs {} and targets {} do not belong together", where_,
           to_string(x_.shape()), to_string(y_.shape()));
    const size_t count = static_cast<size_t>(y_.shape()[0]);
    classes_.assign(count, -1);
    if (is_integer(y_.format()) && y_.num_elements() == y_.shape()[0]) {
      for (size_t i = 0; i < count; ++i) classes_[i] = names_.add(std::to_string(integer_at(y_, i)));
      names_.finish(classes_);
    } else {
      y_ = y_.to_float();
      if (y_.shape().rank() == 1) y_ = y_.reshaped({y_.shape()[0], 1});
    }
    if (!group) return;
    if (!is_integer(group->format()) || group->num_elements() != y_.shape()[0])
      fail(ErrorCode::kCorrupt, "{}: the groups {} are not one integer a sample", where_,
           to_string(group->shape()));
    for (size_t i = 0; i < count; ++i) groups_.push_back(std::to_string(integer_at(*group, i)));
  }

  size_t size() const override { return classes_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  bool classes_are_indices() const override { return true; }
  std::string_view group(size_t i) const override {
    return groups_.empty() ? std::string_view() : groups_.at(i);
  }
  std::string where(size_t i) const override { return fmt::format("{} sample {}", where_, i); }
  Example example(size_t i) const override {
    if (i >= size()) fail(ErrorCode::kInvalidArgument, "{}: sample {} of {}", where_, i, size());
    // Copied, for a row's tensor does not keep the array alive.
    Example e = example_of_array(row_of(x_, i));
    e.input = e.input.clone();
    if (classes_[i] < 0) e.target = row_of(y_, i).clone();
    return e;
  }

 private:
  std::string where_;
  Tensor x_, y_;
  std::vector<int> classes_;
  ClassIndex names_;
  std::vector<std::string> groups_;
};

}  // namespace

NpzParts open_npz(const std::string& path) {
  const Zip zip(path);
  const auto open = [&](const char* x_name, const char* y_name, const char* group_name) -> DatasetPtr {
    auto x = zip.array(x_name);
    if (!x) return nullptr;
    auto y = zip.array(y_name);
    if (!y) fail(ErrorCode::kNotFound, "{}: there is an array {} but no {}", path, x_name, y_name);
    return std::make_shared<Arrays>(path, std::move(*x), std::move(*y), zip.array(group_name));
  };
  NpzParts parts;
  if ((parts.train = open("x_train", "y_train", "group_train"))) {
    parts.test = open("x_test", "y_test", "group_test");
  } else if ((parts.train = open("train_images", "train_labels", "train_groups"))) {
    parts.test = open("test_images", "test_labels", "test_groups");
  } else if (!(parts.train = open("x", "y", "group"))) {
    fail(ErrorCode::kNotFound, "{}: the arrays x and y (or x_train and y_train) are expected; there are {}",
         path, fmt::join(zip.names(), ", "));
  }
  return parts;
}

}  // namespace dunlin
