// The journal: records and bytes a second made durable, and the slowest fdatasync.
//
// bench-journal: the cost of lib/journal. Prints a line for each case: records and bytes a second appended, made
// durable included, and the slowest fdatasync. Arguments: a directory on the device to measure, and megabytes for each
// case.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "journal/journal.h"

namespace {

using resmon::journal::Journal;
using resmon::journal::Options;
using resmon::journal::Reader;
using resmon::journal::ReaderOptions;
using resmon::journal::Sync;
using Clock = std::chrono::steady_clock;

struct Case {
  const char* name;
  std::size_t record_bytes;
  std::size_t batch;
  Sync sync;
  bool reader;
};

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int measure(const Case& one, const std::string& directory, std::uint64_t bytes) {
  std::filesystem::remove_all(directory);
  Options options;
  options.directory = directory;
  options.limit_bytes = bytes + (256U << 20U);
  options.buffer_bytes = 96U << 20U;
  options.sync = one.sync;
  auto opened = Journal::open(options);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  Journal& journal = **opened;
  const std::string record(one.record_bytes, 'x');
  const std::vector<std::string_view> batch(one.batch, record);
  const std::uint64_t records = bytes / one.record_bytes / one.batch * one.batch;

  std::thread reading;
  if (one.reader) {
    Reader* const reader = *journal.reader({.name = "bench"});
    reading = std::thread([reader, records] {
      for (std::uint64_t last = 0; last < records;) {
        const auto got = reader->read(1U << 20U, Clock::now() + std::chrono::seconds(60));
        if (!got || got->empty()) break;
        last = got->back().position;
        reader->commit(last);
      }
    });
  }
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  std::uint64_t refused = 0;
  for (std::uint64_t done = 0; done < records;) {
    if (journal.append(batch)) {
      done += one.batch;
    } else {
      ++refused;
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }
  const double appended = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!journal.commit()) return 1;
  const double durable = std::chrono::duration<double>(Clock::now() - begin).count();
  if (reading.joinable()) reading.join();
  const double total = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto stats = journal.stats();
  std::printf(
      "%-34s %9.0f records/s %7.1f MB/s appended %7.1f MB/s durable  %.2f CPU s/GB  %llu syncs, last %.1f ms%s\n",
      one.name, static_cast<double>(records) / appended, static_cast<double>(bytes) / appended / 1e6,
      static_cast<double>(bytes) / durable / 1e6, (cpu_seconds() - cpu) / (static_cast<double>(bytes) / 1e9),
      static_cast<unsigned long long>(stats.syncs), static_cast<double>(stats.last_sync_duration.count()) / 1e6,
      refused > 0 ? "  (waited)" : "");
  if (one.reader)
    std::printf("%-34s %.1f MB/s through append, sync and read\n", "", static_cast<double>(bytes) / total / 1e6);
  opened->reset();
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = std::string(argc > 1 ? argv[1] : ".") + "/bench-journal.tmp";
  const std::uint64_t bytes = (argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 1000U) * 1000000U;
  for (const Case& one :
       {Case{"64 KiB, sync every 100 ms", 65536, 1, Sync::kInterval, false},
        Case{"64 KiB, immediate", 65536, 1, Sync::kImmediate, false}, Case{"64 KiB, off", 65536, 1, Sync::kOff, false},
        Case{"64 KiB, 100 ms, one reader", 65536, 1, Sync::kInterval, true},
        Case{"150 B one by one, 100 ms", 150, 1, Sync::kInterval, false},
        Case{"150 B by 100, 100 ms", 150, 100, Sync::kInterval, false},
        Case{"150 B one by one, 100 ms, reader", 150, 1, Sync::kInterval, true}})
    if (measure(one, directory, bytes) != 0) return 1;
  return 0;
}
