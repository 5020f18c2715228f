#pragma once

// Prometheus' series as schemas, in InfluxDB 1.x's mapping: the measurement is the metric's name (label __name__), the
// tags are the other labels, and the one field is `value`, a float. Not thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "metric/schema.h"

namespace resmon::prom {

struct Label {
  std::string_view name;
  std::string_view value;
};

inline constexpr std::string_view kNameLabel = "__name__";
inline constexpr std::string_view kValueField = "value";
inline constexpr std::size_t kMostLabels = 256;
inline constexpr std::size_t kMostLabelBytes = 65'535;  // of all names and values of one series, as for line protocol

// Labels as they come to the id of their schema. What is known is found without an allocation.
class Series {
 public:
  // `schemas` must outlive it. Beyond `limit_bytes` of remembered labels it forgets all and begins again.
  explicit Series(metric::SchemaTable& schemas, std::size_t limit_bytes = 32U << 20U)
      : schemas_(schemas), limit_bytes_(limit_bytes) {}

  // kInvalid: no name, a label twice, too many or too long. kLimit: the table of schemas is full. Labels without a
  // value count as absent. REQUIRES: a pin of the table is held, for as long as the id is used
  Result<metric::SchemaId> find(std::span<const Label> labels);
  metric::SchemaTable& schemas() const { return schemas_; }

 private:
  struct Known {
    metric::SchemaId schema = 0;
    std::uint32_t generation = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Result<metric::SchemaId> intern(std::span<const Label> labels);

  metric::SchemaTable& schemas_;
  const std::size_t limit_bytes_;
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;  // by labels, each with its length
  std::size_t known_bytes_ = 0;
  std::string key_;
};

// The name in the labels, for people; "" where there is none.
std::string_view name_of(std::span<const Label> labels);

}  // namespace resmon::prom
