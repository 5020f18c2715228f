// The data with which stores are compared: made and shown.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataset.h"
#include "lineproto/encoder.h"

namespace {

int usage(int code) {
  std::fputs(
      "Usage: bench-dataset record FILE GATHERS INTERVAL_SECONDS\n"
      "         gathers as a client does, in real time, and writes the lines to FILE\n"
      "       bench-dataset lines FILE HOSTS SECONDS [INTERVAL_SECONDS [START_SECONDS]]\n"
      "         replays FILE as HOSTS hosts for SECONDS, as line protocol on standard output, in order of time\n",
      code == 0 ? stdout : stderr);
  return code;
}

int complain(const resmon::Error& error) {
  std::fprintf(stderr, "bench-dataset: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "--help" || command == "-h") return usage(0);
  const auto number = [&](int index, double otherwise) { return argc > index ? std::atof(argv[index]) : otherwise; };
  if (command == "record" && argc == 5) {
    const auto interval = std::chrono::nanoseconds(static_cast<std::int64_t>(std::max(number(4, 5), 0.1) * 1e9));
    const Status done = bench::record(argv[2], static_cast<std::size_t>(std::max(number(3, 1), 1.0)), interval);
    return done ? 0 : complain(done.error());
  }
  if (command != "lines" || argc < 5) return usage(2);
  metric::SchemaTable schemas;
  const auto hosts = static_cast<std::uint32_t>(number(3, 1));
  auto data = bench::Dataset::open({argv[2], hosts, 1}, schemas);
  if (!data) return complain(data.error());
  const auto interval = static_cast<UnixNanos>(number(5, 5) * 1e9);
  const auto start = static_cast<UnixNanos>(number(6, 1'700'000'000) * 1e9);
  const auto ticks = static_cast<std::uint64_t>(number(4, 60) * 1e9 / static_cast<double>(interval));
  lineproto::LineEncoder encoder(schemas);
  metric::Batch batch;
  std::string lines;
  for (std::uint64_t tick = 0; tick < ticks; ++tick) {
    batch.clear();
    lines.clear();
    for (std::uint32_t host = 0; host < hosts; ++host)
      (*data)->gather(host, tick, start + static_cast<UnixNanos>(tick) * interval, batch);
    encoder.append(batch, lines);
    if (std::fwrite(lines.data(), 1, lines.size(), stdout) != lines.size()) return 1;
  }
  return 0;
}
