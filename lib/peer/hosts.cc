#include "peer/hosts.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"

namespace resmon::peer {

namespace {

constexpr std::uint32_t kHostsMagic = 0x31485252;  // "RRH1"
constexpr std::int64_t kMostAge = 100LL * 365 * 86400 * 1'000'000'000;
constexpr std::int64_t kMostInterval = 400LL * 86400 * 1'000'000'000;

void put_age(ByteWriter& out, UnixNanos time, UnixNanos now) {
  out.u8(time == 0 ? 0 : 1);
  if (time != 0) out.signed_varint(now - time);
}

UnixNanos take_age(ByteReader& in, UnixNanos now) {
  if (in.u8() == 0) return 0;
  return now - std::clamp<std::int64_t>(in.signed_varint(), -kMostAge, kMostAge);
}

void put(ByteWriter& out, const std::optional<double>& value) {
  out.u8(value ? 1 : 0);
  if (value) out.u64(std::bit_cast<std::uint64_t>(*value));
}

void put(ByteWriter& out, const std::optional<std::int64_t>& value) {
  out.u8(value ? 1 : 0);
  if (value) out.signed_varint(*value);
}

void take(ByteReader& in, std::optional<double>& value) {
  if (in.u8() == 0) return;
  const double read = std::bit_cast<double>(in.u64());
  if (read - read == 0) value = read;  // finite
}

void take(ByteReader& in, std::optional<std::int64_t>& value) {
  if (in.u8() != 0) value = in.signed_varint();
}

// One list of members for both directions.
template <class Summary, class Visit>
void each_number(Summary& summary, const Visit& visit) {
  visit(summary.cpu_percent);
  visit(summary.memory_percent);
  visit(summary.swap_percent);
  visit(summary.disk_percent);
  visit(summary.network_receive_bytes_per_second);
  visit(summary.network_send_bytes_per_second);
  visit(summary.pressure_percent);
  visit(summary.load1);
  visit(summary.n_cpus);
  visit(summary.uptime_seconds);
}

void put_host(ByteWriter& out, const SaidHost& said, UnixNanos now) {
  const fleet::Host& host = said.host;
  out.text(host.name);
  out.u8(host.connected ? 1 : 0);
  for (const UnixNanos time : {host.connected_since, host.first_seen, host.last_seen, host.newest_sample})
    put_age(out, time, now);
  out.text(host.address);
  out.text(host.software);
  out.text(host.also_on);
  out.signed_varint(host.interval.count());
  out.signed_varint(host.clock_skew.count());
  out.varint(host.tags.size());
  for (const metric::Tag& tag : host.tags) {
    out.text(tag.key);
    out.text(tag.value);
  }
  out.varint(host.received_samples);
  out.signed_varint(host.backlog_samples);
  out.signed_varint(host.dropped_samples);
  out.varint(host.refused_samples);
  out.text(host.last_refusal);
  each_number(host.summary, [&](const auto& value) { put(out, value); });
  out.text(host.summary.disk_path);
  out.text(host.summary.pressure_resource);
  out.text(said.settings);
}

SaidHost take_host(ByteReader& in, UnixNanos now) {
  SaidHost said;
  fleet::Host& host = said.host;
  host.name = in.text();
  host.connected = in.u8() != 0;
  for (UnixNanos* const time : {&host.connected_since, &host.first_seen, &host.last_seen, &host.newest_sample})
    *time = take_age(in, now);
  host.address = in.text();
  host.software = in.text();
  host.also_on = in.text();
  host.interval = std::chrono::nanoseconds(std::clamp<std::int64_t>(in.signed_varint(), 0, kMostInterval));
  host.clock_skew = std::chrono::nanoseconds(std::clamp<std::int64_t>(in.signed_varint(), -kMostAge, kMostAge));
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    metric::Tag tag;
    tag.key = in.text();
    tag.value = in.text();
    host.tags.push_back(std::move(tag));
  }
  host.received_samples = in.varint();
  host.backlog_samples = in.signed_varint();
  host.dropped_samples = in.signed_varint();
  host.refused_samples = in.varint();
  host.last_refusal = in.text();
  each_number(host.summary, [&](auto& value) { take(in, value); });
  host.summary.disk_path = in.text();
  host.summary.pressure_resource = in.text();
  said.settings = in.text();
  return said;
}

}  // namespace

std::string write_hosts(const HostsAnswer& answer, UnixNanos now) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u32(kHostsMagic);
  out.u64(answer.instance);
  out.text(answer.name);
  out.varint(answer.version);
  out.u8(answer.whole ? 1 : 0);
  out.varint(answer.hosts.size());
  for (const SaidHost& one : answer.hosts) put_host(out, one, now);
  out.varint(answer.removed.size());
  for (const std::string& name : answer.removed) out.text(name);
  return bytes;
}

Result<HostsAnswer> read_hosts(std::string_view bytes, UnixNanos now) {
  ByteReader in(bytes);
  if (in.u32() != kHostsMagic) return fail(ErrorKind::kUnsupported, "not a list of hosts of this version");
  HostsAnswer answer;
  answer.instance = in.u64();
  answer.name = in.text();
  answer.version = in.varint();
  answer.whole = in.u8() != 0;
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    answer.hosts.push_back(take_host(in, now));
    if (answer.hosts.back().host.name.empty()) answer.hosts.pop_back();
  }
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) answer.removed.emplace_back(in.text());
  if (in.failed() || in.remaining() > 0) return fail(ErrorKind::kInvalid, "a list of hosts that breaks off");
  return answer;
}

}  // namespace resmon::peer
