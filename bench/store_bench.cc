// Serves bench/store.sh. `fill` writes the data set (dataset.h) straight into an embedded store and says what that and
// opening it again cost; `age` makes a store that is as many days old, with the retention that a server has by default,
// and says how long a write was held up; `send` writes the same as line protocol over HTTP to whatever takes that, over
// one connection, each request waiting for its answer. Both print one JSON object.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dataset.h"
#include "lineproto/encoder.h"
#include "store/store.h"

namespace {

using namespace resmon;
using Steady = std::chrono::steady_clock;

int usage(int code) {
  std::fputs(
      "Usage: store-bench fill RECORDING HOSTS SECONDS INTERVAL START DIRECTORY\n"
      "       store-bench age RECORDING HOSTS DAYS LAST_HOURS INTERVAL END DIRECTORY\n"
      "         a gather an hour, and one each INTERVAL seconds in the last hours; ends at END\n"
      "       store-bench send RECORDING HOSTS SECONDS INTERVAL START PORT PATH [TOKEN]\n"
      "       store-bench open DIRECTORY\n",
      code == 0 ? stdout : stderr);
  return code;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "store-bench: %s\n", what.c_str());
  return 1;
}

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}
double thread_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}
std::uint64_t rss_bytes() {
  long pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

struct Work {
  std::uint32_t hosts = 0;
  std::uint64_t ticks = 0;
  UnixNanos interval = 0;
  UnixNanos start = 0;
};

int fill(const bench::Dataset& data, const Work& work, metric::SchemaTable& schemas, const std::string& directory) {
  store::Options options;
  options.directory = directory;
  options.retain = std::chrono::seconds(0);
  options.disk_limit_bytes = 0;
  auto opened = store::Store::open(options, schemas);
  if (!opened) return complain(opened.error().message);
  store::Store& store = **opened;
  metric::Batch batch;
  std::uint64_t samples = 0;
  double making = 0;
  const auto begin = Steady::now();
  const double cpu = cpu_seconds();
  UnixNanos maintained = 0;
  std::uint64_t most_rss = 0;
  for (std::uint64_t tick = 0; tick < work.ticks; ++tick) {
    const UnixNanos time = work.start + static_cast<UnixNanos>(tick) * work.interval;
    const double before = thread_cpu_seconds();
    batch.clear();
    for (std::uint32_t host = 0; host < work.hosts; ++host) data.gather(host, tick, time, batch);
    making += thread_cpu_seconds() - before;
    const auto report = store.write(batch);
    if (!report || report->refused_samples > 0)
      return complain(report ? report->first_refusal : report.error().message);
    samples += batch.samples();
    if (time - maintained >= 1'000'000'000) {
      if (const Status kept = store.maintain(time); !kept) return complain(kept.error().message);
      maintained = time;
    }
    if (tick % 64 == 0) most_rss = std::max(most_rss, rss_bytes());
  }
  if (const Status flushed = store.flush(); !flushed) return complain(flushed.error().message);
  const double wall = seconds_since(begin);
  const double spent = cpu_seconds() - cpu - making;
  const store::Stats stats = store.stats();
  // As a kill -9 leaves it.
  opened->reset();
  const auto reopen = Steady::now();
  auto again = store::Store::open(options, schemas);
  if (!again) return complain(again.error().message);
  const double after_crash = seconds_since(reopen);
  if (const Status closed = (*again)->close(); !closed) return complain(closed.error().message);
  const store::Stats closed = (*again)->stats();
  again->reset();
  const auto third = Steady::now();
  auto last = store::Store::open(options, schemas);
  if (!last) return complain(last.error().message);
  const double after_stop = seconds_since(third);
  const auto n = static_cast<double>(samples);
  std::printf(
      "{\"samples\":%llu,\"seconds\":%.2f,\"cpu_seconds\":%.2f,\"samples_per_cpu_second\":%.0f,"
      "\"cpu_seconds_per_million\":%.4f,\"groups\":%llu,\"head_bytes\":%llu,\"rss_bytes\":%llu,\"disk_bytes\":%llu,"
      "\"bytes_per_sample\":%.4f,\"rows_bytes_per_sample\":%.4f,\"minutes_bytes_per_sample\":%.4f,"
      "\"hours_bytes_per_sample\":%.4f,\"open_after_crash_seconds\":%.3f,\"open_seconds\":%.3f}\n",
      static_cast<unsigned long long>(samples), wall, spent, n / spent, spent / n * 1e6,
      static_cast<unsigned long long>(stats.groups), static_cast<unsigned long long>(stats.head_bytes),
      static_cast<unsigned long long>(most_rss), static_cast<unsigned long long>(closed.disk_bytes),
      static_cast<double>(closed.disk_bytes) / n, static_cast<double>(closed.rows_bytes) / n,
      static_cast<double>(closed.minutes_bytes) / n, static_cast<double>(closed.hours_bytes) / n, after_crash,
      after_stop);
  return 0;
}

int age(const bench::Dataset& data, std::uint32_t hosts, std::int64_t days, std::int64_t last_hours, UnixNanos interval,
        UnixNanos end, const std::string& directory, metric::SchemaTable& schemas) {
  constexpr UnixNanos kHour = 3600LL * 1'000'000'000;
  store::Options options;
  options.directory = directory;
  auto opened = store::Store::open(options, schemas);
  if (!opened) return complain(opened.error().message);
  store::Store& store = **opened;
  metric::Batch batch;
  std::uint64_t samples = 0;
  double longest = 0;
  double longest_at_full_pace = 0;
  const auto begin = Steady::now();
  const UnixNanos coarse_end = end - last_hours * kHour;
  std::uint64_t tick = 0;
  for (UnixNanos time = end - days * 24 * kHour; time < end; time += time < coarse_end ? kHour : interval, ++tick) {
    batch.clear();
    for (std::uint32_t host = 0; host < hosts; ++host) data.gather(host, tick, time, batch);
    const auto before = Steady::now();
    const auto report = store.write(batch);
    if (!report) return complain(report.error().message);
    // Once a day is enough where a gather is an hour: each pass closes what has come since the last.
    if (time >= coarse_end || tick % 24 == 23) {
      if (const Status kept = store.maintain(time); !kept) return complain(kept.error().message);
    }
    double& most = time < coarse_end ? longest : longest_at_full_pace;
    most = std::max(most, seconds_since(before));
    samples += batch.samples();
  }
  if (const Status flushed = store.flush(); !flushed) return complain(flushed.error().message);
  const store::Stats stats = store.stats();
  std::printf(
      "{\"samples\":%llu,\"seconds\":%.1f,\"longest_write_seconds\":%.4f,\"longest_write_at_full_pace_seconds\":%.4f,"
      "\"disk_bytes\":%llu,\"rows_bytes\":%llu,\"minutes_bytes\":%llu,\"hours_bytes\":%llu,\"chunks\":%llu,"
      "\"expired_chunks\":%llu,\"rss_bytes\":%llu}\n",
      static_cast<unsigned long long>(samples), seconds_since(begin), longest, longest_at_full_pace,
      static_cast<unsigned long long>(stats.disk_bytes), static_cast<unsigned long long>(stats.rows_bytes),
      static_cast<unsigned long long>(stats.minutes_bytes), static_cast<unsigned long long>(stats.hours_bytes),
      static_cast<unsigned long long>(stats.chunks), static_cast<unsigned long long>(stats.expired_chunks),
      static_cast<unsigned long long>(rss_bytes()));
  return 0;
}

// One connection that stays.
class Post {
 public:
  Post(int port, std::string path, std::string token) : port_(port), path_(std::move(path)), token_(std::move(token)) {}
  ~Post() { close(); }
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;

  // The status, or 0 where there is no connection; `busy` answers (429, 503) are tried again.
  int send(std::string_view body) {
    for (int attempt = 0; attempt < 600; ++attempt) {
      const int status = once(body);
      if (status != 0 && status != 429 && status != 503) return status;
      ++retries;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return 0;
  }
  std::uint64_t retries = 0;

 private:
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  bool write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  int once(std::string_view body) {
    if (socket_ < 0) {
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(port_));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const int yes = 1;
      ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        close();
        return 0;
      }
    }
    std::string head = "POST " + path_ + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n";
    if (!token_.empty()) head += "Authorization: Token " + token_ + "\r\n";
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    if (!write_all(head) || !write_all(body)) {
      close();
      return 0;
    }
    std::string answer;
    char buffer[4096];
    std::size_t end = std::string::npos;
    while (true) {
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) {
        close();
        return 0;
      }
      answer.append(buffer, static_cast<std::size_t>(got));
      end = answer.find("\r\n\r\n");
      if (end != std::string::npos) break;
    }
    const int status = std::atoi(answer.c_str() + 9);
    if (status >= 300) {
      std::fprintf(stderr, "store-bench: %s\n", answer.substr(0, 600).c_str());
      close();
    }
    return status;
  }

  const int port_;
  const std::string path_;
  const std::string token_;
  int socket_ = -1;
};

