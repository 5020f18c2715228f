#include "tail/time_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

namespace resmon::tail {
namespace {

constexpr UnixNanos kSecond = 1'000'000'000;

// The process's zone, until it goes out of scope.
class Zone {
 public:
  explicit Zone(const char* name) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    set(name);
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    if (before_) {
      set(before_->c_str());
    } else {
      unsetenv("TZ");
      tzset();
    }
  }
  static void set(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }

 private:
  std::optional<std::string> before_;
};

UnixNanos at(std::string_view utc) {
  LocalZone zone;
  const auto time = read_time(utc, 0, zone);
  EXPECT_TRUE(time) << utc;
  return time ? time->time : 0;
}

TEST(TimeText, ATimeWithoutAYearIsThePastOne) {
  const Zone utc("UTC");
  LocalZone zone;
  const auto read = [&](std::string_view text, std::string_view now) { return read_time(text, at(now), zone); };
  EXPECT_EQ(read("Dec 31 23:59:59", "2026-01-01T00:00:05Z")->time, at("2025-12-31T23:59:59Z"));
  EXPECT_EQ(read("Jan  1 00:00:03", "2025-12-31T23:59:58Z")->time, at("2026-01-01T00:00:03Z")) << "a clock is behind";
  EXPECT_EQ(read("Dec  1 02:00:00", "2026-12-01T02:00:00Z")->time, at("2026-12-01T02:00:00Z"));
  EXPECT_EQ(read("Jun 30 00:00:00", "2026-12-31T00:00:00Z")->time, at("2026-06-30T00:00:00Z"));
  EXPECT_EQ(read("Jan  2 00:00:00", "2026-12-31T00:00:00Z")->time, at("2027-01-02T00:00:00Z"));
  EXPECT_EQ(read("Jan  8 00:00:00", "2026-12-31T00:00:00Z")->time, at("2026-01-08T00:00:00Z"));
  EXPECT_EQ(read("Feb 29 12:00:00", "2026-07-01T12:00:00Z")->time, at("2024-02-29T12:00:00Z"));
  EXPECT_FALSE(read("Feb 29 12:00:00", "1904-02-01T12:00:00Z")) << "1900 had none, and 1896 is too early";
  EXPECT_FALSE(read("Feb 30 12:00:00", "2026-07-01T12:00:00Z"));
}

TEST(TimeText, LocalTimeIsOfTheZoneWithItsSummer) {
  const Zone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
  LocalZone zone;
  const UnixNanos now = at("2026-12-01T00:00:00Z");
  EXPECT_EQ(read_time("Dec  1 13:00:00", now, zone)->time, at("2026-12-01T12:00:00Z"));
  EXPECT_EQ(read_time("Jul  1 13:00:00", now, zone)->time, at("2026-07-01T11:00:00Z"));
  EXPECT_EQ(read_time("2026-07-01 13:00:00,250", now, zone)->time, at("2026-07-01T11:00:00.25Z"));
  EXPECT_EQ(read_time("2026-07-01 13:00:00 +0530", now, zone)->time, at("2026-07-01T07:30:00Z"));
}

// Each question costs system calls: the C library looks whether /etc/localtime is another file now.
TEST(TimeText, TheZoneIsAskedOnceAnHourOfLogTime) {
  const Zone berlin("CET-1");
  LocalZone zone;
  const UnixNanos now = at("2026-12-01T00:00:00Z");
  EXPECT_EQ(read_time("Dec  1 13:00:00", now, zone)->time, at("2026-12-01T12:00:00Z"));
  Zone::set("EST5");
  EXPECT_EQ(read_time("Dec  1 13:59:59", now, zone)->time, at("2026-12-01T12:59:59Z"));
  EXPECT_EQ(read_time("Dec  1 14:00:00", now, zone)->time, at("2026-12-01T19:00:00Z"));
}

TEST(TimeText, TheLengthIsThatOfTheTimeWithItsZone) {
  LocalZone zone;
  EXPECT_EQ(read_time("2026-11-29T12:00:00.123456Z rest", 0, zone)->length, 27U);
  EXPECT_EQ(read_time("29/Nov/2026:12:00:00 +0100] \"GET", 0, zone)->length, 26U);
  EXPECT_EQ(read_time("Nov 29 12:00:00 host", 0, zone)->length, 15U);
  EXPECT_EQ(read_time("2026-11-29T12:00:00.123456Z", 0, zone)->time % kSecond, 123'456'000);
}

}  // namespace
}  // namespace resmon::tail
