#include "data.h"

#include <fmt/format.h>

#include <random>
#include <variant>

#include "metric/schema.h"

namespace resmon::oracle {
namespace {

using Value = std::variant<double, std::int64_t, bool, std::string>;
using Fields = std::vector<std::pair<std::string, Value>>;

class Writer {
 public:
  explicit Writer(influxql::FakeReader& reader) : reader_(reader) {}

  void point(const std::string& measurement, std::vector<metric::Tag> tags, const Fields& fields, UnixNanos time) {
    if (fields.empty()) return;
    metric::normalise_tags(tags);
    lines_ += metric::group_key(measurement, tags) + " ";
    bool first = true;
    for (const auto& [name, value] : fields) {
      if (!first) lines_ += ',';
      first = false;
      for (const char c : name) {
        if (c == ',' || c == '=' || c == ' ') lines_ += '\\';
        lines_ += c;
      }
      lines_ += '=';
      std::visit([&](const auto& v) { field(measurement, tags, name, time, v); }, value);
    }
    lines_ += fmt::format(" {}\n", time);
  }
  std::string take() { return std::move(lines_); }

 private:
  void text(double v) { lines_ += fmt::format("{}", v); }
  void text(std::int64_t v) { lines_ += fmt::format("{}i", v); }
  void text(bool v) { lines_ += v ? "true" : "false"; }
  void text(const std::string& v) {
    lines_ += '"';
    for (const char c : v) {
      if (c == '"' || c == '\\') lines_ += '\\';
      lines_ += c;
    }
    lines_ += '"';
  }
  template <class T>
  void field(const std::string& measurement, const std::vector<metric::Tag>& tags, const std::string& name,
             UnixNanos time, const T& v) {
    text(v);
    reader_.add(measurement, tags, name, time, v);
  }

  influxql::FakeReader& reader_;
  std::string lines_;
};

// Rows of every type that lack a field more often than not, and a field that has another type in each measurement.
void add_odd_types(std::mt19937_64& random, Writer& writer) {
  const auto one_of = [&](std::uint64_t n) { return random() % n == 0; };
  for (int i = 0; i < 240; ++i) {
    Fields fields;
    if (one_of(2)) fields.emplace_back("b", one_of(2));
    if (one_of(2)) fields.emplace_back("f", static_cast<double>(random() % 41) / 4 - 5);
    if (one_of(2)) fields.emplace_back("i", static_cast<std::int64_t>(random() % 9) - 3);
    if (one_of(2)) fields.emplace_back("s", std::string(1, static_cast<char>('x' + random() % 3)));
    std::vector<metric::Tag> tags = {{"host", i % 2 == 0 ? "web1" : "web2"}};
    if (i % 3 == 0) tags.push_back({"side", i % 4 == 0 ? "web1" : "b"});
    writer.point("flags", tags, fields, kDataBegin + i * 30 * kSecond);
    const std::vector<metric::Tag> host = {{"host", "web1"}};
    if (i % 4 != 0) continue;
    const UnixNanos time = kDataBegin + i * 60 * kSecond;
    const auto other = static_cast<std::int64_t>(i);
    writer.point("mix_a", host, {{"f", static_cast<double>(random() % 100) / 8}, {"o", other}}, time);
    writer.point("mix_b", host, {{"f", std::string(1, static_cast<char>('p' + random() % 3))}, {"o", other}}, time);
    writer.point("mix_c", host, {{"f", static_cast<std::int64_t>(random() % 100)}, {"o", other}}, time);
    writer.point("mix_d", host, {{"f", one_of(2)}, {"o", other}}, time);
  }
}

// Hours around both changes of the clocks in 2026, in most zones.
void add_seasons(std::mt19937_64& random, Writer& writer) {
  for (const auto& [first, days] : {std::pair(kSpring, 37), std::pair(kAutumn, 45)}) {
    for (int hour = 0; hour < days * 24; ++hour) {
      if (random() % 9 == 0) continue;
      writer.point(
          "season", {{"host", "web1"}},
          {{"v", static_cast<double>(random() % 1000) / 10}, {"n", static_cast<std::int64_t>(random() % 1000)}},
          first + hour * 3600 * kSecond + 600 * kSecond);
    }
  }
}

}  // namespace

std::string make_data(std::uint64_t seed, influxql::FakeReader& reader) {
  std::mt19937_64 random(seed);
  const auto whole = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
  };
  const auto percent = [&] { return static_cast<double>(whole(0, 10000)) / 100; };
  Writer writer(reader);

