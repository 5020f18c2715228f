// The store with very many series: CPU time a sample, and memory, of simulated hosts that gather each 5 s.
//
// bench-series [HOSTS [GATHERS]]: writes gathers of so many hosts into a store, without clients and
// journal, and looks after it each second of theirs, as the server's thread does. Each line sums up six gathers. 10,000
// hosts have 700,000 series, and take 2 GB of memory, half of it the simulation's.

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "simulate/named.h"
#include "simulate/recording.h"
#include "store/store.h"

namespace {

using namespace resmon;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kInterval = 5;  // seconds
constexpr int kGathersALine = 6;
constexpr std::size_t kRecorded = 240;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double heap_megabytes() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

// Adds the time that the call takes; ends the program where it fails.
template <class Call>
void timed(double& seconds, const Call& call) {
  const double begin = cpu_seconds();
  if (const auto done = call(); !done) {
    std::fprintf(stderr, "bench-series: error: %s\n", done.error().message.c_str());
    std::exit(1);
  }
  seconds += cpu_seconds() - begin;
}

int run(int hosts, int gathers) {
  std::string directory = (std::filesystem::temp_directory_path() / "resmon-bench-series.XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) {
    std::perror("bench-series: error: no directory for the store");
    return 1;
  }
  metric::SchemaTable schemas;
  const simulate::Recording recording(1, simulate::Profile::kNormal, schemas, kRecorded,
                                      std::chrono::seconds(kInterval));
  std::vector<simulate::Named> named;
  for (int i = 0; i < hosts; ++i) named.emplace_back(schemas, "load-" + std::to_string(i));
  store::Options options;
  options.directory = directory;
  options.retain = std::chrono::seconds(0);
  auto opened = store::Store::open(options, schemas);
  if (!opened) {
    std::fprintf(stderr, "bench-series: error: %s\n", opened.error().message.c_str());
    return 1;
  }
  store::Store& store = **opened;
  UnixNanos now = 1'780'000'000 * kSecond;
  metric::Batch plain;
  metric::Batch batch;
  double seconds = 0;
  double before = 0;
  std::uint64_t samples = 0;
  std::uint64_t samples_before = 0;
  for (int gather = 0; gather < gathers; ++gather) {
    const UnixNanos time = now;
    for (int host = 0; host < hosts; ++host) {
      if (host % std::max(hosts / kInterval, 1) == 0) timed(seconds, [&] { return store.maintain(now += kSecond); });
      plain.clear();
      batch.clear();
      batch.pin(schemas);
      recording.gather(static_cast<std::uint64_t>(gather + host), time, plain);
      named[static_cast<std::size_t>(host)].add(plain, batch);
      samples += batch.samples();
      timed(seconds, [&] { return store.write(batch); });
    }
    if (gather % kGathersALine != kGathersALine - 1) continue;
    const store::Stats stats = store.stats();
    std::printf(
        "gather %4d: %.3f us a sample; heads %.0f MB, %.1f M rows; %llu chunks, %.0f MB of disk; heap %.0f MB\n",
        gather + 1, (seconds - before) / static_cast<double>(samples - samples_before) * 1e6,
        static_cast<double>(stats.head_bytes) / 1e6, static_cast<double>(stats.head_rows) / 1e6,
        static_cast<unsigned long long>(stats.chunks), static_cast<double>(stats.disk_bytes) / 1e6, heap_megabytes());
    std::fflush(stdout);
    before = seconds;
    samples_before = samples;
  }
  std::printf("%llu series, %.0f M samples: %.3f us a sample\n", static_cast<unsigned long long>(store.stats().groups),
              static_cast<double>(samples) / 1e6, seconds / static_cast<double>(samples) * 1e6);
  std::fflush(stdout);
  std::filesystem::remove_all(directory);
  std::_Exit(0);  // to seal all heads is not what is measured
}

}  // namespace

int main(int argc, char** argv) {
  int numbers[] = {10'000, 60};
  for (int i = 1; i < argc; ++i) {
    char* end = nullptr;
    const long number = std::strtol(argv[i], &end, 10);
    if (i > 2 || *end != '\0' || number < 1 || number > 1'000'000) {
      std::fprintf(stderr, "Usage: bench-series [HOSTS [GATHERS]]\nBoth are numbers from 1; default 10000 60.\n");
      return 2;
    }
    numbers[i - 1] = static_cast<int>(number);
  }
  return run(numbers[0], numbers[1]);
}
