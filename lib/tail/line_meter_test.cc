#include "tail/line_meter.h"

#include <gtest/gtest.h>

#include "tail/shaper.h"

namespace resmon::tail {
namespace {

using logline::Level;

struct Seen {
  std::unique_ptr<Shaper> shaper;
  std::unique_ptr<LineMeter> meter;
};

Seen watch(const MeterOptions& options, const ShapeOptions& shape = {}) {
  Seen out{Shaper::make("app", shape).value(), LineMeter::make(options).value()};
  out.shaper->watch(
      [meter = out.meter.get()](const logline::Line& line, std::string_view text) { meter->see("app", line, text); });
  return out;
}

TEST(LineMeter, CountsByGroupsAndTakesNumbers) {
  MeterOptions options;
  options.pattern = R"((?P<method>GET|POST) .* took (?P<ms>[0-9.]+))";
  options.tags = {"method", "source"};
  options.numbers = {"ms"};
  Seen seen = watch(options);
  for (const char* text : {"GET / took 10ms", "GET /a took 30.5 ms", "POST / took 7", "HEAD / took 9", "GET / took ."})
    seen.shaper->take({text, false}, "file");
  const auto& series = seen.meter->series();
  ASSERT_EQ(series.size(), 2U);
  const LineMeter::Series& get = series.at({"GET", "app"});
  EXPECT_EQ(get.lines, 3U);
  EXPECT_EQ(get.numbers[0].count, 2U);
  EXPECT_EQ(get.numbers[0].least, 10);
  EXPECT_EQ(get.numbers[0].most, 30.5);
  EXPECT_EQ(get.numbers[0].sum, 40.5);
  seen.meter->begin_interval();
  EXPECT_EQ(series.at({"POST", "app"}).lines, 0U);
  EXPECT_EQ(series.at({"POST", "app"}).numbers[0].count, 0U);
}

TEST(LineMeter, SeesWhatIsNotSentWithItsSecretsReplacedAndFieldsOfJson) {
  MeterOptions options;
  options.tags = {"level", "status", "user"};
  options.numbers = {"seconds"};
  options.least = Level::kWarning;
  ShapeOptions shape;
  shape.exclude = {"."};
  shape.redact.emails = true;
  Seen seen = watch(options, shape);
  seen.shaper->take({R"({"level":"error","status":500,"seconds":1.5,"user":"a@example.org"})", false}, "file");
  seen.shaper->take({R"({"level":"info","status":200,"seconds":9})", false}, "file");
  seen.shaper->take({"no level", false}, "file");
  EXPECT_TRUE(seen.shaper->lines().empty());
  EXPECT_EQ(seen.shaper->stats().excluded, 3U);
  ASSERT_EQ(seen.meter->series().size(), 1U);
  const auto& [key, series] = *seen.meter->series().begin();
  EXPECT_EQ(key, (std::vector<std::string>{"error", "500", "[email]"}));
  EXPECT_EQ(series.numbers[0].sum, 1.5);
}

TEST(LineMeter, SeriesHaveABoundAndSilentOnesAreForgotten) {
  MeterOptions options;
  options.pattern = "(?P<id>.*)";
  options.tags = {"id"};
  options.max_series = 2;
  Seen seen = watch(options);
  for (const char* text : {"a", "b", "c", "a"}) seen.shaper->take({text, false}, "file");
  EXPECT_EQ(seen.meter->series().size(), 2U);
  EXPECT_EQ(seen.meter->refused_lines(), 1U);
  for (unsigned i = 0; i < LineMeter::kKeptIntervals; ++i) seen.meter->begin_interval();
  EXPECT_EQ(seen.meter->series().size(), 2U);
  seen.meter->begin_interval();
  EXPECT_TRUE(seen.meter->series().empty());
  seen.shaper->take({std::string(500, 'x') + "\n", false}, "file");
  EXPECT_EQ(seen.meter->series().begin()->first[0].size(), LineMeter::kMostTagBytes);
  options.pattern = "(";
  EXPECT_FALSE(LineMeter::make(options));
}

}  // namespace
}  // namespace resmon::tail
