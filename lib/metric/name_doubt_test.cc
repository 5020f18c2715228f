#include "metric/name_doubt.h"

#include <gtest/gtest.h>

namespace resmon::metric {
namespace {

TEST(NameDoubtTest, MeasurementsOneSlipAwayAreDoubted) {
  EXPECT_EQ(doubt_about_measurement("dsk"), "no collector writes the measurement 'dsk'; did you mean disk?");
  EXPECT_EQ(doubt_about_measurement("docker_contaner_mem"),
            "no collector writes the measurement 'docker_contaner_mem'; did you mean docker_container_mem?");
  for (const char* good : {"disk", "web", "job", "orders", "http_response", "app_requests", "", "redis"})
    EXPECT_EQ(doubt_about_measurement(good), "") << good;
}

TEST(NameDoubtTest, FieldsOfDocumentedMeasurementsAreDoubted) {
  EXPECT_EQ(doubt_about_field("disk", "used_precent"),
            "no collector writes disk.used_precent; did you mean used_percent?");
  EXPECT_EQ(doubt_about_field("disk", "temperature"), "no collector writes disk.temperature");
  EXPECT_EQ(doubt_about_field("disk", "used_percent"), "");
  EXPECT_EQ(doubt_about_field("nstat", "TcpExtAnything"), "");
  EXPECT_EQ(doubt_about_field("orders", "anything"), "");
}

}  // namespace
}  // namespace resmon::metric
