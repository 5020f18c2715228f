// A store keeps one type for a field. If the first writer decided it, one that differs from all others (Telegraf with
// unsigned integers, a script that writes 5 where others write 5.0) would decide for everybody. So the fields of
// docs/schema.md have the types that it says; a test compares the two.

#include "metric/pinned_types.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace resmon::metric {

namespace {

struct Pinned {
  std::string_view measurement;
  FieldType type;
  std::string_view names;  // each between spaces
};
constexpr Pinned kPinned[] = {
    {"cpu", FieldType::kFloat,
     " usage_user usage_nice usage_system usage_idle usage_iowait usage_irq usage_softirq usage_steal "
     " usage_guest usage_guest_nice usage_active "},
    {"mem", FieldType::kFloat, " used_percent available_percent "},
    {"mem", FieldType::kInteger,
     " total free available used buffered cached active inactive mapped shared dirty write_back "
     " write_back_tmp slab sreclaimable sunreclaim page_tables commit_limit committed_as high_total "
     " high_free low_total low_free huge_pages_total huge_pages_free huge_page_size swap_total swap_free "
     " swap_cached vmalloc_total vmalloc_used vmalloc_chunk "},
    {"swap", FieldType::kFloat, " used_percent "},
    {"swap", FieldType::kInteger, " total used free in out "},
    {"disk", FieldType::kFloat, " used_percent inodes_used_percent "},
    {"disk", FieldType::kInteger, " total used free inodes_total inodes_used inodes_free "},
    {"diskio", FieldType::kFloat, " io_util io_await io_svctm "},
    {"diskio", FieldType::kInteger,
     " reads writes read_bytes write_bytes read_time write_time io_time weighted_io_time iops_in_progress "
     " merged_reads merged_writes "},
    {"net", FieldType::kInteger,
     " bytes_sent bytes_recv packets_sent packets_recv err_in err_out drop_in drop_out speed "},
    {"netstat", FieldType::kInteger,
     " tcp_established tcp_syn_sent tcp_syn_recv tcp_fin_wait1 tcp_fin_wait2 tcp_time_wait tcp_close "
     " tcp_close_wait tcp_last_ack tcp_listen tcp_closing tcp_none udp_socket "},
    {"system", FieldType::kFloat, " load1 load5 load15 "},
    {"system", FieldType::kInteger, " n_cpus n_physical_cpus n_users n_unique_users uptime "},
    {"system", FieldType::kString, " uptime_format "},
    {"processes", FieldType::kInteger,
     " running sleeping blocked stopped zombies dead idle paging parked unknown total total_threads "},
    {"kernel", FieldType::kInteger, " boot_time context_switches interrupts processes_forked entropy_avail "},
    {"linux_sysctl_fs", FieldType::kInteger, " file-nr file-max inode-nr inode-free-nr aio-nr aio-max-nr "},
    {"pressure", FieldType::kFloat, " avg10 avg60 avg300 "},
    {"pressure", FieldType::kInteger, " total "},
    {"internal_client", FieldType::kFloat, " cpu_seconds "},
    {"internal_client", FieldType::kInteger,
     " backlog_samples dropped_samples acknowledged_samples sent_batches sent_bytes connections "
     " connection_failures spool_disk_bytes memory_resident_bytes skipped_gathers "},
    {"internal_logs", FieldType::kInteger,
     " lines bytes cut_lines excluded_lines suppressed_lines redacted files unreadable_files unproven_files "
     " backlog_lines dropped_lines acknowledged_lines sent_bytes spool_disk_bytes "},
    {"internal_collector", FieldType::kFloat, " duration_seconds "},
    {"internal_collector", FieldType::kInteger,
     " failures timeouts skipped_runs refused_lines refused_values skipped_lines output_bytes exit_code "},
    {"internal_collector", FieldType::kBoolean, " success "},
    {"internal_server", FieldType::kFloat, " cpu_seconds uptime_seconds "},
    {"internal_server", FieldType::kInteger,
     " clients connections refused_connections received_bytes batches samples duplicate_batches "
     " missing_batches log_bytes store_disk_bytes store_samples store_refused_samples store_backlog_entries "
     " http_requests http_failures memory_resident_bytes "},
    {"internal_sink", FieldType::kFloat, " lag_seconds "},
    {"internal_sink", FieldType::kInteger, " sent_samples refused_samples lost_samples retries backlog_entries "},
};

// Doubles on this side of them are in the range of the integers.
constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr double kTwoTo64 = 18446744073709551616.0;

std::optional<Cell> from_integer(std::int64_t value, FieldType to) {
  if (to == FieldType::kUnsigned) return value < 0 ? std::nullopt : std::optional(static_cast<Cell>(value));
  const auto converted = static_cast<double>(value);
  if (converted >= kTwoTo63 || static_cast<std::int64_t>(converted) != value) return std::nullopt;
  return cell_of(converted);
}

std::optional<Cell> from_unsigned(std::uint64_t value, FieldType to) {
  if (to == FieldType::kInteger) return value > INT64_MAX ? std::nullopt : std::optional(value);
  const auto converted = static_cast<double>(value);
  if (converted >= kTwoTo64 || static_cast<std::uint64_t>(converted) != value) return std::nullopt;
  return cell_of(converted);
}

std::optional<Cell> from_float(double value, FieldType to) {
  if (!(std::trunc(value) == value)) return std::nullopt;  // also what is not a number
  if (to == FieldType::kUnsigned)
    return value < 0 || value >= kTwoTo64 ? std::nullopt : std::optional(cell_of(static_cast<std::uint64_t>(value)));
  return value < -kTwoTo63 || value >= kTwoTo63 ? std::nullopt
                                                : std::optional(cell_of(static_cast<std::int64_t>(value)));
}

}  // namespace

std::optional<FieldType> pinned_type(std::string_view measurement, std::string_view field) {
  if (field.empty() || field.find(' ') != std::string_view::npos) return std::nullopt;
  std::string word;
  for (const Pinned& pinned : kPinned) {
    if (pinned.measurement != measurement) continue;
    if (word.empty()) word.append(" ").append(field).append(" ");
    if (pinned.names.find(word) != std::string_view::npos) return pinned.type;
  }
  return std::nullopt;
}

bool is_number(FieldType type) {
  return type == FieldType::kFloat || type == FieldType::kInteger || type == FieldType::kUnsigned;
}

std::optional<Cell> convert_number(Cell cell, FieldType from, FieldType to) {
  if (from == to) return cell;
  switch (from) {
    case FieldType::kInteger:
      return from_integer(as_integer(cell), to);
    case FieldType::kUnsigned:
      return from_unsigned(cell, to);
    case FieldType::kFloat:
      return from_float(as_float(cell), to);
    default:
      return std::nullopt;
  }
}

}  // namespace resmon::metric
