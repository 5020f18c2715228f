#include "http/accept.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace resmon::http {
namespace {

constexpr std::array<std::string_view, 3> kOffers = {"application/json", "text/csv", "application/x-msgpack"};

std::string best(std::string_view accept) {
  const auto found = best_offer(accept, kOffers);
  return found ? std::string(kOffers[*found]) : "none";
}

TEST(Accept, TheHighestWeightWins) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "none"},
      {"text/html", "none"},
      {"application/json", "application/json"},
      {"text/csv", "text/csv"},
      {"Text/CSV", "text/csv"},
      {"application/x-msgpack;q=0.1, application/json", "application/json"},
      {"application/x-msgpack;q=0.1,application/json;q=0.09", "application/x-msgpack"},
      {"application/x-msgpack, application/json", "application/x-msgpack"},
      {"application/json;q=0.5, text/csv;q=0.501", "text/csv"},
      {"application/json ; q=0.5 ;x=y, text/csv; charset=utf-8; Q=0.6", "text/csv"},
      {"*/*", "application/json"},
      {"text/*", "text/csv"},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"},
      {"application/json;q=0, */*", "text/csv"},
      {"application/json;q=0", "none"},
      {"text/csv;q=0.0, text/*;q=1", "none"},
      {"text/csv;q=2, application/json;q=0.1", "application/json"},
      {"text/csv;q=x, application/json;q=0.1", "application/json"},
      {"text/csv;q=, application/json;q=0.1", "application/json"},
      {"text/csv;q=0.1234, application/json;q=0.1", "application/json"},
      {",,;,application/json;;,", "application/json"},
      {"application/jso", "none"},
      {"application/json/", "none"},
      {"/*", "none"},
  };
  for (const auto& [accept, want] : cases) EXPECT_EQ(best(accept), want) << accept;
}

TEST(Accept, Gzip) {
  for (const char* yes : {"gzip", "br, gzip", "GZIP", "x-gzip", "*", "gzip;q=0.1", "identity, *;q=0.5", "gzip;q=1.000"})
    EXPECT_TRUE(takes_gzip(yes)) << yes;
  for (const char* no : {"", "br", "gzip;q=0", "gzip;q=0.000, br", "gzipped", "*;q=0", "not-gzip", "identity"})
    EXPECT_FALSE(takes_gzip(no)) << no;
}

}  // namespace
}  // namespace resmon::http
