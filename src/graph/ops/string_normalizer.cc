#include <algorithm>
#include <cstdlib>
#include <cwctype>
#include <memory>
#include <unordered_set>

#include "base/utf8.h"
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
    const std::string locale = a.attr_string("locale", "en_US");
    const std::string language = locale.substr(0, locale.find_first_of("_-.@"));
    turkic_ = language == "tr" || language == "az";
  }

  std::string operator()(const std::string& text) const {
    if (action_ == "NONE") return text;
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const auto c = code_point_at(text, i);
      if (!c) {
        out += text[i++];
        continue;
      }
      append_utf8(out, changed(c->code));
      i += c->bytes;
    }
    return out;
  }

 private:
  uint32_t changed(uint32_t code) const {
    const bool lower = action_ == "LOWER";
    constexpr uint32_t kDottedCapital = 0x130, kDotlessSmall = 0x131;
    if (turkic_ && lower && (code == 'I' || code == kDottedCapital)) return code == 'I' ? kDotlessSmall : 'i';
    if (turkic_ && !lower && (code == 'i' || code == kDotlessSmall))
      return code == 'i' ? kDottedCapital : 'I';
    if (code < 0x80) {
      if (lower ? code >= 'A' && code <= 'Z' : code >= 'a' && code <= 'z') code ^= 0x20;
      return code;
    }
    if (!unicode_) return code;
    const auto wide = static_cast<wint_t>(code);
    return static_cast<uint32_t>(lower ? towlower_l(wide, unicode_.get()) : towupper_l(wide, unicode_.get()));
  }

  struct Free {
    void operator()(locale_t l) const { freelocale(l); }
  };
  std::string action_;
  // Unicode maps single characters alike in every language but these (SpecialCasing.txt), so neither what is installed
  // nor the process's own locale matters: the same result everywhere.
  bool turkic_ = false;
  std::unique_ptr<std::remove_pointer_t<locale_t>, Free> unicode_{
      newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)};
};

}  // namespace

/// X [C] or [1, C] of strings -> those that are no stop words, their case changed; one "" when there is none.
/// `locale` counts by its language alone: Turkish and Azerbaijani have i with and without a dot.
extern constexpr OpDef kStringNormalizer{
    .name = "StringNormalizer",
    .since = 10,
    .source = "ONNX StringNormalizer",
    .inputs = 1,
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
