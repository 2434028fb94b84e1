// SPDX-License-Identifier: MIT
// Queueing: rows of tasks that really are written, not left folded, each batch on the disk before
// the next.
#include "figures.h"
#include "home.h"

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("enqueue", argc, argv);
  const int rows = bench.quick() ? 2'000 : 300'000;
  const auto labourers = one_labourer(1);

  Samples thousand, ten_thousand;
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    for (const int batch : {1'000, 10'000}) {
      const auto store = open_store(bench.fresh_folder(), Synchronous::full);
      (batch == 1'000 ? thousand : ten_thousand)
          .add(rows / queue_rows(*store, labourers, rows, batch));
    }
  }
  bench.add({"rows queued, 1,000 in a commit, FULL", "rows/s", thousand, 200'000});
  bench.add({"rows queued, 10,000 in a commit, FULL", "rows/s", ten_thousand, 200'000});
  return bench.finish();
}
