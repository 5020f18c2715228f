#pragma once

// OpenTelemetry's metrics of machines, processes and containers as resmon's fields. By the semantic conventions 1.37,
// and by the names that the collector's hostmetrics receiver still gives their attributes (0.130).
// docs/opentelemetry.md lists the same.

#include <cstdint>
#include <span>
#include <string_view>

namespace resmon::otlp {

inline constexpr std::string_view kSemanticVersion = "1.37.0";

// Which attributes say which of a machine's parts a row is about.
enum class Part : std::uint8_t {
  kNone,
  kCpu,
  kDisk,
  kFileSystem,
  kInterface,
  kProcess,
  kContainer,
  kContainerCpu,
  kContainerDisk,
  kContainerInterface
};

struct Mapping {
  std::string_view metric;
  std::string_view state;  // of the attribute that splits the metric: a state, mode, direction or status
  std::string_view measurement;
  std::string_view field;
  Part part = Part::kNone;
  double scale = 1;
};

std::span<const Mapping> mappings();  // sorted by metric

}  // namespace resmon::otlp
