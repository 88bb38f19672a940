#include <png.h>

#include <csetjmp>

#include "base/error.h"
#include "learn/data/image.h"
#include "learn/data/image_codecs.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

/// What libpng's callbacks see. Errors leave libpng by longjmp into a frame that has no destructors to skip.
struct Context {
  ByteSpan rest;
  char message[128] = {};
};

void on_error(png_structp png, png_const_charp message) {
  Context& c = *static_cast<Context*>(png_get_error_ptr(png));
  std::snprintf(c.message, sizeof c.message, "%s", message);
  std::longjmp(png_jmpbuf(png), 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t count) {
  Context& c = *static_cast<Context*>(png_get_io_ptr(png));
  if (count > c.rest.size()) png_error(png, "truncated");
  std::memcpy(out, c.rest.data(), count);
  c.rest = c.rest.subspan(count);
}

struct Header {
  png_uint_32 width, height;
  int channels, bits;
};

/// Reads up to the pixels and asks libpng for gray or RGB without alpha, 8 or 16 bits. False on an error.
bool read_header(png_structp png, png_infop info, Header* out) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_user_limits(png, 1 << 20, 1 << 20);
  png_read_info(png, info);
  const int colour = png_get_color_type(png, info);
  const int bits = png_get_bit_depth(png, info);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (colour == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_alpha(png);
  if (bits == 16) png_set_swap(png);  // to little-endian
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  *out = {png_get_image_width(png, info), png_get_image_height(png, info), png_get_channels(png, info),
          png_get_bit_depth(png, info)};
  return true;
}

bool read_pixels(png_structp png, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

class Reader {
 public:
  explicit Reader(ByteSpan data) : context_{data, {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &context_, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (info_) png_set_read_fn(png_, &context_, on_read);
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Tensor read(const std::string& path) {
    if (!info_) fail(ErrorCode::kResourceExhausted, "{}: PNG: no memory", path);
    Header h{};
    if (!read_header(png_, info_, &h)) bad(path);
    if (static_cast<int64_t>(h.width) * h.height > kMaxImagePixels)
      fail(ErrorCode::kResourceExhausted, "{}: PNG: {} x {} pixels are more than {}", path, h.width, h.height,
           kMaxImagePixels);
    Tensor out(h.bits == 16 ? &formats::kU16 : &formats::kU8, Shape{h.height, h.width, h.channels});
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    const std::span<std::byte> pixels = out.plane(Plane::kPayload);
    if (row_bytes * h.height != pixels.size())
      fail(ErrorCode::kCorrupt, "{}: PNG: rows of {} bytes", path, row_bytes);
    std::vector<png_bytep> rows(h.height);
    for (size_t y = 0; y < rows.size(); ++y)
      rows[y] = reinterpret_cast<png_bytep>(pixels.data() + y * row_bytes);
    if (!read_pixels(png_, rows.data())) bad(path);
    return out;
  }

 private:
  [[noreturn]] void bad(const std::string& path) const {
    fail(ErrorCode::kCorrupt, "{}: not a sound PNG: {}", path, context_.message);
  }
  Context context_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Tensor decode_png(ByteSpan data, const std::string& path) { return Reader(data).read(path); }

Bytes encode_png(const Tensor& image) {
  if (image.format() != &formats::kU8 || image.shape().rank() != 3 ||
      (image.shape()[2] != 1 && image.shape()[2] != 3))
    fail(ErrorCode::kInvalidArgument, "PNG: u8 [H,W,1] or [H,W,3] is expected, got {}",
         to_string(image.shape()));
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.height = static_cast<png_uint_32>(image.shape()[0]);
  header.width = static_cast<png_uint_32>(image.shape()[1]);
  header.format = image.shape()[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  const void* pixels = image.data<uint8_t>();
  if (!png_image_write_get_memory_size(header, size, 0, pixels, 0, nullptr))
    fail(ErrorCode::kInvalidArgument, "PNG: {}", header.message);
  Bytes out(size);
  if (!png_image_write_to_memory(&header, out.data(), &size, 0, pixels, 0, nullptr))
    fail(ErrorCode::kInternal, "PNG: {}", header.message);
  out.resize(size);
  return out;
}

}  // namespace dunlin
