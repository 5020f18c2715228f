// One table says which field is which metric. Rows are read backwards from the newest, and no further than what
// Prometheus itself would still show. Samples carry the time of their row, so that rates are right however the two
// intervals lie to each other; only what is written once an hour has none, and so counts as of now.
//
// CPU time is stored as shares of the time between two gathers, and node_exporter's is a counter. It is added up here
// from one request to the next: a counter that begins at 0 with the server, as one of a machine does that was
// restarted. A host that was away for a while adds nothing for that time.

#include "host_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "fleet/series.h"
#include "prom/write_encoder.h"

namespace resmon::server {

namespace {

constexpr UnixNanos kShownFor = 5 * store::kMinuteWidth;    // Prometheus' own look-back
constexpr UnixNanos kInfoFor = 2 * store::kHourWidth;       // host_info is written once an hour
constexpr UnixNanos kCpuForgotten = 2 * store::kHourWidth;  // since a request last asked for it
constexpr UnixNanos kLongestStep = 15 * store::kMinuteWidth;
constexpr std::size_t kMostCpus = 1'000'000;

enum class How : std::uint8_t {
  kNumber,    // times `scale`
  kTime,      // of the row, in seconds
  kLess,      // less the value of `other`
  kReadOnly,  // whether the tag `mode` is ro
  kRatio,     // 1 + a millionth of it
  kPositive,  // absent where it is negative
};

struct Metric {
  std::string_view measurement;
  std::string_view field;
  std::string_view name;
  std::string_view type;
  double scale = 1;
  How how = How::kNumber;
  std::string_view other{};
  std::string_view resource{};  // of `pressure`
  std::string_view pressure{};  // its type
  std::string_view label{};     // one more, as text
};

// Rows of one measurement stand together, and so do the lines of one metric's name.
constexpr Metric kHostMetrics[] = {
    {"mem", "total", "node_memory_MemTotal_bytes", "gauge"},
    {"mem", "free", "node_memory_MemFree_bytes", "gauge"},
    {"mem", "available", "node_memory_MemAvailable_bytes", "gauge"},
    {"mem", "buffered", "node_memory_Buffers_bytes", "gauge"},
    {"mem", "cached", "node_memory_Cached_bytes", "gauge", 1, How::kLess, "sreclaimable"},
    {"mem", "sreclaimable", "node_memory_SReclaimable_bytes", "gauge"},
    {"mem", "sunreclaim", "node_memory_SUnreclaim_bytes", "gauge"},
    {"mem", "slab", "node_memory_Slab_bytes", "gauge"},
    {"mem", "swap_total", "node_memory_SwapTotal_bytes", "gauge"},
    {"mem", "swap_free", "node_memory_SwapFree_bytes", "gauge"},
    {"mem", "swap_cached", "node_memory_SwapCached_bytes", "gauge"},
    {"mem", "active", "node_memory_Active_bytes", "gauge"},
    {"mem", "inactive", "node_memory_Inactive_bytes", "gauge"},
    {"mem", "mapped", "node_memory_Mapped_bytes", "gauge"},
    {"mem", "shared", "node_memory_Shmem_bytes", "gauge"},
    {"mem", "dirty", "node_memory_Dirty_bytes", "gauge"},
    {"mem", "write_back", "node_memory_Writeback_bytes", "gauge"},
    {"mem", "write_back_tmp", "node_memory_WritebackTmp_bytes", "gauge"},
    {"mem", "page_tables", "node_memory_PageTables_bytes", "gauge"},
    {"mem", "commit_limit", "node_memory_CommitLimit_bytes", "gauge"},
    {"mem", "committed_as", "node_memory_Committed_AS_bytes", "gauge"},
    {"mem", "vmalloc_total", "node_memory_VmallocTotal_bytes", "gauge"},
    {"mem", "vmalloc_used", "node_memory_VmallocUsed_bytes", "gauge"},
    {"mem", "vmalloc_chunk", "node_memory_VmallocChunk_bytes", "gauge"},
    {"mem", "huge_pages_total", "node_memory_HugePages_Total", "gauge"},
    {"mem", "huge_pages_free", "node_memory_HugePages_Free", "gauge"},
    {"mem", "huge_page_size", "node_memory_Hugepagesize_bytes", "gauge"},
    {"system", "load1", "node_load1", "gauge"},
    {"system", "load5", "node_load5", "gauge"},
    {"system", "load15", "node_load15", "gauge"},
    {"system", "load1", "node_time_seconds", "gauge", 1, How::kTime},
    {"kernel", "boot_time", "node_boot_time_seconds", "gauge"},
    {"kernel", "context_switches", "node_context_switches_total", "counter"},
    {"kernel", "interrupts", "node_intr_total", "counter"},
    {"kernel", "processes_forked", "node_forks_total", "counter"},
    {"kernel", "entropy_avail", "node_entropy_available_bits", "gauge"},
    {"linux_sysctl_fs", "file-nr", "node_filefd_allocated", "gauge"},
    {"linux_sysctl_fs", "file-max", "node_filefd_maximum", "gauge"},
    {"processes", "running", "node_procs_running", "gauge"},
    {"processes", "blocked", "node_procs_blocked", "gauge"},
    {"processes", "total", "node_processes_pids", "gauge"},
    {"processes", "total_threads", "node_processes_threads", "gauge"},
    {"processes", "running", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"R\""},
    {"processes", "sleeping", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"S\""},
    {"processes", "blocked", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"D\""},
    {"processes", "stopped", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"T\""},
    {"processes", "zombies", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"Z\""},
    {"processes", "idle", "node_processes_state", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"I\""},
    {"disk", "total", "node_filesystem_size_bytes", "gauge"},
    {"disk", "free", "node_filesystem_avail_bytes", "gauge"},
    {"disk", "total", "node_filesystem_free_bytes", "gauge", 1, How::kLess, "used"},
    {"disk", "inodes_total", "node_filesystem_files", "gauge"},
    {"disk", "inodes_free", "node_filesystem_files_free", "gauge"},
    {"disk", "total", "node_filesystem_readonly", "gauge", 1, How::kReadOnly},
    {"diskio", "reads", "node_disk_reads_completed_total", "counter"},
    {"diskio", "writes", "node_disk_writes_completed_total", "counter"},
    {"diskio", "merged_reads", "node_disk_reads_merged_total", "counter"},
    {"diskio", "merged_writes", "node_disk_writes_merged_total", "counter"},
    {"diskio", "read_bytes", "node_disk_read_bytes_total", "counter"},
    {"diskio", "write_bytes", "node_disk_written_bytes_total", "counter"},
    {"diskio", "read_time", "node_disk_read_time_seconds_total", "counter", 0.001},
    {"diskio", "write_time", "node_disk_write_time_seconds_total", "counter", 0.001},
    {"diskio", "io_time", "node_disk_io_time_seconds_total", "counter", 0.001},
    {"diskio", "weighted_io_time", "node_disk_io_time_weighted_seconds_total", "counter", 0.001},
    {"diskio", "iops_in_progress", "node_disk_io_now", "gauge"},
    {"net", "bytes_recv", "node_network_receive_bytes_total", "counter"},
    {"net", "bytes_sent", "node_network_transmit_bytes_total", "counter"},
    {"net", "packets_recv", "node_network_receive_packets_total", "counter"},
    {"net", "packets_sent", "node_network_transmit_packets_total", "counter"},
    {"net", "err_in", "node_network_receive_errs_total", "counter"},
    {"net", "err_out", "node_network_transmit_errs_total", "counter"},
    {"net", "drop_in", "node_network_receive_drop_total", "counter"},
    {"net", "drop_out", "node_network_transmit_drop_total", "counter"},
    {"net", "speed", "node_network_speed_bytes", "gauge", 125'000, How::kPositive},
    {"netstat", "tcp_established", "node_netstat_Tcp_CurrEstab", "untyped"},
    {"netstat", "tcp_time_wait", "node_sockstat_TCP_tw", "gauge"},
    {"netstat", "udp_socket", "node_sockstat_UDP_inuse", "gauge"},
    {"netstat",
     "tcp_established",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"established\""},
    {"netstat",
     "tcp_syn_sent",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"syn_sent\""},
    {"netstat",
     "tcp_syn_recv",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"syn_recv\""},
    {"netstat",
     "tcp_fin_wait1",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"fin_wait1\""},
    {"netstat",
     "tcp_fin_wait2",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"fin_wait2\""},
    {"netstat",
     "tcp_time_wait",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"time_wait\""},
    {"netstat", "tcp_close", "node_tcp_connection_states", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"close\""},
    {"netstat",
     "tcp_close_wait",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"close_wait\""},
    {"netstat",
     "tcp_last_ack",
     "node_tcp_connection_states",
     "gauge",
     1,
     How::kNumber,
     {},
     {},
     {},
     "state=\"last_ack\""},
    {"netstat", "tcp_listen", "node_tcp_connection_states", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"listen\""},
    {"netstat", "tcp_closing", "node_tcp_connection_states", "gauge", 1, How::kNumber, {}, {}, {}, "state=\"closing\""},
    {"nstat", "TcpActiveOpens", "node_netstat_Tcp_ActiveOpens", "untyped"},
    {"nstat", "TcpPassiveOpens", "node_netstat_Tcp_PassiveOpens", "untyped"},
    {"nstat", "TcpInSegs", "node_netstat_Tcp_InSegs", "untyped"},
    {"nstat", "TcpOutSegs", "node_netstat_Tcp_OutSegs", "untyped"},
    {"nstat", "TcpRetransSegs", "node_netstat_Tcp_RetransSegs", "untyped"},
    {"nstat", "TcpInErrs", "node_netstat_Tcp_InErrs", "untyped"},
    {"nstat", "TcpOutRsts", "node_netstat_Tcp_OutRsts", "untyped"},
    {"nstat", "UdpInDatagrams", "node_netstat_Udp_InDatagrams", "untyped"},
    {"nstat", "UdpOutDatagrams", "node_netstat_Udp_OutDatagrams", "untyped"},
    {"nstat", "UdpInErrors", "node_netstat_Udp_InErrors", "untyped"},
    {"nstat", "UdpNoPorts", "node_netstat_Udp_NoPorts", "untyped"},
    {"nstat", "UdpRcvbufErrors", "node_netstat_Udp_RcvbufErrors", "untyped"},
    {"nstat", "UdpSndbufErrors", "node_netstat_Udp_SndbufErrors", "untyped"},
    {"nstat", "IcmpInMsgs", "node_netstat_Icmp_InMsgs", "untyped"},
    {"nstat", "IcmpOutMsgs", "node_netstat_Icmp_OutMsgs", "untyped"},
    {"nstat", "IcmpInErrors", "node_netstat_Icmp_InErrors", "untyped"},
    {"nstat", "IpExtInOctets", "node_netstat_IpExt_InOctets", "untyped"},
    {"nstat", "IpExtOutOctets", "node_netstat_IpExt_OutOctets", "untyped"},
    {"nstat", "TcpExtListenOverflows", "node_netstat_TcpExt_ListenOverflows", "untyped"},
    {"nstat", "TcpExtListenDrops", "node_netstat_TcpExt_ListenDrops", "untyped"},
    {"nstat", "TcpExtTCPSynRetrans", "node_netstat_TcpExt_TCPSynRetrans", "untyped"},
    {"nstat", "TcpExtTCPTimeouts", "node_netstat_TcpExt_TCPTimeouts", "untyped"},
    {"nstat", "TcpExtSyncookiesSent", "node_netstat_TcpExt_SyncookiesSent", "untyped"},
    {"nstat", "TcpExtSyncookiesRecv", "node_netstat_TcpExt_SyncookiesRecv", "untyped"},
    {"nstat", "TcpExtSyncookiesFailed", "node_netstat_TcpExt_SyncookiesFailed", "untyped"},
    {"conntrack", "ip_conntrack_count", "node_nf_conntrack_entries", "gauge"},
    {"conntrack", "ip_conntrack_max", "node_nf_conntrack_entries_limit", "gauge"},
    {"softnet", "processed", "node_softnet_processed_total", "counter"},
    {"softnet", "dropped", "node_softnet_dropped_total", "counter"},
    {"softnet", "time_squeeze", "node_softnet_times_squeezed_total", "counter"},
    {"softnet", "received_rps", "node_softnet_received_rps_total", "counter"},
    {"softnet", "flow_limit_count", "node_softnet_flow_limit_count_total", "counter"},
    {"pressure", "total", "node_pressure_cpu_waiting_seconds_total", "counter", 1e-6, How::kNumber, {}, "cpu", "some"},
    {"pressure",
     "total",
     "node_pressure_memory_waiting_seconds_total",
     "counter",
     1e-6,
     How::kNumber,
     {},
     "memory",
     "some"},
    {"pressure",
     "total",
     "node_pressure_memory_stalled_seconds_total",
     "counter",
     1e-6,
     How::kNumber,
     {},
     "memory",
     "full"},
    {"pressure", "total", "node_pressure_io_waiting_seconds_total", "counter", 1e-6, How::kNumber, {}, "io", "some"},
    {"pressure", "total", "node_pressure_io_stalled_seconds_total", "counter", 1e-6, How::kNumber, {}, "io", "full"},
    {"temp", "temp", "node_hwmon_temp_celsius", "gauge"},
    {"timex", "sync_status", "node_timex_sync_status", "gauge"},
    {"timex", "offset_seconds", "node_timex_offset_seconds", "gauge"},
    {"timex", "frequency_adjustment_ppm", "node_timex_frequency_adjustment_ratio", "gauge", 1, How::kRatio},
    {"timex", "estimated_error_seconds", "node_timex_estimated_error_seconds", "gauge"},
    {"timex", "maxerror_seconds", "node_timex_maxerror_seconds", "gauge"},
    {"timex", "tai_offset_seconds", "node_timex_tai_offset_seconds", "gauge"},
};

struct Mode {
  std::string_view field;
  std::string_view mode;
  bool guest = false;
};
constexpr std::array<Mode, HostMetrics::kModes> kCpuModes = {{{"usage_user", "user"},
                                                              {"usage_nice", "nice"},
                                                              {"usage_system", "system"},
                                                              {"usage_idle", "idle"},
                                                              {"usage_iowait", "iowait"},
                                                              {"usage_irq", "irq"},
                                                              {"usage_softirq", "softirq"},
                                                              {"usage_steal", "steal"},
                                                              {"usage_guest", "user", true},
                                                              {"usage_guest_nice", "nice", true}}};

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out.append(name).append("=");
  prom::append_quoted(value, out);
}

// Tags of our rows as node_exporter's labels; "" leaves one out.
std::string_view label_of(std::string_view measurement, std::string_view tag) {
  if (tag == "host") return "instance";
  if (measurement == "disk") return tag == "path" ? "mountpoint" : tag == "mode" || tag == "label" ? "" : tag;
  if (measurement == "diskio") return tag == "name" ? "device" : tag == "wwid" ? "" : tag;
  if (measurement == "net") return tag == "interface" ? "device" : tag;
  if (measurement == "nstat") return tag == "name" ? "" : tag;
  if (measurement == "temp") return tag == "device" ? "chip" : tag;
  if (measurement == "pressure") return tag == "resource" || tag == "type" ? "" : tag;
  return tag;
}

std::string labels_of(std::string_view measurement, const std::vector<metric::Tag>& tags) {
  std::string out;
  for (const metric::Tag& tag : tags) {
    const std::string_view label = label_of(measurement, tag.key);
    if (label.empty()) continue;
    // node_exporter has the whole path of a device, and a network's file system as it is.
    if (measurement == "disk" && tag.key == "device" && tag.value.find_first_of("/:") == std::string::npos)
      append_label(out, label, "/dev/" + tag.value);
    else
      append_label(out, prom::label_name(label), tag.value);
  }
  return out;
}

// The newest value of each column, no older than `since`.
struct Newest {
  std::vector<std::optional<double>> numbers;
  std::vector<std::string> texts;
  std::vector<UnixNanos> times;
};

Result<Newest> newest_values(const store::Reader& store, store::GroupId group, std::span<const store::Column> columns,
                             UnixNanos since) {
  Newest out;
  out.numbers.resize(columns.size());
  out.texts.resize(columns.size());
  out.times.resize(columns.size());
  std::vector<store::ColumnId> ids;
  for (const store::Column& column : columns) ids.push_back(column.id);
  std::size_t missing = columns.size();
  const std::string enough = "enough";
  const Status scanned = store.scan(group, ids, {since, INT64_MAX}, true, [&](const store::Block& block) -> Status {
    for (std::size_t row = block.times.size(); row-- > 0 && missing > 0;)
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (out.times[i] != 0 || !block.columns[i].has(row)) continue;
        const metric::Cell cell = block.columns[i].cells[row];
        out.times[i] = block.times[row];
        if (columns[i].type == metric::FieldType::kString)
          out.texts[i] = metric::as_string(cell, block.columns[i].text);
        else
          out.numbers[i] = fleet::number_of(columns[i].type, cell);
        --missing;
      }
    if (missing == 0) return fail(ErrorKind::kLimit, enough);
    return {};
  });
  if (!scanned && scanned.error().message != enough) return fail(Error(scanned.error()));
  return out;
}

}  // namespace

