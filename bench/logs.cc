// Log lines: bytes on disk, CPU, and latency of searches.
//
// Log lines: what a line takes on disk beside zstd -9 of the same lines, what it costs from the journal to a sealed
// block, and how long questions take. The lines are a mix of ten shapes of host logs, or those of --file in a loop.
//
//   bench-logs [--lines N] [--file PATH] [--json]

#include <sys/resource.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "logs/search.h"
#include "logs/store.h"

namespace {

using namespace resmon;
using Time = std::chrono::steady_clock;

constexpr std::size_t kBatchLines = 500;
constexpr std::size_t kHosts = 8;

double seconds_since(Time::time_point begin) {
  return std::chrono::duration<double>(Time::now() - begin).count();
}
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Text {
  std::string unit;
  std::string message;
  std::uint32_t pid;
  logline::Level level;
};

std::string hex(std::mt19937_64& random, std::size_t digits) {
  std::string out;
  while (out.size() < digits) out += "0123456789abcdef"[random() % 16];
  return out;
}

Text make_line(std::mt19937_64& random, std::uint64_t n) {
  using logline::Level;
  const auto number = [&](std::uint64_t most) { return std::to_string(random() % most); };
  const std::string address = "10." + number(4) + "." + number(40) + "." + number(250);
  const auto pid = static_cast<std::uint32_t>(800 + n % 40);
  switch (random() % 10) {
    case 0:
      return {"sshd",
              "Failed password for invalid user admin" + number(90) + " from " + address + " port " + number(60000) +
                  " ssh2",
              static_cast<std::uint32_t>(20000 + n / 7 % 9000), Level::kInfo};
    case 1:
      return {"sshd",
              "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=" + address +
                  "  user=root",
              static_cast<std::uint32_t>(20000 + n / 7 % 9000), Level::kNotice};
    case 2:
      return {"nginx",
              address + " - - \"GET /api/v1/items/" + number(5000) + "?page=" + number(30) + " HTTP/1.1\" 200 " +
                  number(90000) + " \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\" " +
                  std::to_string(0.001 * static_cast<double>(random() % 900)).substr(0, 5),
              pid, Level::kInfo};
    case 3:
      return {"systemd",
              "Started session-" + std::to_string(n / 30) + ".scope - Session " + std::to_string(n / 30) +
                  " of User deploy.",
              1, Level::kInfo};
    case 4:
      return {"CRON", "(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
              static_cast<std::uint32_t>(30000 + n / 11 % 30000), Level::kInfo};
    case 5:
      return {"kernel",
              "[UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56:aa:bb:cc SRC=" + address +
                  " DST=10.0.0.5 LEN=60 TOS=0x00 PREC=0x00 TTL=" + number(255) + " ID=" + number(65535) +
                  " DF PROTO=TCP SPT=" + number(65535) + " DPT=" + number(9000) + " WINDOW=64240 RES=0x00 SYN URGP=0",
              0, Level::kWarning};
    case 6:
      return {"postgres",
              "LOG:  duration: " + number(900) + "." + number(999) +
                  " ms  statement: SELECT id, name FROM orders WHERE customer_id = " + number(100000) +
                  " ORDER BY created DESC LIMIT 20",
              pid, Level::kInfo};
    case 7:
      return {"app",
              "request completed id=" + hex(random, 16) + " user=" + number(20000) +
                  " path=/checkout status=" + (random() % 20 == 0 ? "500" : "200") + " took_ms=" + number(800),
              pid, random() % 20 == 0 ? Level::kError : Level::kInfo};
    case 8:
      return {"dockerd",
              "time=\"2026-11-29T10:" + std::to_string(10 + n % 50) +
                  ":07.123456789Z\" level=info msg=\"ignoring event\" container=" + hex(random, 24) +
                  " module=libcontainerd namespace=moby topic=/tasks/delete",
              612, Level::kInfo};
    default:
      return {"postfix/smtpd", "connect from mail-" + number(300) + ".example.net[" + address + "]",
              static_cast<std::uint32_t>(9000 + n / 13 % 400), Level::kInfo};
  }
}

struct Settings {
  std::uint64_t lines = 1'000'000;
  std::string file;
  bool json = false;
};

class Bench {
 public:
  explicit Bench(Settings settings) : settings_(std::move(settings)) {
    if (settings_.file.empty()) return;
    std::ifstream in(settings_.file);
    for (std::string line; std::getline(in, line);) given_.push_back(line);
  }

