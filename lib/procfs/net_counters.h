#pragma once

// The kernel's counters of protocols and of packets: /proc/net/snmp and netstat (net/ipv4/proc.c), and
// /proc/net/softnet_stat (net/core/net-procfs.c).

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// "Tcp" and "InSegs". Both point into the text.
struct ProtocolCounter {
  std::string_view protocol;
  std::string_view name;
  Number value;
};
// A protocol has two lines, its columns' names and its numbers: they are taken together, or neither. TCP's MaxConn,
// which is always -1, is left out.
Status parse_protocol_counters(std::string_view text, std::vector<ProtocolCounter>& out, Skipped& skipped);

// A file of hexadecimal numbers with a line a CPU, such as softnet_stat and stat/nf_conntrack: adds up what is in each
// column. A column is empty where a line lacks it or has it unreadable, since a sum without a CPU would be wrong. Where
// there is a `heading`, which begins with that word, it is the first line. `first`: the first CPU's number of the first
// column, for what is the same on every line.
Status sum_cpu_columns(std::string_view text, std::string_view heading, std::span<Number> out, Number& first,
                       Skipped& skipped);

}  // namespace resmon::procfs
