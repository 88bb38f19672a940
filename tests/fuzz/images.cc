// PNG and JPEG, by their content, on to what a model is given.
#include "fuzz.h"
#include "learn/data/image.h"
#include "learn/preprocess.h"

using namespace dunlin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::expect_answer([&] {
    Example example{decode_image(fuzz::bytes_of(data, size), "f"), true, {}};
    if (example.input.num_elements() > 1 << 16) return;
    Task task;
    task.input = {3, 5, 7};
    task.channels = Task::Channels::kRgb;
    std::vector<float> out(3 * 5 * 7);
    prepare_input(task, example, "f", out);
  });
  return 0;
}