  int run() {
    std::string folder = (std::filesystem::temp_directory_path() / "resmon-bench-logs-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) return 1;
    const int code = run_in(folder);
    std::filesystem::remove_all(folder);
    return code;
  }

 private:
  void show(const char* name, double value, const char* unit) {
    if (settings_.json)
      std::printf("%s\"%s\": %.4g", first_ ? "{" : ", ", name, value);
    else
      std::printf("%-44s %12.4g %s\n", name, value, unit);
    first_ = false;
  }

  Text line(std::uint64_t n) {
    if (given_.empty()) return make_line(random_, n);
    return {"file", given_[n % given_.size()], 0, logline::Level::kNone};
  }

  // As a daemon would write it to a file.
  static std::string raw(const Text& text, UnixNanos time, std::size_t host) {
    if (text.unit == "file") return text.message + "\n";
    char head[96];
    const std::time_t seconds = time / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const std::size_t size = std::strftime(head, sizeof head, "%b %e %H:%M:%S", &parts);
    std::string out(head, size);
    out += " host" + std::to_string(host) + " " + text.unit;
    if (text.pid != 0) out += "[" + std::to_string(text.pid) + "]";
    return out + ": " + text.message + "\n";
  }

  int run_in(const std::string& folder) {
    logs::Options options;
    options.directory = folder + "/logs";
    options.limit_bytes = 1ULL << 40U;
    options.journal_limit_bytes = 1ULL << 30U;
    auto opened = logs::Store::open(options);
    if (!opened) return std::fprintf(stderr, "%s\n", opened.error().message.c_str()), 1;
    logs::Store& store = **opened;
    const UnixNanos now = Clock::system().wall();
    const UnixNanos begin = now - 20LL * 3600 * 1'000'000'000;
    const auto step = static_cast<UnixNanos>((now - begin) / static_cast<UnixNanos>(settings_.lines));
    std::uint64_t raw_bytes = 0;
    std::uint64_t floor_bytes = 0;
    double taking = 0;
    double cpu = 0;
    std::array<std::string, kHosts> blocks;
    std::array<std::uint64_t, kHosts> sequences{};
    const auto pack_floor = [&](std::string& block) {
      std::string packed(ZSTD_compressBound(block.size()), '\0');
      floor_bytes += ZSTD_compress(packed.data(), packed.size(), block.data(), block.size(), 9);
      block.clear();
    };
    for (std::uint64_t n = 0; n < settings_.lines;) {
      const std::size_t host = (n / kBatchLines) % kHosts;
      logline::Lines lines;
      lines.clear("system");
      for (std::size_t i = 0; i < kBatchLines && n < settings_.lines; ++i, ++n) {
        Text text = line(n);
        if (n == settings_.lines / 3) text.message += " needleinhaystack";
        logline::Line one;
        one.time = begin + static_cast<UnixNanos>(n) * step;
        one.level = text.level;
        one.unit = text.unit;
        one.pid = text.pid;
        one.message = text.message;
        lines.add(one);
        const std::string whole = raw(text, one.time, host);
        raw_bytes += whole.size();
        blocks[host] += whole;
      }
      if (blocks[host].size() >= logs::kBlockTextBytes) pack_floor(blocks[host]);
      const auto before = Time::now();
      const double cpu_before = cpu_seconds();
      const std::string encoded = logline::encode(lines);
      const logline::Taker::Stream stream{static_cast<std::uint8_t>(host)};
      while (!store.append(stream, sequences[host] + 1, "host" + std::to_string(host), encoded, now))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++sequences[host];
      taking += seconds_since(before);
      cpu += cpu_seconds() - cpu_before;
    }
    for (std::string& block : blocks) pack_floor(block);
    const auto before = Time::now();
    const double cpu_before = cpu_seconds();
    store.catch_up(Time::now() + std::chrono::minutes(10));
    if (Status done = store.flush(); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    taking += seconds_since(before);
    cpu += cpu_seconds() - cpu_before;
    const auto count = static_cast<double>(settings_.lines);
    const logs::Stats stats = store.stats();
    show("lines", count, "");
    show("raw bytes a line", static_cast<double>(raw_bytes) / count, "B");
    show("zstd -9 of the same blocks", static_cast<double>(floor_bytes) / count, "B a line");
    show("blocks, filter and headers included", static_cast<double>(stats.block_bytes) / count, "B a line");
    show("taken, durable and sealed", count / taking, "lines a second");
    show("CPU from encoded to sealed, a million lines", cpu * 1e6 / count, "s");
    ask(store, begin, now, raw_bytes);
    if (settings_.json) std::printf("}\n");
    return 0;
  }

  // Returns the CPU seconds of the best round, which a busy machine changes little.
  template <class Work>
  double time(const char* name, Work work) {
    double best = 1e9;
    double best_cpu = 1e9;
    for (int round = 0; round < 3; ++round) {
      const auto before = Time::now();
      const double cpu_before = cpu_seconds();
      work();
      best = std::min(best, seconds_since(before));
      best_cpu = std::min(best_cpu, cpu_seconds() - cpu_before);
    }
    show(name, best * 1000, "ms");
    return best_cpu;
  }

  void ask(logs::Store& store, UnixNanos begin, UnixNanos end, std::uint64_t raw_bytes) {
    logs::Scope scope;
    scope.start = begin;
    scope.end = end;
    const auto find = [&](const char* query, std::size_t limit) {
      const auto found =
          logs::search(store, {*logs::Query::parse(query), scope, logs::Direction::kNewestFirst, limit, {}, {}});
      if (!found || found->lines.empty()) std::fprintf(stderr, "%s: nothing found\n", query);
    };
    const bool own = given_.empty();
    time("a rare word, all lines", [&] { find("needleinhaystack", 100); });
    if (own) time("a frequent word, its first 100 lines", [&] { find("root", 100); });
    const auto gigabytes = [&](const char* name, double cpu) {
      show(name, static_cast<double>(raw_bytes) / 1e9 / cpu, "GB raw a CPU second");
    };
    if (own)
      gigabytes("  by its literals",
                time("a regex of two templates", [&] { find("/customer_id = 99999[0-9]?|needle/", 100'000); }));
    if (own)
      gigabytes("  by each line", time("a regex without a literal", [&] { find("/ 9{4}[0-9]|n.e.d.l.e/", 100'000); }));
    time("the newest 100 lines", [&] { find("", 100); });
    time("histogram by level, 200 buckets",
         [&] { (void)logs::histogram(store, *logs::Query::parse(""), scope, (end - begin) / 200, {}); });
  }

  const Settings settings_;
  std::mt19937_64 random_{1};
  std::vector<std::string> given_;
  bool first_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      settings.json = true;
    } else if (word == "--lines" && i + 1 < argc) {
      settings.lines = std::max(1'000ULL, std::strtoull(argv[++i], nullptr, 10));
    } else if (word == "--file" && i + 1 < argc) {
      settings.file = argv[++i];
    } else {
      std::fprintf(stderr, "Usage: bench-logs [--lines N] [--file PATH] [--json]\n");
      return word == "--help" ? 0 : 2;
    }
  }
  return Bench(settings).run();
}
