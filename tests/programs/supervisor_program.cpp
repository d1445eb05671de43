// The supervisor without the rest of the product: what the tests of sandbox/ start.
#include "sandbox/supervisor.h"

int main() {
  return sandbox::superviseContainers();
}
