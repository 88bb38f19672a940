#include <cstdio>

#include "dunlin/session.h"

int main(int, char** argv) {
  dunlin::Session session = dunlin::Session::load(argv[1]);
  std::map<std::string, dunlin::Tensor> in;
  in.emplace("input", dunlin::Tensor(dunlin::format_of<float>(), {2, 1, 4, 4}));
  const auto out = session.run(in);
  std::printf("%s\n", dunlin::to_string(out[0].shape()).c_str());
  return out[0].num_elements() == 2 * 3 ? 0 : 1;
}
