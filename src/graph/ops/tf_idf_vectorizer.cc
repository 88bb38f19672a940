#include <algorithm>
#include <map>
#include <unordered_map>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"mode='TF' min_gram_length=2 max_gram_length=2 max_skip_count=5 ngram_counts=[0,4] "
     "ngram_indexes=[0,1,2,3,4,5,6] "
     "pool_int64s=[2,3,5,4,5,6,7,8,6,7]",
     "i32[2,6]@1..9"},
    {"mode='TFIDF' min_gram_length=1 max_gram_length=2 max_skip_count=0 ngram_counts=[0,2] "
     "ngram_indexes=[2,0,4] "
     "pool_int64s=[2,3,2,3] weights=[0.5,2.5,4.5]",
     "i64{2,3,2,3,3}"},
    {"mode='IDF' min_gram_length=1 max_gram_length=1 max_skip_count=3 ngram_counts=[0] ngram_indexes=[1,0] "
     "pool_int64s=[2,3]",
     "i64[2,0]{}"}};

enum class Mode : uint8_t { kTf, kIdf, kTfIdf };

struct Grams {
  Mode mode = Mode::kTf;
  int64_t shortest = 1, longest = 1, most_skipped = 0;
  std::vector<int64_t> coordinates;  ///< of each n-gram of the pool in the output
  std::vector<float> weights;
  int64_t size = 0;                               ///< of the output
  std::map<std::vector<int64_t>, size_t> number;  ///< of the n-grams looked for, in the pool
  bool of_strings = false;
  std::unordered_map<std::string, int64_t> word;  ///< of a pool of strings, each word's number
  std::vector<int64_t> lengths;                   ///< which n-grams looked for have
};

Grams read_grams(const NodeView& a) {
  Grams g;
  const std::string mode = a.attr_string("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    a.error("mode is \"{}\", TF, IDF or TFIDF is expected", mode);
  g.mode = mode == "TF" ? Mode::kTf : mode == "IDF" ? Mode::kIdf : Mode::kTfIdf;
  g.shortest = a.attr_int("min_gram_length", 0);
  g.longest = a.attr_int("max_gram_length", 0);
  g.most_skipped = a.attr_int("max_skip_count", -1);
  std::vector<int64_t> pool = a.attr_ints("pool_int64s");
  if (const auto* words = find_attribute<std::vector<std::string>>(a.node(), "pool_strings")) {
    if (!pool.empty()) a.error("has both pool_int64s and pool_strings");
    for (const std::string& word : *words)
      pool.push_back(g.word.try_emplace(word, static_cast<int64_t>(g.word.size())).first->second);
    g.of_strings = true;
  }
  const std::vector<int64_t> starts = a.attr_ints("ngram_counts");
  if (g.shortest < 1 || g.longest < g.shortest || g.longest > static_cast<int64_t>(starts.size()))
    a.error("n-grams of {} to {} elements are asked for, ngram_counts knows 1 to {}", g.shortest, g.longest,
            starts.size());
  if (g.most_skipped < 0) a.error("max_skip_count is {}, 0 or more is expected", g.most_skipped);
  g.coordinates = a.attr_ints("ngram_indexes");
  if (const auto* weights = find_attribute<std::vector<float>>(a.node(), "weights")) g.weights = *weights;
  if (!g.weights.empty() && g.weights.size() != g.coordinates.size())
    a.error("there are {} weights for {} n-grams", g.weights.size(), g.coordinates.size());
  for (int64_t i : g.coordinates) {
    if (i < 0 || i >= int64_t{1} << 48) a.error("ngram_indexes holds {}, 0 to 2^48 is expected", i);
    g.size = std::max(g.size, i + 1);
  }
  size_t next = 0;
  for (size_t n = 1; n <= starts.size(); ++n) {
    const int64_t begin = starts[n - 1],
                  end = n < starts.size() ? starts[n] : static_cast<int64_t>(pool.size());
    if (begin < 0 || end < begin || end > static_cast<int64_t>(pool.size()) ||
        (end - begin) % static_cast<int64_t>(n) != 0)
      a.error("ngram_counts puts n-grams of {} at {} to {} of a pool of {}", n, begin, end, pool.size());
    const bool wanted = static_cast<int64_t>(n) >= g.shortest && static_cast<int64_t>(n) <= g.longest;
    if (wanted && begin < end) g.lengths.push_back(static_cast<int64_t>(n));
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); i += n, ++next)
      if (wanted)
        g.number.emplace(std::vector<int64_t>(pool.begin() + static_cast<int64_t>(i),
                                              pool.begin() + static_cast<int64_t>(i + n)),
                         next);
  }
  if (next != g.coordinates.size())
    a.error("the pool has {} n-grams, ngram_indexes {} entries", next, g.coordinates.size());
  return g;
}

