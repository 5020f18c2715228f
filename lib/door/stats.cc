#include "door/stats.h"

namespace resmon::door {

namespace {

using From = const DoorStats;
using metric::StatKind;

constexpr metric::Stat<DoorStats> kDoorStats[] = {
    {StatKind::kGauge, "resmon_input_connections", "", "open_connections",
     "Connections of the input that are open now.", [](From& of) { return of.open_connections; }},
    {StatKind::kCounter, "resmon_input_connections_total", "", "connections", "Connections accepted.",
     [](From& of) { return of.connections; }},
    {StatKind::kCounter, "resmon_input_connections_refused_total", "", "refused_connections",
     "Connections closed because of max_connections, or because too many had not sent their token yet.",
     [](From& of) { return of.refused_connections; }},
    {StatKind::kCounter, "resmon_input_denied_total", "", "denied",
     "Connections and datagrams without a valid token or certificate.", [](From& of) { return of.denied; }},
    {StatKind::kCounter, "resmon_input_lines_total", "", "lines", "Lines received.",
     [](From& of) { return of.taken.lines; }},
    {StatKind::kCounter, "resmon_input_samples_total", "", "samples", "Samples in the lines that could be read.",
     [](From& of) { return of.taken.samples; }},
    {StatKind::kCounter, "resmon_input_refused_lines_total", "", "refused_lines",
     "Lines that could not be read, or were beyond a limit.", [](From& of) { return of.taken.refused_lines; }},
    {StatKind::kCounter, "resmon_input_dropped_datagrams_total", "", "dropped_datagrams",
     "Datagrams that the kernel dropped because they came faster than they were read.",
     [](From& of) { return of.dropped_datagrams; }},
};

}  // namespace

std::span<const metric::Stat<DoorStats>> door_stats() {
  return kDoorStats;
}

}  // namespace resmon::door
