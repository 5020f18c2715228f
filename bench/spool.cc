// The client's spool on disk: cost of a gather, and how fast it drains.
//
// bench-spool: what a client's spool on disk costs and how fast it drains. Simulated gathers are pushed as a client
// does, first with a server that acknowledges each at once, then with none; then all that waits is fetched and encoded
// as for a server. Arguments: a directory on the device to measure, and how many gathers.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

#include "simulate/host_model.h"
#include "uplink/spool.h"
#include "wire/samples.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Cost {
  double seconds = 0;
  double cpu = 0;
};

class Meter {
 public:
  Cost stop() const {
    return {std::chrono::duration<double>(Clock::now() - begin_).count(),
            static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC};
  }

 private:
  Clock::time_point begin_ = Clock::now();
  std::clock_t cpu_ = std::clock();
};

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  if (argc != 3) {
    std::fprintf(stderr, "Usage: bench-spool DIRECTORY GATHERS\n");
    return 2;
  }
  const int count = std::atoi(argv[2]);
  const std::string directory = std::string(argv[1]) + "/spool";
  std::filesystem::remove_all(directory);
  metric::SchemaTable schemas;
  simulate::HostModel model(1, simulate::Profile::kNormal, schemas);
  UnixNanos time = 1'700'000'000'000'000'000;
  std::uint64_t samples = 0;
  const auto run = [&](uplink::Spool& spool, bool acknowledge) {
    double cpu = 0;
    for (int i = 0; i < count; ++i) {
      metric::Batch batch = spool.take_empty();
      model.gather(time, batch);
      time += 5'000'000'000;
      samples += batch.samples();
      const std::clock_t begin = std::clock();
      const std::uint64_t sequence = spool.push(std::move(batch));
      if (acknowledge) spool.acknowledge(sequence);
      cpu += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    }
    return cpu / count * 1e6;
  };
  uplink::SpoolOptions options;
  {
    uplink::Spool memory(64U << 20U);
    std::printf("in memory, acknowledged    %8.2f us CPU a gather\n", run(memory, true));
  }
  options.disk.directory = directory;
  options.disk.limit_bytes = 1U << 30U;
  options.disk.owner = "bench";
  {
    uplink::Spool disk(options, schemas);
    std::printf("on disk, acknowledged      %8.2f us CPU a gather\n", run(disk, true));
  }
  {
    uplink::Spool disk(options, schemas);
    samples = 0;
    std::printf("on disk, no server         %8.2f us CPU a gather\n", run(disk, false));
    std::printf("%.0f samples a gather, %.2f B a sample on disk\n", static_cast<double>(samples) / count,
                static_cast<double>(disk.disk_bytes()) / static_cast<double>(samples));
  }
  Meter opening;
  uplink::Spool disk(options, schemas);
  std::printf("opened in                  %8.3f s\n", opening.stop().seconds);
  Meter draining;
  wire::SampleEncoder encoder(schemas);
  std::string out;
  std::uint64_t bytes = 0;
  std::uint64_t batches = 0;
  for (std::uint64_t next = disk.first(); !disk.empty();) {
    const uplink::Spool::Run run_of = disk.fetch(next, 256, 1U << 20U);
    if (run_of.batches.empty()) break;
    out.clear();
    encoder.encode(run_of.first, run_of.batches, out);
    bytes += out.size();
    batches += run_of.batches.size();
    next = run_of.first + run_of.batches.size();
    disk.sent(next - 1);
    disk.acknowledge(next - 1);
  }
  const Cost cost = draining.stop();
  std::printf("drained %llu gathers in %.3f s (%.3f s CPU): %.0f gathers/s, %.2f M samples/s, %.2f B a sample\n",
              static_cast<unsigned long long>(batches), cost.seconds, cost.cpu,
              static_cast<double>(batches) / cost.seconds, static_cast<double>(samples) / cost.seconds / 1e6,
              static_cast<double>(bytes) / static_cast<double>(samples));
  return batches == static_cast<std::uint64_t>(count) ? 0 : 1;
}
