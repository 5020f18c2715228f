#pragma once

// Tables of metric::Stat as Prometheus' text and as members of a JSON object.

#include <string>
#include <string_view>
#include <utility>

#include "http/router.h"
#include "json.h"
#include "metric/stat.h"

namespace resmon::server {

std::string_view prometheus_type(metric::StatKind kind);
// Empty: it is absent.
std::string prometheus_value(const metric::StatInfo& stat, const metric::StatValue& value);
std::string json_value(const metric::StatInfo& stat, const metric::StatValue& value);

// `name="value"`, escaped.
inline std::string prometheus_label(std::string_view name, std::string_view value) {
  return std::string(name) + '=' + http::json_string(value);
}

// The members that `stats`, a range of metric::Stat, have in JSON.
template <class Stats, class Of>
JsonObject& put_stats(JsonObject& out, const Stats& stats, const Of& of) {
  for (const auto& one : stats)
    if (!one.key.empty()) out.raw(one.key, json_value(one, one.read(of)));
  return out;
}

// Prometheus' text format, version 0.0.4.
class Exposition {
 public:
  template <class Stats, class Of>
  void add(const Stats& stats, const Of& of) {
    for (const auto& one : stats) {
      if (one.name.empty()) continue;
      const std::string value = prometheus_value(one, one.read(of));
      if (value.empty()) continue;
      head(one);
      sample(one.name, "", value);
    }
  }

  // `all`: pairs of labels and of what `stats` are read from.
  template <class Stats, class All>
  void add_each(const Stats& stats, const All& all) {
    if (std::empty(all)) return;
    for (const auto& one : stats) {
      if (one.name.empty()) continue;
      head(one);
      for (const auto& [labels, of] : all) sample(one.name, labels, prometheus_value(one, one.read(of)));
    }
  }

  std::string take() { return std::move(text_); }

 private:
  void head(const metric::StatInfo& stat);
  void sample(std::string_view name, std::string_view labels, std::string_view value);

  std::string text_;
};

}  // namespace resmon::server
