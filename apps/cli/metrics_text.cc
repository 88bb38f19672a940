#include "metrics_text.h"

#include <fmt/format.h>

namespace dunlin::cli {

namespace {
std::string label(const Task& task, int64_t c) {
  return static_cast<size_t>(c) < task.labels.size() ? task.labels[static_cast<size_t>(c)]
                                                     : std::to_string(c);
}
}  // namespace

Json metrics_json(const Metrics& m, const Task& task, bool confusion) {
  Json out = {{"loss", m.loss()}, {"accuracy", nullptr}, {"samples", m.samples}};
  if (m.has_classes) out["accuracy"] = m.accuracy();
  if (m.has_classes && m.confusion.classes() > 5) out["top5"] = m.top5();
  if (confusion && m.has_classes) {
    Json rows = Json::array(), labels = Json::array();
    for (int64_t t = 0; t < m.confusion.classes(); ++t) {
      Json row = Json::array();
      for (int64_t p = 0; p < m.confusion.classes(); ++p) row.push_back(m.confusion.at(t, p));
      rows.push_back(row);
      labels.push_back(label(task, t));
    }
    out["labels"] = labels;
    out["confusion"] = rows;
  }
  return out;
}

std::string metrics_text(const Metrics& m, const Task& task, bool confusion) {
  std::string out = fmt::format("loss {:.4f}", m.loss());
  if (m.has_classes) out += fmt::format(", accuracy {:.2f} %", m.accuracy() * 100);
  out += fmt::format(" on {} samples\n", m.samples);
  if (!confusion || !m.has_classes) return out;
  out += "\nrows: what it is; columns: what it was taken for\n";
  for (int64_t t = 0; t < m.confusion.classes(); ++t) {
    out += fmt::format("{:>16.16}", label(task, t));
    for (int64_t p = 0; p < m.confusion.classes(); ++p) out += fmt::format(" {:>6}", m.confusion.at(t, p));
    out += fmt::format("   recall {:5.1f} %\n", m.confusion.recall(t) * 100);
  }
  return out;
}

}  // namespace dunlin::cli
