// Tensors of strings: which ops take them, against Python's and ONNX's own words, and what is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/testing/one_node.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor words(Shape shape, std::vector<std::string> values) {
  return Tensor::of_strings(std::move(shape), std::move(values));
}

std::vector<Tensor> run(std::string op, std::vector<Tensor> inputs, Attributes attributes = {},
                        size_t outputs = 1) {
  return evaluate(one_node(std::move(op), inputs, std::move(attributes), outputs), inputs);
}

std::vector<Tensor> list(Tensor a, Tensor b = {}, Tensor c = {}) {
  std::vector<Tensor> out;
  for (Tensor* t : {&a, &b, &c})
    if (*t) out.push_back(std::move(*t));
  return out;
}

std::vector<std::string> strings_of(const Tensor& t) { return {t.strings().begin(), t.strings().end()}; }

template <typename F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Strings, MoveThroughOpsThatOnlyMoveElements) {
  const auto x = [] { return words({2, 2}, {"b", "a", "", "b"}); };
  EXPECT_THAT(strings_of(run("Transpose", list(x()))[0]), ElementsAre("b", "", "a", "b"));
  EXPECT_THAT(strings_of(run("Concat", list(x(), words({1, 2}, {"z", "a"})), {{"axis", int64_t{0}}})[0]),
              ElementsAre("b", "a", "", "b", "z", "a"));
  const Tensor gathered =
      std::move(run("Gather", list(x(), Tensor::of<int64_t>({1}, {1})), {{"axis", int64_t{1}}})[0]);
  EXPECT_EQ(gathered.shape(), (Shape{2, 1}));
  EXPECT_THAT(strings_of(gathered), ElementsAre("a", "b"));
  EXPECT_THAT(
      strings_of(run("Where", list(Tensor::of<bool>({2, 1}, {true, false}), x(), words({}, {"no"})))[0]),
      ElementsAre("b", "a", "no", "no"));
  const auto unique = run("Unique", list(words({4}, {"y", "x", "y", "\xc3\xa9"})), {}, 4);
  EXPECT_THAT(strings_of(unique[0]), ElementsAre("x", "y", "\xc3\xa9"));
  EXPECT_THAT(unique[1].values<int64_t>(), ElementsAre(1, 0, 3));
  EXPECT_THAT(unique[2].values<int64_t>(), ElementsAre(1, 0, 1, 2));
}

TEST(Strings, AreComparedAndMeasured) {
  EXPECT_THAT(run("Equal", list(words({3}, {"a", "", "B"}), words({1}, {"a"})))[0].values<bool>(),
              ElementsAre(true, false, false));
  EXPECT_THAT(run("Shape", list(words({3, 1}, {"a", "", "B"})))[0].values<int64_t>(), ElementsAre(3, 1));
}

TEST(Strings, ConcatAndSplitAsPythonDoes) {
  EXPECT_THAT(strings_of(run("StringConcat", list(words({2, 1}, {"a", "b"}), words({2}, {"", ".x"})))[0]),
              ElementsAre("a", "a.x", "b", "b.x"));
  // 'a.com'.split('.'), 'x..y'.split('.'), ''.split('.')
  auto out =
      run("StringSplit", list(words({3}, {"a.com", "x..y", ""})), {{"delimiter", std::string(".")}}, 2);
  EXPECT_EQ(out[0].shape(), (Shape{3, 3}));
  EXPECT_THAT(strings_of(out[0]), ElementsAre("a", "com", "", "x", "", "y", "", "", ""));
  EXPECT_THAT(out[1].values<int64_t>(), ElementsAre(2, 3, 1));
  // ' hello  world '.split(), '  '.split(), 'a b c'.split(None, 1)
  out = run("StringSplit", list(words({2}, {" hello  world ", "  "})), {}, 2);
  EXPECT_THAT(strings_of(out[0]), ElementsAre("hello", "world", "", ""));
  EXPECT_THAT(out[1].values<int64_t>(), ElementsAre(2, 0));
  out = run("StringSplit", list(words({1}, {"a b c"})), {{"maxsplit", int64_t{1}}}, 2);
  EXPECT_THAT(strings_of(out[0]), ElementsAre("a", "b c"));
}

