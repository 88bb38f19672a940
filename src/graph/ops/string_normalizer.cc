#include <algorithm>
#include <cstdlib>
#include <cwctype>
#include <memory>
#include <unordered_set>

#include "graph/op.h"

namespace dunlin::ops {

namespace {

/// Changes the case of single characters of UTF-8; bytes that are none stay as they are.
class CaseChange {
 public:
  /// LOWER, UPPER or NONE.
  CaseChange(const NodeView& a, const std::string& action) : action_(action) {
    if (action != "LOWER" && action != "UPPER" && action != "NONE")
      a.error("case_change_action is \"{}\", LOWER, UPPER or NONE is expected", action);
  }

  std::string operator()(const std::string& text) const {
    if (action_ == "NONE") return text;
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const auto lead = static_cast<unsigned char>(text[i]);
      const size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
      uint32_t code = more == 0 ? lead : lead & (0x3fU >> more);
      bool valid = lead < 0x80 || more > 0;
      for (size_t k = 1; k <= more && valid; ++k) {
        valid = i + k < text.size() && (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
        if (valid) code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
      }
      if (!valid) {
        out += text[i++];
        continue;
      }
      append(out, changed(code));
      i += more + 1;
    }
    return out;
  }

 private:
  uint32_t changed(uint32_t code) const {
    const bool lower = action_ == "LOWER";
    if (code < 0x80) {
      if (lower ? code >= 'A' && code <= 'Z' : code >= 'a' && code <= 'z') code ^= 0x20;
      return code;
    }
    if (!locale_) return code;
    const auto wide = static_cast<wint_t>(code);
    return static_cast<uint32_t>(lower ? towlower_l(wide, locale_.get()) : towupper_l(wide, locale_.get()));
  }

  static void append(std::string& out, uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
      return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | code >> (6 * more));
    for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80 | (code >> (6 * k) & 0x3f));
  }

  struct Free {
    void operator()(locale_t l) const { freelocale(l); }
  };
  std::string action_;
  // Unicode's own mappings, whatever the process and the attribute `locale` say: the same result everywhere.
  std::unique_ptr<std::remove_pointer_t<locale_t>, Free> locale_{
      newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)};
};

}  // namespace

/// X [C] or [1, C] of strings -> those that are no stop words, their case changed; one "" when there is none.
extern constexpr OpDef kStringNormalizer{
    .name = "StringNormalizer",
    .since = 10,
    .source = "ONNX StringNormalizer",
    .infer =
        [](const InferArgs& a) {
          if (const Format f = a.format(0); f && f != &formats::kString)
            a.error("X is {}, strings are expected", f->name);
          Shape s = a.shape(0);
          if (s.rank() != 1 && (s.rank() != 2 || (s[0] >= 0 && s[0] != 1)))
            a.error("X is {}, [C] or [1, C] is expected", to_string(s));
          s[s.rank() - 1] = kUnknownDim;
          if (s.rank() == 2) s[0] = 1;
          return std::vector<Type>{{.format = &formats::kString, .shape = s}};
        },
    .forward =
        [](const OpCall& c) {
          const CaseChange change(c, c.attr_string("case_change_action", "NONE"));
          const bool exact = c.attr_int("is_case_sensitive", 0) != 0;
          const CaseChange fold(c, exact ? "NONE" : "LOWER");
          std::unordered_set<std::string> stop;
          if (const auto* words = find_attribute<std::vector<std::string>>(c.node(), "stopwords"))
            for (const std::string& word : *words) stop.insert(fold(word));
          std::vector<std::string> out;
          for (const std::string& s : c.input(0).strings())
            if (!stop.contains(fold(s))) out.push_back(change(s));
          if (out.empty()) out.emplace_back();
          Shape shape = c.input(0).shape();
          shape[shape.rank() - 1] = static_cast<int64_t>(out.size());
          c.give_strings(0, std::move(shape), std::move(out));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
