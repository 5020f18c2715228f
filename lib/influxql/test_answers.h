#pragma once

// Compares an answer with InfluxDB's. Part of the tests.

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <string>
#include <vector>

namespace resmon::influxql {

namespace json = boost::json;

inline bool is_json_number(const json::value& v) {
  return v.is_int64() || v.is_uint64() || v.is_double();
}

inline bool same_cell(const json::value& a, const json::value& b) {
  if (a.is_int64() && b.is_int64())
    return a.get_int64() == b.get_int64() ||
           std::fabs(a.to_number<double>() - b.to_number<double>()) <= 1e-12 * std::fabs(a.to_number<double>());
  if (is_json_number(a) && is_json_number(b)) {
    const double x = a.to_number<double>(), y = b.to_number<double>();
    const double scale = std::max(std::fabs(x), std::fabs(y));
    return x == y || std::fabs(x - y) <= 1e-9 * scale + 1e-12;
  }
  return a == b;
}

inline bool same_row(const json::value& a, const json::value& b) {
  const json::array& x = a.as_array();
  const json::array& y = b.as_array();
  if (x.size() != y.size()) return false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!same_cell(x[i], y[i])) return false;
  }
  return true;
}

inline std::string shown(const json::value& v) {
  std::string text = json::serialize(v);
  if (text.size() > 300) text = text.substr(0, 300) + "…";
  return text;
}

inline std::string rows_difference(const json::array& a, const json::array& b, const std::string& where) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size());) {
    if (i >= a.size() || i >= b.size()) {
      return where + ": " + std::to_string(a.size()) + " rows expected, " + std::to_string(b.size()) + " found; row " +
             std::to_string(i) + " " + shown(i < a.size() ? a[i] : b[i]);
    }
    std::size_t to = i + 1;
    const auto& time = a[i].as_array()[0];
    while (to < a.size() && a[to].as_array()[0] == time) ++to;
    std::vector<const json::value*> left;
    for (std::size_t k = i; k < to && k < b.size(); ++k) left.push_back(&b[k]);
    for (std::size_t k = i; k < to; ++k) {
      // An equal row before one that is only near: values near each other would take each other's places.
      auto found = std::find_if(left.begin(), left.end(), [&](const json::value* row) { return a[k] == *row; });
      if (found == left.end()) {
        found = std::find_if(left.begin(), left.end(), [&](const json::value* row) { return same_row(a[k], *row); });
      }
      if (found == left.end()) {
        return where + " row " + std::to_string(k) + ": expected " + shown(a[k]) + ", found " +
               (k < b.size() ? shown(b[k]) : "nothing");
      }
      left.erase(found);
    }
    i = to;
  }
  return {};
}

inline std::string series_difference(const json::object& a, const json::object& b, const std::string& where) {
  for (const auto& entry : a) {
    const auto* other = b.if_contains(entry.key());
    if (other == nullptr) return where + ": no " + std::string(entry.key());
    if (entry.key() == "values") {
      if (std::string text = rows_difference(entry.value().as_array(), other->as_array(), where); !text.empty())
        return text;
    } else if (entry.value() != *other) {
      return where + " " + std::string(entry.key()) + ": expected " + shown(entry.value()) + ", found " + shown(*other);
    }
  }
  if (a.size() != b.size()) return where + ": keys expected " + shown(a) + ", found " + shown(b);
  return {};
}

// "" where the two answers mean the same, else what differs first. Numbers may differ by 1e-9 of their size: sums are
// made in another order. Rows of one time in one series may stand in any order: InfluxDB's own depends on its number of
// cores.
inline std::string difference(const json::value& expected, const json::value& actual) {
  const json::object& a = expected.as_object();
  const json::object& b = actual.as_object();
  if (a.contains("error") || b.contains("error")) {
    return expected == actual ? "" : "expected " + shown(expected) + ", found " + shown(actual);
  }
  if (!a.contains("results") || !b.contains("results")) return expected == actual ? "" : "results on one side only";
  const json::array& results_a = a.at("results").as_array();
  const json::array& results_b = b.at("results").as_array();
  if (results_a.size() != results_b.size()) return "number of results";
  for (std::size_t i = 0; i < results_a.size(); ++i) {
    const json::object& x = results_a[i].as_object();
    const json::object& y = results_b[i].as_object();
    if (!x.contains("series") || !y.contains("series")) {
      if (x != y) return "result " + std::to_string(i) + ": expected " + shown(x) + ", found " + shown(y);
      continue;
    }
    const json::array& series_a = x.at("series").as_array();
    const json::array& series_b = y.at("series").as_array();
    if (series_a.size() != series_b.size()) {
      return "expected " + std::to_string(series_a.size()) + " series, found " + std::to_string(series_b.size()) +
             ": " + shown(series_a) + " / " + shown(series_b);
    }
    for (std::size_t s = 0; s < series_a.size(); ++s) {
      const std::string where = "series " + std::to_string(s);
      std::string text = series_difference(series_a[s].as_object(), series_b[s].as_object(), where);
      if (!text.empty()) return text;
    }
  }
  return {};
}

}  // namespace resmon::influxql
