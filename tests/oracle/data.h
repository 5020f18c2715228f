#pragma once

#include <cstdint>
#include <string>

#include "influxql/fake_reader.h"

namespace resmon::oracle {

inline constexpr UnixNanos kSecond = 1'000'000'000;
// 2026-03-29 00:00:00 UTC: Europe's clocks change an hour later, which tz() has to get right.
inline constexpr UnixNanos kDataBegin = 1'774'742'400 * kSecond;
inline constexpr UnixNanos kDataEnd = kDataBegin + 7200 * kSecond;

// 2026-03-04 and 2026-09-24: from here 37 and 45 days have an hour's point each.
inline constexpr UnixNanos kSpring = 1'772'582'400 * kSecond;
inline constexpr UnixNanos kAutumn = 1'790'208'000 * kSecond;

// The same seeded data as Influx lines and in a reader: several hosts, gaps, counter resets, late and doubled points,
// fields that come and go, odd names, every type that InfluxDB 1.6 can take.
std::string make_data(std::uint64_t seed, influxql::FakeReader& reader);

}  // namespace resmon::oracle
