// A configuration file of any bytes: errors, never a crash or a runaway.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  std::string text = "a";
  std::string level = "info";
  bool flag = false;
  std::int64_t integer = 1;
  double number = 1;
  std::chrono::nanoseconds interval = 5s;
  std::uint64_t bytes = 1024;
  std::vector<std::string> list;
  std::vector<std::pair<std::string, std::string>> map;
  std::string url;
  resmon::config::Settings settings("fuzz");
  settings.text("a.text", &text, "Text.");
  settings.choice("a.level", &level, {"info", "warn"}, "Choice.");
  settings.boolean("a.flag", &flag, "Flag.");
  settings.integer("a.integer", &integer, -10, 10, "Integer.");
  settings.number("a.number", &number, -1, 1, "Number.");
  settings.duration("a.interval", &interval, 0s, 1h, "Duration.");
  settings.bytes("a.bytes", &bytes, 0, 1U << 30U, "Bytes.");
  settings.list("a.list", &list, "List.");
  settings.map("a.map", &map, "Map.");
  settings.tables(
      "sink", "influx",
      [&](resmon::config::Settings& s, const std::string&, const std::string& prefix) {
        s.text(prefix + ".url", &url, "URL.");
      },
      "Tables.");
  const std::string_view toml(reinterpret_cast<const char*>(data), size);
  if (settings.load_text(toml, "f")) {
    // What was read can be written and read again.
    if (!settings.load_text(settings.sample(), "sample")) __builtin_trap();
  }
  if (!settings.set(toml)) (void)settings.show();
  return 0;
}
