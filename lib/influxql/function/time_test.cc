#include <gtest/gtest.h>

#include "influxql/function/window.h"
#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"
#include "influxql/parse/zone.h"

namespace resmon::influxql {
namespace {

TEST(Duration, ReadsAndPrints) {
  const std::tuple<std::string_view, std::int64_t, std::string_view> rows[] = {
      {"1h30m", 5'400'000'000'000, "90m"},
      {"10s", 10'000'000'000, "10s"},
      {"2w", 1'209'600'000'000'000, "2w"},
      {"5ms", 5'000'000, "5ms"},
      {"7u", 7000, "7u"},
      {"7µ", 7000, "7u"},
      {"3ns", 3, "3ns"},
      {"0s", 0, "0s"},
  };
  for (const auto& [text, nanos, printed] : rows) {
    EXPECT_EQ(parse_duration(text).value_or(-1), nanos) << text;
    EXPECT_EQ(format_duration(nanos), printed);
  }
  for (const std::string_view text : {"", "5", "s", "5x", "5m5", "-5s", "5n", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(parse_duration("20000w").error().message, "overflowed duration 20000w: choose a smaller duration or INF");
}

TEST(TimeText, ReadsWhatItPrints) {
  for (const UnixNanos time : {INT64_C(0), INT64_C(-1), INT64_C(1'774'742'400'123'456'789),
                               INT64_C(951'782'400'000'000'000), kMinTime, kMaxTime}) {
    std::string text;
    append_rfc3339(text, time, nullptr);
    const auto parsed = parse_time(text, nullptr);
    ASSERT_TRUE(parsed) << text;
    // In parts: the earliest time's whole seconds are more nanoseconds than 64 bits hold.
    EXPECT_GE(parsed->nanos, 0) << text;
    const std::int64_t rest = time % 1'000'000'000;
    EXPECT_EQ(parsed->nanos, rest < 0 ? rest + 1'000'000'000 : rest) << text;
    EXPECT_EQ(parsed->seconds, time / 1'000'000'000 - (rest < 0 ? 1 : 0)) << text;
  }
  for (const std::string_view text :
       {"2026-02-29", "2026-13-01", "2026-01-01 24:00:00", "2026-01-01T00:00:00", "2026-01-01 00:00", "x",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00-00:60",
        "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00Z ", "2026-01-01T00:00:00.Z"}) {
    EXPECT_FALSE(parse_time(text, nullptr)) << text;
  }
  EXPECT_EQ(parse_time("2026-01-01T00:00:00-23:59", nullptr)->seconds, 1'767'225'600 + 86'340);
}

TEST(Zone, KnowsPastAndFutureOffsets) {
  auto zone = load_system_zone("Europe/Berlin");
  if (!zone) GTEST_SKIP() << "no zone files here";
  const auto offset = [&](std::string_view text) {
    return (*zone)->offset_seconds(parse_time(text, nullptr)->seconds * 1'000'000'000);
  };
  EXPECT_EQ(offset("2026-03-29T00:59:59Z"), 3600);
  EXPECT_EQ(offset("2026-03-29T01:00:00Z"), 7200);
  EXPECT_EQ(offset("2026-10-25T00:59:59Z"), 7200);
  EXPECT_EQ(offset("2026-10-25T01:00:00Z"), 3600);
  EXPECT_EQ(offset("2090-07-01T00:00:00Z"), 7200);  // by the rule at the file's end
  EXPECT_EQ(offset("2090-12-01T00:00:00Z"), 3600);
  for (const std::string_view name : {"../../etc/passwd", "/etc/passwd", "No/Where", "Europe", "a b"}) {
    EXPECT_FALSE(load_system_zone(name).has_value()) << name;
  }
  EXPECT_TRUE(load_system_zone("UTC").has_value());
}

TEST(Zone, RefusesDamagedFiles) {
  for (const std::string& data : {std::string(), std::string("TZif"), std::string(44, '\xff'),
                                  "TZif2" + std::string(39, '\0'), "TZif" + std::string(39, '\xff') + "x"}) {
    EXPECT_FALSE(Zone::parse("x", data).has_value());
  }
}

TEST(Windows, DaysFollowTheZonesClock) {
  auto zone = load_system_zone("Europe/Berlin");
  if (!zone) GTEST_SKIP() << "no zone files here";
  Windows windows;
  windows.interval = kNanosPerDay;
  windows.zone = zone->get();
  const UnixNanos noon = parse_time("2026-03-29T12:00:00Z", nullptr)->seconds * 1'000'000'000;
  const Windows::Window day = windows.containing(noon);
  EXPECT_EQ((day.end - day.begin) / (3600 * kNanosPerSecond), 23);
  EXPECT_EQ(windows.step(day.begin, true), day.end);
}

// All that goes wrong where clocks change: each time is in one window, each window follows the one before, and begins
// where the clock says.
TEST(Windows, FollowEachOtherWhereClocksChange) {
  constexpr std::int64_t kMinute = 60 * kNanosPerSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
  for (const std::string_view name :
       {"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "America/Havana",
        "America/St_Johns", "Asia/Gaza", "Africa/Casablanca", "Antarctica/Troll"}) {
    const auto zone = load_system_zone(name);
    if (!zone) GTEST_SKIP() << "no zone files here";
    for (const std::int64_t interval : {kHour, 3 * kHour, 5 * kHour, kDay, 7 * kDay}) {
      for (const std::int64_t offset : {0L, 6 * kHour, 4 * kDay, -150 * kMinute}) {
        Windows windows;
        windows.interval = interval;
        windows.offset = offset % interval;
        windows.zone = zone->get();
        const UnixNanos first = parse_time("2017-01-05T00:00:00Z", nullptr)->seconds * kNanosPerSecond;
        Windows::Window window = windows.containing(first);
        for (UnixNanos time = first; time < first + 330 * kDay; time += 187 * kMinute) {
          while (time >= window.end) {
            const Windows::Window next = windows.containing(window.end);
            ASSERT_EQ(next.begin, window.end) << name << " " << interval / kMinute << " " << offset / kMinute;
            ASSERT_EQ(windows.step(window.begin, true), next.begin);
            ASSERT_EQ(windows.step(next.begin, false), window.begin);
            window = next;
          }
          const Windows::Window found = windows.containing(time);
          ASSERT_EQ(found.begin, window.begin)
              << name << " " << interval / kMinute << " " << offset / kMinute << " at " << time;
          ASSERT_EQ(found.end, window.end);
        }
      }
    }
  }
}

TEST(Windows, CoverTheirTimes) {
  for (const std::int64_t interval : {1L, 7L, 1000L, 86'400'000'000'000L}) {
    for (const std::int64_t offset : {0L, 3L, -5L}) {
      Windows windows;
      windows.interval = interval;
      windows.offset = offset % interval;
      for (const UnixNanos time : {INT64_C(0), INT64_C(-1), INT64_C(12345), INT64_C(-1'000'000'000'000'000'000)}) {
        const Windows::Window window = windows.containing(time);
        EXPECT_LE(window.begin, time);
        EXPECT_GT(window.end, time);
        EXPECT_EQ(window.end - window.begin, interval);
        EXPECT_EQ(windows.step(window.begin, true), window.end);
        EXPECT_EQ(windows.step(window.end, false), window.begin);
      }
      // At the ends of time windows are cut short and never come round.
      EXPECT_LE(windows.containing(kMinTime).begin, kMinTime + interval);
      EXPECT_GE(windows.containing(kMaxTime).end, kMaxTime - interval);
    }
  }
}

}  // namespace
}  // namespace resmon::influxql