  const std::vector<std::string> hosts = {"web1", "web2", "db-1", "db 2"};
  for (std::size_t h = 0; h < hosts.size(); ++h) {
    const std::string& host = hosts[h];
    std::int64_t received = whole(0, 1'000'000), sent = whole(0, 1'000'000),
                 uptime = 1000 * static_cast<std::int64_t>(h + 1);
    for (int i = 0; i < 720; ++i) {
      const UnixNanos time = kDataBegin + i * 10 * kSecond + (h == 3 ? 137'000'000 : 0);
      if (h == 1 && i >= 200 && i < 300) continue;  // a gap
      if (h == 2 && i % 7 == 3) continue;           // single points missing
      if (h == 3 && i > 600) continue;              // gone
      for (const std::string& cpu : {std::string("cpu-total"), std::string("cpu0"), std::string("cpu1")}) {
        if (cpu == "cpu1" && h == 0) continue;
        Fields fields = {{"usage_idle", percent()}, {"usage_user", percent() / 2}};
        if (i % 5 == 0) fields.emplace_back("usage_steal", percent() / 100);
        writer.point("cpu", {{"host", host}, {"cpu", cpu}}, fields, time);
      }
      writer.point("mem", {{"host", host}},
                   {{"used", whole(1'000'000'000, 9'000'000'000)},
                    {"total", std::int64_t{16'000'000'000}},
                    {"used_percent", percent()}},
                   time);
      received += whole(0, 100'000);
      sent += whole(0, 5000);
      if (i == 350) received = sent = 0;  // a counter starts again
      writer.point("net", {{"host", host}, {"interface", "eth0"}}, {{"bytes_recv", received}, {"bytes_sent", sent}},
                   time);
      if (h < 2) {
        writer.point("net", {{"host", host}, {"interface", "eth1"}},
                     {{"bytes_recv", received / 3}, {"err_in", whole(0, 2)}}, time);
      }
      uptime += 10;
      if (i % 6 == 0) {
        writer.point("system", {{"host", host}},
                     {{"load1", percent() / 25}, {"n_cpus", static_cast<std::int64_t>(2 + h)}, {"uptime", uptime}},
                     time);
        writer.point("system", {{"host", host}},
                     {{"uptime_format", fmt::format("up {} \"min\"", uptime / 60)}, {"up", whole(0, 3) > 0}}, time);
      }
      if (i % 30 == 0) {
        for (const std::string& path : {std::string("/"), std::string("/var/lib")}) {
          writer.point("disk", {{"host", host}, {"path", path}, {"fstype", path == "/" ? "ext4" : "xfs"}},
                       {{"used_percent", percent()}, {"free", whole(0, 1'000'000)}}, time);
        }
      }
    }
  }
  // Late: behind what was written, between points that are there, and over some of them.
  for (int i = 0; i < 40; ++i) {
    writer.point("cpu", {{"host", "web2"}, {"cpu", "cpu0"}}, {{"usage_idle", percent()}},
                 kDataBegin + (2000 + i * 10) * kSecond);
    writer.point("cpu", {{"host", "web1"}, {"cpu", "cpu0"}}, {{"usage_idle", percent()}},
                 kDataBegin + i * 50 * kSecond);
    writer.point("mem", {{"host", "web1"}}, {{"used_percent", percent()}}, kDataBegin + (i * 13 + 1) * kSecond);
  }
  writer.point("lone", {}, {{"value", 1.5}}, kDataBegin);
  for (int i = 0; i < 20; ++i) {
    writer.point("odd name", {{"tag key", i % 2 == 0 ? "a b" : "c,d=e"}},
                 {{"file-nr", whole(0, 100)}, {"a b", percent()}}, kDataBegin + i * 300 * kSecond);
    // Some groups lack a tag that others have.
    writer.point("ragged",
                 i % 3 == 0 ? std::vector<metric::Tag>{{"host", "web1"}}
                            : std::vector<metric::Tag>{{"host", "web1"}, {"zone", i % 3 == 1 ? "a" : "b"}},
                 {{"v", whole(-5, 5)}, {"w", percent() - 50}}, kDataBegin + i * 300 * kSecond);
    writer.point("tiny", {},
                 {{"f", 1e-9 * static_cast<double>(i)},
                  {"g", 1e22 * static_cast<double>(i)},
                  {"s", i % 4 == 0 ? "a<b>&c" : "x"}},
                 kDataBegin + i * kSecond + i);
  }
  add_odd_types(random, writer);
  add_seasons(random, writer);
  return writer.take();
}

}  // namespace resmon::oracle