// Lines by metric; a metric's lines stand together whatever is read when.
class HostMetrics::Writer {
 public:
  Status add(std::string_view name, std::string_view type, std::string_view labels, double value, UnixNanos time) {
    if (!std::isfinite(value)) return {};
    Lines& lines = all_[std::string(name)];
    lines.type = type;
    const std::size_t before = lines.text.size();
    fmt::format_to(std::back_inserter(lines.text), "{}{{{}}} {}", name, labels, value);
    if (time != 0) fmt::format_to(std::back_inserter(lines.text), " {}", time / 1'000'000);
    lines.text += '\n';
    bytes_ += lines.text.size() - before;
    if (bytes_ > kMostBytes)
      return fail(ErrorKind::kLimit, "there are too many series for one answer; ask for one host: ?host=NAME");
    return {};
  }
  std::string take() {
    std::string out;
    out.reserve(bytes_ + all_.size() * 150);
    for (auto& [name, lines] : all_) {
      out += fmt::format("# HELP {0} As node_exporter's {0}, from the host's newest row.\n# TYPE {0} {1}\n", name,
                         lines.type);
      out += lines.text;
      lines.text = {};
    }
    return out;
  }

 private:
  struct Lines {
    std::string_view type;
    std::string text;
  };
  std::map<std::string, Lines> all_;
  std::size_t bytes_ = 0;
};

