// Format: https://github.com/collectd/collectd/wiki/Binary-protocol. A datagram is a row of parts: type and length (of
// the whole part) as 16-bit numbers, then the content. Text parts and times stand for all lists of values after them,
// until another of their kind comes.

#include "door/collectd.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/clock.h"
#include "base/file.h"
#include "door/line_text.h"

namespace resmon::door {

namespace {

constexpr std::uint64_t kMostTypesBytes = 4U << 20U;
constexpr std::size_t kHeadBytes = 4;
constexpr std::size_t kMostListValues = 1000;
constexpr std::size_t kLongestText = 128;  // collectd's own bound, with the zero at its end

enum Part : std::uint16_t {
  kHost = 0x0000,
  kTime = 0x0001,
  kPlugin = 0x0002,
  kPluginInstance = 0x0003,
  kType = 0x0004,
  kTypeInstance = 0x0005,
  kValues = 0x0006,
  kHighTime = 0x0008,
  kSignature = 0x0200,
  kEncryption = 0x0210,
};

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = out << 8U | static_cast<unsigned char>(c);
  return out;
}

double gauge_of(std::string_view bytes) {  // the only one with the lowest byte first
  std::uint64_t bits = 0;
  for (std::size_t i = 8; i-- > 0;) bits = bits << 8U | static_cast<unsigned char>(bytes[i]);
  return std::bit_cast<double>(bits);
}

// The types with several data sources that collectd's plugins on Linux use most.
struct Usual {
  std::string_view sources;
  std::string_view types;
};
constexpr std::array kUsual{
    Usual{"rx tx",
          "if_octets if_packets if_errors if_dropped if_octets_raw io_octets io_packets node_octets memcached_octets "
          "mysql_octets serial_octets"},
    Usual{"read write", "disk_octets disk_ops disk_time disk_merged disk_latency ps_disk_octets ps_disk_ops"},
    Usual{"shortterm midterm longterm", "load"},
    Usual{"io_time weighted_io_time", "disk_io_time"},
    Usual{"processes threads", "ps_count"},
    Usual{"user syst", "ps_cputime"},
    Usual{"minflt majflt", "ps_pagefaults vmpage_faults"},
    Usual{"in out", "vmpage_io"},
    Usual{"used free", "df"},
    Usual{"queries responses", "dns_octets"},
    Usual{"uncompressed compressed", "compression"},
    Usual{"reads writes", "io_ops"},
};

std::vector<std::string> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// What the parts so far say of the lists of values that follow.
struct State {
  std::string host, plugin, instance, type, type_instance;
  UnixNanos time = 0;  // 0: none was given
};

void append_tag(std::string_view key, std::string_view value, std::string& out) {
  std::string escaped;
  append_name(value, NameOf::kValue, escaped);
  if (escaped.empty()) return;
  out.append(",").append(key).append("=").append(escaped);
}

// Empty, or why the list was not appended. `content`: behind the part's head.
std::string append_values(std::string_view content, const State& state, const CollectdTypes& types, bool with_host,
                          std::string& out) {
  if (content.size() < 2) return "a list of values is cut off";
  const std::size_t count = big_endian(content.substr(0, 2));
  content.remove_prefix(2);
  if (count == 0 || count > kMostListValues || content.size() != 9 * count)
    return "a list of values has not the length that its count says";
  if (state.plugin.empty() || state.type.empty()) return "a list of values without plugin and type";
  std::string fields;
  const std::vector<std::string>* const names = types.find(state.type);
  if (names != nullptr && names->size() != count)
    return "type " + state.type + " has " + std::to_string(names->size()) + " data sources, not " +
           std::to_string(count) + ": give the sender's types.db as types_db";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view bytes = content.substr(count + 8 * i, 8);
    double value = 0;
    switch (content[i]) {
      case 0:  // counter
      case 3:  // absolute
        value = static_cast<double>(big_endian(bytes));
        break;
      case 1:
        value = gauge_of(bytes);
        break;
      case 2:  // derive
        value = static_cast<double>(static_cast<std::int64_t>(big_endian(bytes)));
        break;
      default:
        return "a value of an unknown kind";
    }
    if (!std::isfinite(value)) continue;  // collectd's way of saying that there is none
    if (!fields.empty()) fields += ',';
    if (names != nullptr)
      append_name((*names)[i], NameOf::kKey, fields);
    else
      fields += count == 1 ? "value" : "value_" + std::to_string(i);
    fields.append("=").append(number_text(value));
  }
  if (fields.empty()) return {};
  append_name(state.plugin, NameOf::kMeasurement, out);
  if (with_host) append_tag("host", state.host, out);
  append_tag("instance", state.instance, out);
  append_tag("type", state.type, out);
  append_tag("type_instance", state.type_instance, out);
  out.append(" ").append(fields);
  if (state.time != 0) out.append(" ").append(std::to_string(state.time));
  out += '\n';
  return {};
}

