#include "learn/data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Rows = std::vector<std::vector<std::string>>;

Rows scan(const std::string& path, const CsvLimits& limits = {}) {
  Rows rows;
  scan_csv(
      system_files(), path,
      [&](const CsvRow& at, const std::vector<std::string>& cells) {
        // What is read again from the place found is the same row.
        const Bytes again = system_files().read_range(path, at.offset, at.bytes);
        if (!rows.empty()) EXPECT_EQ(parse_csv_row(as_chars(again), "again"), cells);
        rows.push_back(cells);
      },
      limits);
  return rows;
}

TEST(Csv, QuotesLineBreaksAndEndings) {
  const TempFolder dir;
  const std::string path = dir.write("a.csv",
                                     "\xef\xbb\xbf"
                                     "a,b\r\n1,\"x, \"\"y\"\"\"\n\n\"line\nbreak\",\r\nlast,2");
  EXPECT_THAT(scan(path), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "x, \"y\""),
                                      ElementsAre("line\nbreak", ""), ElementsAre("last", "2")));
}

TEST(Csv, ATableOverManyPieces) {
  const TempFolder dir;
  std::string text = "n,text\n";
  for (int i = 0; i < 60000; ++i)
    text += std::to_string(i) + ",\"" + std::string(static_cast<size_t>(i % 50), 'x') + "\"\n";
  text += "60000," + std::string(3 << 20, 'y');  // one row longer than a piece
  const Rows rows = scan(dir.write("a.csv", text));
  ASSERT_EQ(rows.size(), 60002u);
  for (size_t i = 0; i < 60000; ++i) {
    ASSERT_EQ(rows[i + 1][0], std::to_string(i));
    ASSERT_EQ(rows[i + 1][1].size(), i % 50);
  }
  EXPECT_EQ(rows.back()[1].size(), size_t{3} << 20);
}

TEST(Csv, ErrorsNameTheRow) {
  const TempFolder dir;
  const auto error = [&](const std::string& text, const CsvLimits& limits = {}) {
    return error_of([&] { scan(dir.write("a.csv", text), limits); });
  };
  EXPECT_THAT(error("a,b\n1,2\n3\n"), HasSubstr("a.csv row 3: 1 cells, the header has 2"));
  EXPECT_THAT(error("a,b\n1,\"2\n"), HasSubstr("row 2: a quoted cell is not closed"));
  EXPECT_THAT(error("a,b\n1,\"2\"x\n"), HasSubstr("row 2: text after a quoted cell"));
  EXPECT_THAT(error("a,b\n1,2\"\"\n"), HasSubstr("row 2: a quote inside a cell"));
  EXPECT_THAT(error("a,b\n" + std::string(200, 'x') + ",1\n", {.max_row_bytes = 100}),
              HasSubstr("row 2: longer than 100"));
  EXPECT_THAT(error("a,b,c,d\n", {.max_columns = 3}), HasSubstr("more than 3 columns"));
  EXPECT_THAT(error_of([] {
                find_column({"a", "b"}, "c", "f");
              }),
              HasSubstr("f: no column \"c\"; there are a, b"));
}

}  // namespace
}  // namespace dunlin