namespace {

// f(group) for those of the host, or of all hosts.
template <class F>
Status for_groups(const store::Listing& listing, std::string_view host, const F& f) {
  if (!host.empty()) {
    for (const std::uint32_t place : listing.with_tag("host", host)) RESMON_TRY(f(*listing.groups()[place]));
    return {};
  }
  for (const store::Group* group : listing.groups())
    if (!store::tag_value(group->tags, "host").empty()) RESMON_TRY(f(*group));
  return {};
}

std::optional<double> metric_value(const Metric& metric, const std::vector<metric::Tag>& tags, double value,
                                   std::optional<double> other, UnixNanos time) {
  switch (metric.how) {
    case How::kNumber:
      return value * metric.scale;
    case How::kTime:
      return static_cast<double>(time) / 1e9;
    case How::kLess:
      return other ? std::optional(value - *other) : std::nullopt;
    case How::kReadOnly:
      return store::tag_value(tags, "mode") == "ro" ? 1 : 0;
    case How::kRatio:
      return 1 + value / 1e6;
    case How::kPositive:
      return value < 0 ? std::nullopt : std::optional(value * metric.scale);
  }
  return std::nullopt;
}

// The metrics of one measurement.
template <class W>
Status add_measurement(const store::Reader& store, std::span<const Metric> metrics, std::string_view host,
                       UnixNanos now, W& out) {
  const std::string_view measurement = metrics.front().measurement;
  const auto listing = store.listing(measurement);
  std::vector<store::Column> columns;
  const auto place_of = [&](std::string_view field) -> std::optional<std::size_t> {
    if (field.empty()) return std::nullopt;
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (columns[i].name == field) return i;
    for (const store::Column& column : listing->columns())
      if (column.name == field && column.type != metric::FieldType::kString) {
        columns.push_back(column);
        return columns.size() - 1;
      }
    return std::nullopt;
  };
  std::vector<std::pair<std::optional<std::size_t>, std::optional<std::size_t>>> places;
  for (const Metric& one : metrics) {
    const auto field = place_of(one.field);
    places.emplace_back(field, place_of(one.other));
  }
  if (columns.empty()) return {};
  return for_groups(*listing, host, [&](const store::Group& group) -> Status {
    RESMON_ASSIGN(const Newest values, newest_values(store, group.id, columns, now - kShownFor));
    const std::string labels = labels_of(measurement, group.tags);
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      const Metric& one = metrics[i];
      const auto [field, other] = places[i];
      if (!field || !values.numbers[*field]) continue;
      if (!one.resource.empty() && (store::tag_value(group.tags, "resource") != one.resource ||
                                    store::tag_value(group.tags, "type") != one.pressure))
        continue;
      const UnixNanos time = values.times[*field];
      const auto value =
          metric_value(one, group.tags, *values.numbers[*field], other ? values.numbers[*other] : std::nullopt, time);
      if (!value) continue;
      RESMON_TRY(out.add(one.name, one.type, one.label.empty() ? labels : labels + "," + std::string(one.label), *value,
                         time));
    }
    return {};
  });
}