TEST(Strings, NormalizerChangesTheCaseOfWhatUnicodeHasCaseOf) {
  const std::vector<std::string> stop{"THE"};
  const auto x = [] { return words({1, 4}, {"The", "\xc3\x89t\xc3\xa9", "the", "\xff"}); };
  EXPECT_THAT(strings_of(run("StringNormalizer", list(x()),
                             {{"case_change_action", std::string("UPPER")}, {"stopwords", stop}})[0]),
              ElementsAre("\xc3\x89T\xc3\x89", "\xff"));
  EXPECT_EQ(run("StringNormalizer", list(x()),
                {{"case_change_action", std::string("LOWER")},
                 {"is_case_sensitive", int64_t{1}},
                 {"stopwords", stop}})[0]
                .num_elements(),
            4);
  const auto none = run("StringNormalizer", list(words({1, 1}, {"the"})), {{"stopwords", stop}});
  EXPECT_EQ(none[0].shape(), (Shape{1, 1}));
  EXPECT_THAT(strings_of(none[0]), ElementsAre(""));
}

// Bytes that are no character are not made one: an overlong "a", half a surrogate pair, beyond U+10FFFF, one cut short.
TEST(Strings, NormalizerLeavesWhatIsNoCharacter) {
  const std::vector<std::string> odd{"\xc1\xa1",         "\xe0\x81\xa1", "\xed\xa0\x80",
                                     "\xf7\xbf\xbf\xbf", "\xc3",         "\xf0\x9f"};
  const auto x = [&] { return words({static_cast<int64_t>(odd.size())}, odd); };
  for (const char* action : {"UPPER", "LOWER"})
    EXPECT_EQ(
        strings_of(run("StringNormalizer", list(x()), {{"case_change_action", std::string(action)}})[0]),
        odd);
}

TEST(Strings, NormalizerFollowsTheLanguageOfItsLocale) {
  const auto changed = [](const char* action, const char* locale, const char* text) {
    return strings_of(
        run("StringNormalizer", list(words({1}, {text})),
            {{"case_change_action", std::string(action)}, {"locale", std::string(locale)}})[0])[0];
  };
  // I and dotless i, dotted I and i; elsewhere dotted I has no small letter but i.
  for (const char* locale : {"tr_TR", "tr", "az_AZ.UTF-8", "tr-TR"}) {
    EXPECT_EQ(changed("LOWER", locale, "I\xc4\xb0"), "\xc4\xb1i") << locale;
    EXPECT_EQ(changed("UPPER", locale, "i\xc4\xb1z"), "\xc4\xb0IZ") << locale;
  }
  for (const char* locale : {"en_US", "C", "", "trx", "no such locale"}) {
    EXPECT_EQ(changed("LOWER", locale, "IZ"), "iz") << locale;
    EXPECT_EQ(changed("UPPER", locale, "i\xc4\xb1z"), "IIZ") << locale;
  }
}

TEST(Strings, CastReadsAndWritesNumbers) {
  const auto text = [](Tensor x) {
    return strings_of(run("Cast", list(std::move(x)), {{"to", int64_t{8}}})[0]);
  };
  EXPECT_THAT(text(Tensor::of<float>({5}, {314.15926f, 1e10f, 1e-7f, -0.f, 0.1f})),
              ElementsAre("314.15927", "10000000000", "0.0000001", "-0", "0.1"));
  EXPECT_THAT(text(Tensor::of<double>({4}, {NAN, INFINITY, -INFINITY, 0.1})),
              ElementsAre("NaN", "INF", "-INF", "0.1"));
  EXPECT_THAT(text(Tensor::of<int64_t>({1}, {INT64_MIN})), ElementsAre("-9223372036854775808"));
  EXPECT_THAT(text(Tensor::of<uint8_t>({1}, {200})), ElementsAre("200"));
  const auto number = [](std::vector<std::string> x, int64_t to) {
    const auto n = static_cast<int64_t>(x.size());
    return std::move(run("Cast", list(words({n}, std::move(x))), {{"to", to}})[0]);
  };
  EXPECT_THAT(number({"1e-5", "+3", "1E8", "-inf", "+INF", "1e400", "16777217.0000001"}, 1).values<float>(),
              ElementsAre(1e-5f, 3, 1e8f, -INFINITY, INFINITY, INFINITY, 16777218.f));
  EXPECT_TRUE(std::isnan(number({"nan"}, 1).values<float>()[0]));
  EXPECT_THAT(number({"9223372036854775807", "-5", "100.5"}, 7).values<int64_t>(),
              ElementsAre(INT64_MAX, -5, 100));
  EXPECT_THAT(error_of([&] { number({"Hello World!"}, 1); }), HasSubstr("\"Hello World!\" is no number"));
  EXPECT_THAT(error_of([&] { number({""}, 1); }), HasSubstr("is no number"));
  EXPECT_THAT(error_of([&] { number({"+-5"}, 7); }), HasSubstr("is no number"));
}

