// clang-format off
#include <cstdio>  // jpeglib.h needs it first
#include <jpeglib.h>
// clang-format on

#include <csetjmp>

#include "base/error.h"
#include "learn/data/image.h"
#include "learn/data/image_codecs.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

/// libjpeg hands its errors to the first member; they leave by longjmp into a frame without destructors to
/// skip.
struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  Errors& e = *reinterpret_cast<Errors*>(info->err);
  info->err->format_message(info, e.message);
  std::longjmp(e.jump, 1);
}

/// libjpeg only warns of truncated or damaged data and fills in gray; training on that would be worse than
/// stopping.
void on_message(j_common_ptr info, int level) {
  if (level < 0) on_error(info);
}

void on_output(j_common_ptr) {}

bool read_header(jpeg_decompress_struct* j, Errors* errors) {
  if (setjmp(errors->jump)) return false;
  jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);  // EXIF
  jpeg_read_header(j, TRUE);
  if (j->jpeg_color_space != JCS_GRAYSCALE && j->jpeg_color_space != JCS_YCbCr &&
      j->jpeg_color_space != JCS_RGB)
    return true;
  j->out_color_space = j->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  j->dct_method = JDCT_ISLOW;  // the same bits with and without SIMD
  jpeg_calc_output_dimensions(j);
  return true;
}

bool read_pixels(jpeg_decompress_struct* j, Errors* errors, uint8_t* out, size_t row_bytes) {
  if (setjmp(errors->jump)) return false;
  jpeg_start_decompress(j);
  while (j->output_scanline < j->output_height) {
    JSAMPROW row = out + j->output_scanline * row_bytes;
    jpeg_read_scanlines(j, &row, 1);
  }
  jpeg_finish_decompress(j);
  return true;
}

/// EXIF tag 0x0112, 1 to 8; 1 when there is none.
int orientation_of(ByteSpan exif) {
  const auto at = [&](size_t i) { return std::to_integer<uint32_t>(exif[i]); };
  if (exif.size() < 14 || as_chars(exif.first(6)) != std::string_view("Exif\0\0", 6)) return 1;
  const bool big = at(6) == 'M';
  const ByteSpan tiff = exif.subspan(6);
  const auto u16 = [&](size_t i) -> uint32_t {
    if (i + 2 > tiff.size()) return 0;
    const uint32_t a = std::to_integer<uint32_t>(tiff[i]), b = std::to_integer<uint32_t>(tiff[i + 1]);
    return big ? a << 8 | b : b << 8 | a;
  };
  const auto u32 = [&](size_t i) -> size_t {
    return big ? size_t{u16(i)} << 16 | u16(i + 2) : size_t{u16(i + 2)} << 16 | u16(i);
  };
  const size_t directory = u32(4);
  if (directory >= tiff.size()) return 1;
  const uint32_t count = u16(directory);
  for (uint32_t k = 0; k < count; ++k) {
    const size_t entry = directory + 2 + size_t{12} * k;
    if (entry + 12 > tiff.size()) return 1;
    if (u16(entry) == 0x0112) {
      const uint32_t value = u16(entry + 8);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

Tensor turned(const Tensor& image, int orientation) {
  const int64_t h = image.shape()[0], w = image.shape()[1], c = image.shape()[2];
  const bool swaps = orientation >= 5;
  Tensor out(&formats::kU8, Shape{swaps ? w : h, swaps ? h : w, c});
  const uint8_t* from = image.data<uint8_t>();
  uint8_t* to = out.data<uint8_t>();
  for (int64_t y = 0; y < out.shape()[0]; ++y)
    for (int64_t x = 0; x < out.shape()[1]; ++x) {
      // Where the stored pixel lies that belongs at (x, y).
      int64_t sx = swaps ? y : x, sy = swaps ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) sx = w - 1 - sx;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) sy = h - 1 - sy;
      std::memcpy(to, from + (sy * w + sx) * c, static_cast<size_t>(c));
      to += c;
    }
  return out;
}

class Reader {
 public:
  explicit Reader(ByteSpan data) {
    j_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    errors_.base.output_message = on_output;
    jpeg_create_decompress(&j_);
    jpeg_mem_src(&j_, reinterpret_cast<const unsigned char*>(data.data()), data.size());
  }
  ~Reader() { jpeg_destroy_decompress(&j_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Tensor read(const std::string& path) {
    if (!read_header(&j_, &errors_)) bad(path);
    if (j_.out_color_space != JCS_GRAYSCALE && j_.out_color_space != JCS_RGB)
      fail(ErrorCode::kUnsupported, "{}: JPEG: CMYK images are not supported", path);
    const int64_t height = j_.output_height, width = j_.output_width, channels = j_.output_components;
    if (height * width > kMaxImagePixels)
      fail(ErrorCode::kResourceExhausted, "{}: JPEG: {} x {} pixels are more than {}", path, width, height,
           kMaxImagePixels);
    // Before the pixels: libjpeg forgets its markers when it has finished.
    int orientation = 1;
    for (jpeg_saved_marker_ptr m = j_.marker_list; m && orientation == 1; m = m->next)
      orientation = orientation_of({reinterpret_cast<const std::byte*>(m->data), m->data_length});
    Tensor out(&formats::kU8, Shape{height, width, channels});
    if (!read_pixels(&j_, &errors_, out.data<uint8_t>(), static_cast<size_t>(width * channels))) bad(path);
    return orientation == 1 ? std::move(out) : turned(out, orientation);
  }

 private:
  [[noreturn]] void bad(const std::string& path) const {
    fail(ErrorCode::kCorrupt, "{}: not a sound JPEG: {}", path, errors_.message);
  }
  Errors errors_{};
  jpeg_decompress_struct j_{};
};

}  // namespace

Tensor decode_jpeg(ByteSpan data, const std::string& path) { return Reader(data).read(path); }

}  // namespace dunlin
