// Alerts: CPU and memory of 30 rules on 1,000 simulated hosts.
//
// The cost of evaluating rules: 1,000 simulated hosts, a gather each 5 s, the built-in rules and more up to 30. Beside
// it the floor: the same rows with no rule. Prints CPU seconds a second of samples, as a share of one core, and the
// engine's heap.

#include <malloc.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alert/engine.h"
#include "alert/notifier.h"
#include "simulate/host_model.h"
#include "simulate/named.h"

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kHosts = 1000;
constexpr int kRounds = 24;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// What the heap has given out. There is one thread, so what grows while the engine works is the engine's.
double heap_mib() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1048576;
}

std::string more_rules() {
  std::string out;
  const char* const conditions[] = {"mean(cpu{cpu=\"cpu-total\"}.usage_active, 5m) > 99.9",
                                    "mem.used_percent > 99.9",
                                    "max(system.load1, 5m) > 1000",
                                    "rate(net.bytes_recv, 5m) > 100GiB",
                                    "diskio.io_util > 1000",
                                    "netstat.tcp_established > 1000000",
                                    "processes.zombies > 100000"};
  for (std::size_t i = 0; i < std::size(conditions); ++i)
    out += "[rule.more-" + std::to_string(i) + "]\nwhen = '" + conditions[i] + "'\nfor = \"1m\"\n";
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
  const auto read = alert::read_config(more_rules(), "bench");
  const alert::Config none;
  if (!read) {
    std::fprintf(stderr, "%s\n", read.error().message.c_str());
    return 1;
  }
  metric::SchemaTable schemas;
  std::vector<simulate::HostModel> models;
  std::vector<fleet::Host> hosts(kHosts);
  std::vector<simulate::Named> named;
  models.reserve(kHosts);
  named.reserve(kHosts);
  for (int i = 0; i < kHosts; ++i) {
    models.emplace_back(static_cast<std::uint64_t>(i), simulate::Profile::kNormal, schemas);
    named.emplace_back(schemas, "host" + std::to_string(i));
    hosts[static_cast<std::size_t>(i)].name = "host" + std::to_string(i);
    hosts[static_cast<std::size_t>(i)].interval = std::chrono::seconds(5);
  }
  double memory = 0;
  alert::Engine floor(none, schemas), engine(*read, schemas);
  alert::Notifier notifier(engine, {});
  UnixNanos now = 1'780'000'000 * kSecond;
  double floor_seconds = 0, engine_seconds = 0, tick_seconds = 0;
  std::size_t messages = 0;
  for (int round = 0; round < kRounds + 1; ++round) {
    now += 5 * kSecond;
    std::vector<metric::Batch> gathers(kHosts);
    for (int i = 0; i < kHosts; ++i) {
      auto& batch = gathers[static_cast<std::size_t>(i)];
      batch.pin(schemas);
      metric::Batch rows;
      models[static_cast<std::size_t>(i)].gather(now, rows);
      named[static_cast<std::size_t>(i)].add(rows, batch);
    }
    const double held = heap_mib();
    const double begin = cpu_seconds();
    for (const metric::Batch& batch : gathers) floor.observe(batch, now);
    const double middle = cpu_seconds();
    memory -= heap_mib() - held;  // the floor's
    for (const metric::Batch& batch : gathers) engine.observe(batch, now);
    const double late = cpu_seconds();
    for (fleet::Host& host : hosts) host.last_seen = now;
    engine.tick(now, hosts);
    messages += notifier.run(now, {}).size();
    memory += heap_mib() - held;
    if (round == 0) continue;  // plans are made
    floor_seconds += middle - begin;
    engine_seconds += late - middle;
    tick_seconds += cpu_seconds() - late;
  }
  const double seconds = 5.0 * kRounds;
  const auto stats = engine.stats();
  const char* const form =
      json ? "{\"hosts\": %d, \"rules\": %zu, \"series\": %zu, \"core_percent\": %.4f, \"tick_core_percent\": %.4f, "
             "\"floor_core_percent\": %.4f, \"memory_mib\": %.1f, \"messages\": %zu}\n"
           : "%d hosts, %zu rules, %zu series: rows %.3f %% of a core, ticks %.3f %%; without rules %.3f %%; "
             "%.1f MiB; %zu messages\n";
  std::printf(form, kHosts, read->rules.size(), stats.alerts, 100 * engine_seconds / seconds,
              100 * tick_seconds / seconds, 100 * floor_seconds / seconds, memory, messages);
  return 0;
}