/// The elements of a row; a word that is not in the pool is a number that no n-gram holds.
std::vector<int64_t> elements_of(const Grams& g, const Tensor& x) {
  if (!g.of_strings) return to_ints(x);
  std::vector<int64_t> out;
  for (const std::string& s : x.strings()) {
    const auto it = g.word.find(s);
    out.push_back(it == g.word.end() ? -1 : it->second);
  }
  return out;
}

/// How far apart the elements of an n-gram in a row may lie. A single element has no gaps.
int64_t most_apart(const Grams& g, int64_t n, int64_t length) {
  return n == 1 ? 1 : std::min(g.most_skipped, (length - 1) / (n - 1) - 1) + 1;
}

/// Elements of the pool's table and of the row that count_grams() reads.
double steps_of_row(const Grams& g, int64_t length) {
  auto steps = static_cast<double>(g.coordinates.size());
  for (int64_t n : g.lengths) {
    if (n > length) break;
    // first goes from 0 to length - (n - 1) * apart - 1
    const auto most = static_cast<double>(most_apart(g, n, length));
    const double places = most * (static_cast<double>(length) - static_cast<double>(n - 1) * (most + 1) / 2);
    steps += places * static_cast<double>(n);
  }
  return steps;
}

/// How often each n-gram of the pool occurs in a row.
std::vector<int64_t> count_grams(const Grams& g, const int64_t* row, int64_t length) {
  std::vector<int64_t> counts(g.coordinates.size(), 0);
  std::vector<int64_t> gram;
  for (int64_t n : g.lengths) {
    if (n > length) break;
    for (int64_t step = 1; step <= most_apart(g, n, length); ++step)
      for (int64_t first = 0; first + (n - 1) * step < length; ++first) {
        gram.clear();
        for (int64_t k = 0; k < n; ++k) gram.push_back(row[first + k * step]);
        if (const auto it = g.number.find(gram); it != g.number.end()) ++counts[it->second];
      }
  }
  return counts;
}

}  // namespace

/// X [C] or [N, C] of integers or strings -> counts of the n-grams in pool_int64s or pool_strings, weighted by mode.
extern constexpr OpDef kTfIdfVectorizer{
    .name = "TfIdfVectorizer",
    .since = 9,
    .source = "ONNX TfIdfVectorizer",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          if (x.rank() != 1 && x.rank() != 2) a.error("X is {}, [C] or [N, C] is expected", to_string(x));
          const Grams grams = read_grams(a);
          const Format f = a.format(0);
          if (f && (grams.of_strings ? f != &formats::kString : f != &formats::kI32 && f != &formats::kI64))
            a.error("X is {}, {} is expected", f->name, grams.of_strings ? "string" : "i32 or i64");
          const int64_t size = grams.size;
          return std::vector<Type>{
              {.format = &formats::kF32, .shape = x.rank() == 1 ? Shape{size} : Shape{x[0], size}}};
        },
    .forward =
        [](const OpCall& c) {
          const Grams g = read_grams(c);
          const Shape& s = c.input(0).shape();
          const int64_t rows = s.rank() == 1 ? 1 : s[0], length = s[s.rank() - 1];
          const std::vector<int64_t> x = elements_of(g, c.input(0));
          const auto y = c.out<float>(0);
          if (y.size() == 0) return;
          check_steps(c, static_cast<double>(rows) * steps_of_row(g, length));
          for (int64_t r = 0; r < rows; ++r) {
            const std::vector<int64_t> counts = count_grams(g, x.data() + r * length, length);
            for (size_t i = 0; i < counts.size(); ++i) {
              if (counts[i] == 0) continue;
              const float weight = g.mode == Mode::kTf || g.weights.empty() ? 1 : g.weights[i];
              const float count = g.mode == Mode::kIdf ? 1 : static_cast<float>(counts[i]);
              y[static_cast<size_t>(r * g.size + g.coordinates[i])] += weight * count;
            }
          }
        },
    .stops_gradient = true,
    .strings = Strings::kTaken,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
