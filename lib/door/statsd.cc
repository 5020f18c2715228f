#include "door/statsd.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace resmon::door {

namespace {

constexpr std::size_t kMostValues = 4096;
constexpr std::size_t kMostMembers = 10'000;
constexpr std::size_t kLongestMetricName = 512;

bool number(std::string_view text, double& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

// As a name or tag of line protocol; StatsD's dots become Telegraf's separator.
void append_word(std::string_view text, bool dots, std::string& out) {
  for (const char c : text) {
    if (c == ',' || c == ' ' || c == '=' || c == '\\')
      out += '_';
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += '?';
    else
      out += dots && c == '.' ? '_' : c;
  }
}

std::string text_of(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string whole(double value) {
  return std::to_string(static_cast<std::int64_t>(std::llround(std::clamp(value, -9e18, 9e18)))) + "i";
}

std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = std::min(rest.find(end), rest.size());
  const std::string_view out = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return out;
}

struct Value {
  std::string_view text;
  char type = 0;  // c, g, m, s
  double rate = 1;
};

// "320|ms|@0.1|#a:b" behind the name.
Status read_value(std::string_view rest, Value& value, std::string& tags) {
  value.text = take_until(rest, '|');
  const std::string_view type = take_until(rest, '|');
  if (type == "c" || type == "g" || type == "s")
    value.type = type[0];
  else if (type == "ms" || type == "h" || type == "d")
    value.type = 'm';
  else
    return fail(ErrorKind::kInvalid, "the type must be c, g, ms, h, d or s");
  while (!rest.empty()) {
    std::string_view part = take_until(rest, '|');
    if (part.starts_with('@')) {
      if (!number(part.substr(1), value.rate) || value.rate <= 0 || value.rate > 1)
        return fail(ErrorKind::kInvalid, "a sampling rate is above 0 and at most 1");
    } else if (part.starts_with('#')) {
      part.remove_prefix(1);
      while (!part.empty()) {
        std::string_view tag = take_until(part, ',');
        const std::string_view key = take_until(tag, ':');
        if (key.empty() || key == "time") continue;
        tags += ',';
        append_word(key, false, tags);
        tags += '=';
        append_word(tag.empty() ? "true" : tag, false, tags);
      }
    }
  }
  return {};
}

}  // namespace

Status Statsd::take(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon > kLongestMetricName)
    return fail(ErrorKind::kInvalid, "must be NAME:VALUE|TYPE");
  std::string name;
  append_word(line.substr(0, colon), true, name);
  if (name.starts_with('#')) name[0] = '_';
  Value value;
  std::string tags;
  RESMON_TRY(read_value(line.substr(colon + 1), value, tags));
  const char* const kind = value.type == 'c'   ? "counter"
                           : value.type == 'g' ? "gauge"
                           : value.type == 'm' ? "timing"
                                               : "set";
  return add(name + tags + ",metric_type=" + kind, value.type, value.text, value.rate);
}

Status Statsd::add(const std::string& head, char type, std::string_view text, double rate) {
  double value = 0;
  if (text.empty() || (type != 's' && !number(text, value))) return fail(ErrorKind::kInvalid, "the value is no number");
  const std::string key = type + head;
  auto at = entries_.find(key);
  if (at == entries_.end()) {
    if (entries_.size() >= most_)
      std::erase_if(entries_, [](const auto& one) { return !one.second.fresh; });  // gauges that nobody sets
    if (entries_.size() >= most_) return fail(ErrorKind::kLimit, "too many names and tags: max_series is reached");
    at = entries_.emplace(key, Entry()).first;
  }
  Entry& entry = at->second;
  entry.fresh = true;
  if (type == 'c') {
    entry.value += value / rate;
  } else if (type == 'g') {
    entry.value = text[0] == '+' || text[0] == '-' ? entry.value + value : value;
  } else if (type == 's') {
    if (entry.members.size() < kMostMembers) entry.members.emplace(text);
  } else {
    entry.lower = entry.seen == 0 ? value : std::min(entry.lower, value);
    entry.upper = entry.seen == 0 ? value : std::max(entry.upper, value);
    entry.count += 1 / rate;
    entry.sum += value / rate;
    entry.squares += value * value / rate;
    if (entry.seen++ % entry.stride != 0) return {};
    if (entry.values.size() == kMostValues) {
      for (std::size_t i = 0; i < kMostValues / 2; ++i) entry.values[i] = entry.values[2 * i];
      entry.values.resize(kMostValues / 2);
      entry.stride *= 2;
    }
    entry.values.push_back(value);
  }
  return {};
}

void Statsd::append(const std::string& key, Entry& entry, std::string& out) {
  const char type = key[0];
  out.append(key, 1).append(" ");
  if (type == 'c') {
    out += "value=" + whole(entry.value);
  } else if (type == 'g') {
    out += "value=" + text_of(entry.value);
  } else if (type == 's') {
    out += "value=" + whole(static_cast<double>(entry.members.size()));
  } else {
    std::sort(entry.values.begin(), entry.values.end());
    const auto at = [&](double part) {
      const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(entry.values.size())));
      return entry.values[rank == 0 ? 0 : rank - 1];
    };
    const double mean = entry.sum / entry.count;
    const double variance = std::max(0.0, entry.squares / entry.count - mean * mean);
    out += "count=" + whole(entry.count) + ",sum=" + text_of(entry.sum) + ",mean=" + text_of(mean) +
           ",stddev=" + text_of(std::sqrt(variance)) + ",lower=" + text_of(entry.lower) +
           ",upper=" + text_of(entry.upper) + ",median=" + text_of(at(0.5)) + ",90_percentile=" + text_of(at(0.9));
  }
  out += '\n';
}

void Statsd::flush(std::string& out) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto one = at++;
    if (one->second.fresh) append(one->first, one->second, out);
    one->second.fresh = false;
    // A gauge is kept for those who add to it.
    if (one->first[0] != 'g') entries_.erase(one);
  }
}

}  // namespace resmon::door
