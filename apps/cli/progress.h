// Progress of long work: a bar with rate and time left on a terminal, plain lines otherwise, on stderr.
#pragma once

#include <string>

namespace dunlin::cli {

class ProgressBar {
 public:
  /// `quiet` shows nothing at all.
  explicit ProgressBar(bool quiet);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `fraction` in [0, 1]; `text` describes what goes on: "epoch 2/5  loss 0.412  3100 samples/s".
  /// seconds_left < 0: not known.
  void update(double fraction, const std::string& text, double seconds_left);
  /// Ends the line, leaving `text` (nothing when empty).
  void finish(const std::string& text = {});

 private:
  bool quiet_, terminal_;
  double last_shown_ = -1e9;
  bool line_open_ = false;
};

/// "2 min 05 s"
std::string human_seconds(double seconds);

}  // namespace dunlin::cli
