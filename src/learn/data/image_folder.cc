#include "learn/data/image_folder.h"

#include <filesystem>

#include "base/error.h"
#include "learn/data/image.h"

namespace dunlin {

namespace {

constexpr uint64_t kMaxImageFileBytes = uint64_t{1} << 30;

bool is_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

class ImageFolder final : public Dataset {
 public:
  ImageFolder(FileSystem& files, const std::string& folder) : files_(files), folder_(folder) {
    for (const std::string& name : files.list(folder)) {
      const std::string inside = join_path(folder, name);
      if (name.starts_with(".") || !is_folder(inside)) continue;
      for (const std::string& file : files.list(inside)) {
        if (file.starts_with(".") || !is_image_name(file)) continue;
        images_.push_back(file);
        classes_.push_back(names_.add(name));
      }
    }
    if (images_.empty())
      fail(ErrorCode::kNotFound, "{}: no images: class folders with .png, .jpg or .jpeg files are expected",
           folder);
    names_.finish(classes_);
  }

  size_t size() const override { return images_.size(); }
  int class_of(size_t i) const override { return classes_.at(i); }
  const std::vector<std::string>& class_names() const override { return names_.names(); }
  std::string where(size_t i) const override {
    return join_path(join_path(folder_, class_names()[static_cast<size_t>(classes_.at(i))]), images_.at(i));
  }
  Example example(size_t i) const override {
    const std::string path = where(i);
    return {decode_image(files_.read(path, kMaxImageFileBytes), path), true, {}};
  }

 private:
  FileSystem& files_;
  std::string folder_;
  std::vector<std::string> images_;  // names within their class's folder
  std::vector<int> classes_;
  ClassIndex names_;
};

}  // namespace

bool is_image_folder(FileSystem& files, const std::string& folder) {
  for (const std::string& name : files.list(folder)) {
    const std::string inside = join_path(folder, name);
    if (name.starts_with(".") || !is_folder(inside)) continue;
    for (const std::string& file : files.list(inside))
      if (is_image_name(file) && !is_folder(join_path(inside, file))) return true;
  }
  return false;
}

DatasetPtr open_image_folder(FileSystem& files, const std::string& folder) {
  return std::make_shared<ImageFolder>(files, folder);
}

}  // namespace dunlin
