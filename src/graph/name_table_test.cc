#include "graph/name_table.h"

#include <gtest/gtest.h>

namespace dunlin {
namespace {

TEST(NameTable, GivesNoNameTwice) {
  Graph g;
  for (const char* name : {"a", "a_2", "c_3"}) g.add_value(name);
  NameTable names(g);
  EXPECT_EQ(names.unused("a"), "a_3");
  EXPECT_EQ(names.unused("a"), "a_4");
  EXPECT_EQ(names.unused("b"), "b");
  EXPECT_EQ(names.unused("b_2"), "b_2");
  EXPECT_EQ(names.unused("b"), "b_3");
  EXPECT_EQ(names.unused("c"), "c");
  EXPECT_EQ(names.unused("c"), "c_2");
  EXPECT_EQ(names.unused("c"), "c_4");
}

}  // namespace
}  // namespace dunlin
