// Gathers: the cost of the client's own code, without the kernel's.
//
// Gathers without pause, encodes as the client does, and says what one costs: what of the client's CPU time is its own
// code and not the kernel's. For profilers that count instructions (valgrind --tool=callgrind), which no other load on
// the machine disturbs: bench/agent.sh --instructions runs it twice, with few gathers and with many, and divides the
// difference.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "collect/gather.h"
#include "wire/samples.h"

namespace {

int usage(int code) {
  std::fprintf(code == 0 ? stdout : stderr,
               "Usage: bench-gather [--gathers N] [--without COLLECTOR] [--only COLLECTOR]\n"
               "Gathers N times (default 1000) without pause and prints CPU time and wire bytes of one as JSON.\n");
  return code;
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  long gathers = 1000;
  collect::GatherOptions options;
  options.interval = std::chrono::seconds(1);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") return usage(0);
    if (argument == "--json") continue;
    if (i + 1 >= argc) return usage(2);
    const std::string value = argv[++i];
    if (argument == "--gathers") {
      gathers = std::max(1L, std::strtol(value.c_str(), nullptr, 10));
    } else if (argument == "--without") {
      options.collectors[value].enabled = false;
    } else if (argument == "--only") {
      for (const collect::CollectorInfo& info : collect::registry())
        options.collectors[std::string(info.name)].enabled = info.name == value;
    } else {
      return usage(2);
    }
  }
  metric::SchemaTable schemas;
  auto made = collect::Gatherer::make(std::move(options), schemas);
  if (!made) {
    std::fprintf(stderr, "bench-gather: %s\n", made.error().message.c_str());
    return 1;
  }
  wire::SampleEncoder encoder(schemas);
  metric::Batch batch;
  std::string out;
  std::size_t bytes = 0;
  UnixNanos time = Clock::system().wall();
  double begin = 0;
  for (long i = 0; i <= gathers; ++i) {
    batch.clear();
    out.clear();
    (*made)->gather_all(time += 1'000'000'000, batch);
    const std::array one{static_cast<const metric::Batch*>(&batch)};
    encoder.encode(static_cast<std::uint64_t>(i + 1), one, out);
    if (i == 0)
      begin = cpu_seconds();  // the first opens files and declares schemas
    else
      bytes += out.size();
  }
  const auto n = static_cast<double>(gathers);
  std::printf(
      "{\"gathers\":%ld,\"samples_per_gather\":%zu,\"cpu_microseconds_per_gather\":%.2f,\"wire_bytes_per_gather\":%.1f}"
      "\n",
      gathers, batch.samples(), (cpu_seconds() - begin) * 1e6 / n, static_cast<double>(bytes) / n);
  return 0;
}
