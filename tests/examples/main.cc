// Runs the examples that need neither a model nor a fleet; the others need only compile.
#include "expect.h"

void error_example();
void format_example();
void half_example();
void run_context_example();
void shape_example();
void tensor_example();

int main() {
  error_example();
  format_example();
  half_example();
  run_context_example();
  shape_example();
  tensor_example();
  return failures() == 0 ? 0 : 1;
}