int send(const bench::Dataset& data, const Work& work, metric::SchemaTable& schemas, Post& post) {
  constexpr std::size_t kBodyBytes = 2U << 20U;
  lineproto::LineEncoder encoder(schemas);
  metric::Batch batch;
  std::string body;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  double sending = 0;
  const auto begin = Steady::now();
  for (std::uint64_t tick = 0; tick < work.ticks; ++tick) {
    const UnixNanos time = work.start + static_cast<UnixNanos>(tick) * work.interval;
    for (std::uint32_t host = 0; host < work.hosts; ++host) {
      batch.clear();
      data.gather(host, tick, time, batch);
      encoder.append(batch, body);
      samples += batch.samples();
      const bool last = tick + 1 == work.ticks && host + 1 == work.hosts;
      if (body.size() < kBodyBytes && !last) continue;
      const auto before = Steady::now();
      if (const int status = post.send(body); status != 204 && status != 200)
        return complain("answered " + std::to_string(status));
      sending += seconds_since(before);
      bytes += body.size();
      body.clear();
    }
  }
  // Making the lines is not what is measured: the time of requests, from the first byte to the answer.
  std::printf(
      "{\"samples\":%llu,\"bytes\":%llu,\"seconds\":%.2f,\"request_seconds\":%.2f,\"samples_per_second\":%.0f,"
      "\"retries\":%llu}\n",
      static_cast<unsigned long long>(samples), static_cast<unsigned long long>(bytes), seconds_since(begin), sending,
      static_cast<double>(samples) / sending, static_cast<unsigned long long>(post.retries));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "--help" || command == "-h") return usage(0);
  metric::SchemaTable schemas;
  if (command == "open" && argc == 3) {
    store::Options options;
    options.directory = argv[2];
    options.disk_limit_bytes = 0;
    const auto begin = Steady::now();
    const auto opened = store::Store::open(options, schemas);
    if (!opened) return complain(opened.error().message);
    std::printf("{\"open_seconds\":%.3f,\"groups\":%llu,\"rss_bytes\":%llu}\n", seconds_since(begin),
                static_cast<unsigned long long>((*opened)->stats().groups),
                static_cast<unsigned long long>(rss_bytes()));
    return 0;
  }
  if (command == "age" && argc == 9) {
    const auto hosts = static_cast<std::uint32_t>(std::max(1L, std::atol(argv[3])));
    auto data = bench::Dataset::open({argv[2], hosts, 1}, schemas);
    if (!data) return complain(data.error().message);
    return age(**data, hosts, std::atol(argv[4]), std::atol(argv[5]), std::atol(argv[6]) * 1'000'000'000,
               std::atol(argv[7]) * 1'000'000'000, argv[8], schemas);
  }
  if ((command != "fill" || argc != 8) && (command != "send" || argc < 9)) return usage(2);
  Work work;
  work.hosts = static_cast<std::uint32_t>(std::max(1L, std::atol(argv[3])));
  work.interval = static_cast<UnixNanos>(std::atof(argv[5]) * 1e9);
  work.start = static_cast<UnixNanos>(std::atol(argv[6])) * 1'000'000'000;
  if (work.interval <= 0) return usage(2);
  work.ticks = static_cast<std::uint64_t>(std::atof(argv[4]) * 1e9 / static_cast<double>(work.interval));
  auto data = bench::Dataset::open({argv[2], work.hosts, 1}, schemas);
  if (!data) return complain(data.error().message);
  if (command == "fill") return fill(**data, work, schemas, argv[7]);
  Post post(std::atoi(argv[7]), argv[8], argc > 9 ? argv[9] : "");
  return send(**data, work, schemas, post);
}
