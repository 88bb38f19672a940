#include "tensor/npy.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

// Files as NumPy 1.24's np.save writes them: header length 118 so that the data begin at byte 128.
std::string numpy_file(std::string header, const std::string& data) {
  header.append(117 - header.size(), ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + data;
}

ErrorCode error_of(const std::string& file) {
  try {
    parse_npy(as_bytes(file), "x.npy");
  } catch (const Error& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("x.npy: ")) << e.what();
    return e.code();
  }
  return ErrorCode::kInternal;
}

TEST(Npy, WritesWhatNumpyWrites) {
  const Tensor t = Tensor::of<int16_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(as_chars(to_npy(t)), numpy_file("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }",
                                            std::string("\1\0\2\0\3\0\4\0\5\0\6\0", 12)));
  EXPECT_EQ(as_chars(to_npy(Tensor::of<bool>({2}, {true, false}))),
            numpy_file("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", std::string("\1\0", 2)));
  EXPECT_EQ(as_chars(to_npy(Tensor::of<uint8_t>({}, {7}))),
            numpy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "\7"));
}

TEST(Npy, ReadsBothOrders) {
  const std::string c = numpy_file("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }",
                                   std::string("\1\0\2\0\3\0\4\0\5\0\6\0", 12));
  const std::string f = numpy_file("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }",
                                   std::string("\1\0\4\0\2\0\5\0\3\0\6\0", 12));
  for (const std::string& file : {c, f}) {
    const Tensor t = parse_npy(as_bytes(file), "x.npy");
    EXPECT_EQ(t.shape(), (Shape{2, 3}));
    const auto v = t.values<int16_t>();
    EXPECT_EQ(std::vector(v.begin(), v.end()), (std::vector<int16_t>{1, 2, 3, 4, 5, 6}));
  }
}

TEST(Npy, ReadsBackEveryType) {
  for (Format format : all_formats()) {
    if (!is_plain(format)) continue;
    Tensor t(format, {2, 2});
    for (std::byte& b : t.plane(Plane::kPayload)) b = std::byte{1};
    const Tensor back = parse_npy(to_npy(t), "x.npy");
    EXPECT_EQ(back.shape(), t.shape());
    if (format == &formats::kBF16 || format->narrow) {
      EXPECT_EQ(back.format(), &formats::kF32);
      EXPECT_EQ(back.values<float>()[3], t.to_float().values<float>()[3]);
      continue;
    }
    EXPECT_EQ(back.format(), format);
    EXPECT_TRUE(std::ranges::equal(back.plane(Plane::kPayload), t.plane(Plane::kPayload))) << format->name;
  }
}

TEST(Npy, RefusesTheRest) {
  const std::string good = numpy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "abcd");
  parse_npy(as_bytes(good), "x.npy");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(error_of(good.substr(0, size)), ErrorCode::kCorrupt) << size;
  EXPECT_EQ(error_of(numpy_file("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd")),
            ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(numpy_file("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "abcdefgh")),
            ErrorCode::kUnsupported);
  EXPECT_EQ(
      error_of(numpy_file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "abcd")),
      ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(numpy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "abcd")),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(numpy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (x,), }", "abcd")),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(numpy_file(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "")),
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace dunlin