// node_uname_info and node_os_info, from which dashboards take the names of hosts.
template <class W>
Status add_info(const store::Reader& store, std::string_view host, UnixNanos now, W& out) {
  const auto listing = store.listing("host_info");
  std::vector<store::Column> columns;
  for (const store::Column& column : listing->columns())
    if (column.type == metric::FieldType::kString) columns.push_back(column);
  if (columns.empty()) return {};
  return for_groups(*listing, host, [&](const store::Group& group) -> Status {
    RESMON_ASSIGN(const Newest values, newest_values(store, group.id, columns, now - kInfoFor));
    const auto text = [&](std::string_view field) -> std::string_view {
      for (std::size_t i = 0; i < columns.size(); ++i)
        if (columns[i].name == field) return values.texts[i];
      return {};
    };
    const std::string common = labels_of("host_info", group.tags);
    if (!text("kernel").empty()) {
      std::string labels = common;
      append_label(labels, "sysname", "Linux");
      append_label(labels, "nodename", store::tag_value(group.tags, "host"));
      append_label(labels, "release", text("kernel"));
      append_label(labels, "machine", text("architecture"));
      RESMON_TRY(out.add("node_uname_info", "gauge", labels, 1, 0));
    }
    if (!text("os").empty()) {
      std::string labels = common;
      append_label(labels, "name", text("os"));
      append_label(labels, "version", text("os_version"));
      append_label(labels, "id", text("os_id"));
      RESMON_TRY(out.add("node_os_info", "gauge", labels, 1, 0));
    }
    return {};
  });
}

}  // namespace