std::string* text_of(State& state, std::uint64_t part) {
  switch (part) {
    case kHost:
      return &state.host;
    case kPlugin:
      return &state.plugin;
    case kPluginInstance:
      return &state.instance;
    case kType:
      return &state.type;
    case kTypeInstance:
      return &state.type_instance;
    default:
      return nullptr;
  }
}

// Empty, or what is wrong with the part.
std::string read_state(std::uint64_t part, std::string_view content, State& state) {
  if (std::string* const text = text_of(state, part)) {
    if (content.empty() || content.back() != '\0' || content.size() > kLongestText)
      return "a text without an end, or longer than collectd's 128 bytes";
    text->assign(content.substr(0, content.find('\0')));
    return {};
  }
  if (part != kTime && part != kHighTime) return {};  // intervals, notifications, what is newer
  if (content.size() != 8) return "a time that has not 8 bytes";
  const std::uint64_t number = big_endian(content);
  if (number >> (part == kTime ? 33U : 63U) != 0) return "a time that cannot be";
  // In units of 2^-30 s.
  state.time =
      part == kTime
          ? static_cast<UnixNanos>(number * 1'000'000'000)
          : static_cast<UnixNanos>((number >> 30U) * 1'000'000'000 + ((number & 0x3fffffffU) * 1'000'000'000 >> 30U));
  return {};
}

}  // namespace

CollectdTypes::CollectdTypes() {
  for (const Usual& one : kUsual)
    for (std::string& type : words_of(one.types, " ")) sources_[std::move(type)] = words_of(one.sources, " ");
}

Status CollectdTypes::add(std::string_view types_db) {
  for (std::size_t number = 1; !types_db.empty(); ++number) {
    const std::size_t end = std::min(types_db.find('\n'), types_db.size());
    const std::vector<std::string> words = words_of(types_db.substr(0, end), " \t\r,");
    types_db.remove_prefix(std::min(end + 1, types_db.size()));
    if (words.empty() || words[0].starts_with('#')) continue;
    std::vector<std::string> sources;
    for (std::size_t i = 1; i < words.size(); ++i) sources.push_back(words[i].substr(0, words[i].find(':')));
    for (const std::string& source : sources)
      if (source.empty()) sources.clear();
    if (sources.empty())
      return fail(ErrorKind::kInvalid, "line " + std::to_string(number) + ": must be TYPE SOURCE:KIND:MIN:MAX, …");
    sources_[words[0]] = std::move(sources);
  }
  return {};
}

Status CollectdTypes::add_file(const std::string& path) {
  RESMON_ASSIGN(const std::string text, read_file(path, kMostTypesBytes));
  if (Status added = add(text); !added) return fail(std::move(added).error().wrap(path));
  return {};
}

const std::vector<std::string>* CollectdTypes::find(std::string_view type) const {
  const auto at = sources_.find(type);
  return at == sources_.end() ? nullptr : &at->second;
}

CollectdReport append_collectd(std::string_view datagram, const CollectdTypes& types, bool with_host,
                               std::string& out) {
  CollectdReport report;
  State state;
  const auto refuse = [&report](std::string reason) {
    if (report.refused++ == 0) report.error = "collectd: " + std::move(reason);
  };
  while (!datagram.empty()) {
    if (datagram.size() < kHeadBytes) {
      refuse("the datagram is cut off");
      break;
    }
    const std::uint64_t part = big_endian(datagram.substr(0, 2));
    const std::size_t length = big_endian(datagram.substr(2, 2));
    if (length < kHeadBytes || length > datagram.size()) {
      refuse("a part is longer than the datagram, or shorter than its head");
      break;
    }
    if (part == kSignature || part == kEncryption) {
      refuse(part == kSignature ? "the datagram is signed, and no key is known; set SecurityLevel \"None\" in collectd"
                                : "the datagram is encrypted, and no key is known; set SecurityLevel \"None\"");
      break;
    }
    const std::string_view content = datagram.substr(kHeadBytes, length - kHeadBytes);
    datagram.remove_prefix(length);
    std::string wrong;
    if (part == kValues) {
      const std::size_t before = out.size();
      wrong = append_values(content, state, types, with_host, out);
      report.value_lists += out.size() > before ? 1U : 0U;
    } else {
      wrong = read_state(part, content, state);
    }
    if (!wrong.empty()) refuse(std::move(wrong));
  }
  return report;
}

}  // namespace resmon::door