TEST(Strings, TfIdfCountsWords) {
  const Attributes a{{"mode", std::string("TF")},
                     {"min_gram_length", int64_t{1}},
                     {"max_gram_length", int64_t{2}},
                     {"max_skip_count", int64_t{0}},
                     {"ngram_counts", std::vector<int64_t>{0, 2}},
                     {"ngram_indexes", std::vector<int64_t>{2, 0, 1}},
                     {"pool_strings", std::vector<std::string>{"a", "b", "b", "a"}}};
  // a: twice, b: once, "b a": once
  EXPECT_THAT(run("TfIdfVectorizer", list(words({4}, {"b", "a", "c", "a"})), a)[0].values<float>(),
              ElementsAre(1, 1, 2));
}

TEST(Strings, OtherOpsRefuseThemByName) {
  EXPECT_THAT(error_of([] { run("Relu", list(words({1}, {"a"}))); }),
              HasSubstr("Relu \"n\": input 0 holds strings; Relu of strings is not supported"));
  EXPECT_THAT(
      error_of([] { infer_and_fold(one_node("Add", list(words({1}, {"a"}), words({1}, {"b"})), {}, 1)); }),
      HasSubstr("Add of strings is not supported"));
  EXPECT_THROW(words({1}, {"a"}).to_float(), Error);
  EXPECT_THROW(words({2}, {"a"}), Error);
}

TEST(Strings, MemoryIsBounded) {
  const std::vector<Tensor> in = list(words({1}, {std::string(1000, 'x')}), Tensor::of<int64_t>({1}, {1000}));
  const Graph g = one_node("Expand", in, {}, 1);
  EXPECT_THAT(error_of([&] { evaluate(g, in, {.max_bytes = 100'000}); }),
              HasSubstr("an output of strings takes more than"));
}

// A byte of the input is a string of its own in the output, and one long row makes all rows as long.
TEST(Strings, SplittingIsRefusedBeforeItIsDone) {
  constexpr int64_t kParts = 1 << 24, kRows = 1 << 10;
  std::vector<std::string> rows(kRows);
  rows[0] = std::string(kParts - 1, '.');
  const std::vector<Tensor> in = list(words({kRows}, std::move(rows)));
  const Graph g = one_node("StringSplit", in, {{"delimiter", std::string(".")}}, 2);
  // 2^34 strings, empty as they are; and no part is made of a row whose parts alone are too many.
  const auto peak_bytes = [] {
    struct rusage usage {};
    getrusage(RUSAGE_SELF, &usage);
    return int64_t{1024} * usage.ru_maxrss;
  };
  const int64_t before = peak_bytes();
  EXPECT_THAT(error_of([&] { evaluate(g, in, {.max_bytes = 1 << 24}); }),
              HasSubstr(fmt::format("StringSplit \"n\": its output takes {} bytes, 16777216 are left",
                                    kParts * kRows * static_cast<int64_t>(sizeof(std::string)))));
  EXPECT_LT(peak_bytes() - before, kParts * 8) << "a part is a string of 32 bytes";
}

TEST(Strings, WhatIsKnownOfConstantOnesIsFolded) {
  Graph g = one_node("Equal", {}, {}, 1);
  for (const char* name : {"p", "q"})
    g.nodes[0].inputs.push_back(
        g.add_initializer(name, std::make_shared<const Tensor>(words({2}, {"a", name}))));
  g = infer_and_fold(std::move(g));
  ASSERT_TRUE(g.nodes.empty());
  const Tensor* equal = g.initializer(g.outputs[0]);
  EXPECT_TRUE(equal->data<bool>()[0]);
  EXPECT_FALSE(equal->data<bool>()[1]);
}

TEST(Strings, ModelsKeepThem) {
  Graph g = one_node("Equal", list(words({2}, {"a", "b"})), {}, 1);
  g.nodes[0].inputs.push_back(
      g.add_initializer("names", std::make_shared<const Tensor>(words({2}, {"a", std::string("\0z", 2)}))));
  g.name = "g";
  Model model;
  model.graph = std::move(g);
  const Model back = parse_onnx(serialize_onnx(model), {"m", std::nullopt, {}});
  const Tensor* names = back.graph.initializer(back.graph.find("names"));
  ASSERT_NE(names, nullptr);
  EXPECT_THAT(strings_of(*names), ElementsAre("a", std::string("\0z", 2)));
  EXPECT_EQ(back.graph.type(back.graph.inputs[0]).format, &formats::kString);
}

}  // namespace
}  // namespace dunlin
