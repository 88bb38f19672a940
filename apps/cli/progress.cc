#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/clock.h"

namespace dunlin::cli {

namespace {
/// Progress that cannot be shown (the log's disk is full, its reader gone) must not end the work.
void show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}
}  // namespace

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::update(double fraction, const std::string& text, double seconds_left) {
  // A terminal is redrawn ten times a second; a log file gets a line every five seconds.
  const double now = monotonic_seconds();
  if (quiet_ || now - last_shown_ < (terminal_ ? 0.1 : 5.0)) return;
  last_shown_ = now;
  const std::string left = seconds_left < 0 ? "" : "  " + human_seconds(seconds_left) + " left";
  fraction = std::clamp(fraction, 0.0, 1.0);
  if (terminal_) {
    constexpr int kWidth = 24;
    const int done = static_cast<int>(fraction * kWidth);
    show(fmt::format("\r\033[K[{}{}] {:3.0f} %  {}{}", std::string(static_cast<size_t>(done), '#'),
                     std::string(static_cast<size_t>(kWidth - done), '.'), fraction * 100, text, left));
    line_open_ = true;
  } else {
    show(fmt::format("{:3.0f} %  {}{}\n", fraction * 100, text, left));
  }
}

void ProgressBar::finish(const std::string& text) {
  if (quiet_) return;
  if (line_open_) show("\r\033[K");
  line_open_ = false;
  if (!text.empty()) show(text + "\n");
}

std::string human_seconds(double seconds) {
  const auto s = static_cast<long>(std::ceil(std::max(seconds, 0.0)));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

}  // namespace dunlin::cli