Status HostMetrics::add_cpus(Writer& out, std::string_view host, UnixNanos now) {
  const auto listing = store_.listing("cpu");
  std::vector<store::ColumnId> ids;
  std::vector<std::size_t> modes;  // of each id
  std::vector<metric::FieldType> types;
  for (const store::Column& column : listing->columns())
    for (std::size_t mode = 0; mode < kModes; ++mode)
      if (column.name == kCpuModes[mode].field && metric::FieldType::kString != column.type) {
        ids.push_back(column.id);
        modes.push_back(mode);
        types.push_back(column.type);
      }
  if (ids.empty()) return {};
  const MutexLock lock(mutex_);
  auto* const cpus = &cpus_;  // for the lambda, in which Clang does not see the lock
  std::erase_if(*cpus, [&](const auto& one) { return one.second.asked < now - kCpuForgotten; });
  return for_groups(*listing, host, [&](const store::Group& group) -> Status {
    const std::string_view cpu = store::tag_value(group.tags, "cpu");
    if (!cpu.starts_with("cpu") || cpu == "cpu-total") return {};
    const std::string key = metric::group_key("", group.tags);
    auto found = cpus->find(key);
    if (found == cpus->end()) {
      if (cpus->size() >= kMostCpus) return fail(ErrorKind::kLimit, "there are too many CPUs");
      found = cpus->emplace(key, CpuTime()).first;
    }
    CpuTime& time = found->second;
    time.asked = now;
    const UnixNanos since = std::max(time.until + 1, now - kShownFor);
    RESMON_TRY(store_.scan(group.id, ids, {since, INT64_MAX}, false, [&](const store::Block& block) -> Status {
      for (std::size_t row = 0; row < block.times.size(); ++row) {
        const UnixNanos at = block.times[row];
        const UnixNanos before = std::exchange(time.until, at);
        if (before == 0) continue;  // how long it stands for is not known
        const UnixNanos step = at - before;
        const bool away = step > kLongestStep || (time.step != 0 && step > 3 * time.step);
        if (!away) time.step = step;
        const UnixNanos counted = away ? time.step : step;
        for (std::size_t i = 0; i < ids.size(); ++i) {
          if (!block.columns[i].has(row)) continue;
          const auto percent = fleet::number_of(types[i], block.columns[i].cells[row]);
          if (percent && *percent > 0) time.seconds[modes[i]] += *percent / 100 * static_cast<double>(counted) / 1e9;
        }
      }
      return {};
    }));
    if (time.until < now - kShownFor) return {};  // it is away
    for (const std::size_t mode : modes) {
      std::vector<metric::Tag> tags = group.tags;
      std::erase_if(tags, [](const metric::Tag& tag) { return tag.key == "cpu"; });
      std::string labels = labels_of("cpu", tags);
      append_label(labels, "cpu", cpu.substr(3));
      append_label(labels, "mode", kCpuModes[mode].mode);
      const double seconds = std::round(time.seconds[mode] * 1e6) / 1e6;
      const bool guest = kCpuModes[mode].guest;
      RESMON_TRY(out.add(guest ? "node_cpu_guest_seconds_total" : "node_cpu_seconds_total", "counter", labels, seconds,
                         time.until));
    }
    return {};
  });
}

Result<std::string> HostMetrics::text(std::string_view host, UnixNanos now) {
  Writer out;
  const std::span<const Metric> all(kHostMetrics);
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first + 1;
    while (last < all.size() && all[last].measurement == all[first].measurement) ++last;
    RESMON_TRY(add_measurement(store_, all.subspan(first, last - first), host, now, out));
    first = last;
  }
  RESMON_TRY(add_info(store_, host, now, out));
  RESMON_TRY(add_cpus(out, host, now));
  return out.take();
}

}  // namespace resmon::server
