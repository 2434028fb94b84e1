// SPDX-License-Identifier: MIT
// For lambda_host_test: an engine that is killed. Runs `argv[2]` as the worker of one labourer in
// the folder argv[1], gives it one task, and waits for its end.
#include <unistd.h>

#include "local/lambda_host.h"

int main(int argc, char** argv) {
  using namespace sosw;
  if (argc != 3) return 2;
  Labourer labourer;
  labourer.id = "worker";
  labourer.settings = {{"command", {"sh", "-c", argv[2]}}};
  local::LambdaHost::Options options;
  options.data_folder = options.project_folder = argv[1];
  auto host = local::LambdaHost::start(std::move(options), {{"worker", labourer}});
  if (!host) return 1;
  const engine::Invocation task{"task", "c1", "{}", &labourer};
  if ((*host)->invoke({&task, 1}).front().outcome != engine::Invoked::Outcome::accepted) return 1;
  pause();
}
