#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace resmon::oracle {

// "" where the two answers mean the same, else what differs first. Numbers may differ by 1e-9 of their size: sums are
// made in another order. Rows of one time in one series may stand in any order: InfluxDB's own depends on its number of
// cores.
std::string difference(const boost::json::value& expected, const boost::json::value& actual);

}  // namespace resmon::oracle
