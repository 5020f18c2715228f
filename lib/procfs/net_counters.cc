#include "procfs/net_counters.h"

#include <algorithm>

namespace resmon::procfs {

namespace {

constexpr std::size_t kLongestCounterName = 64;
constexpr std::size_t kMostDigitsInARow = 9;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "InSegs", "InType3"
bool is_counter_name(std::string_view word) {
  if (word.empty() || word.size() > kLongestCounterName || !is_letter(word.front())) return false;
  std::size_t digits = 0;
  for (const char c : word) {
    const bool digit = c >= '0' && c <= '9';
    digits = digit ? digits + 1 : 0;
    if ((!digit && !is_letter(c) && c != '_') || digits > kMostDigitsInARow) return false;
  }
  return true;
}

std::size_t count_words(Fields fields) {
  std::size_t words = 0;
  for (std::string_view word; fields.word(word);) ++words;
  return words;
}

// Takes "Tcp:" as "Tcp".
bool take_protocol(Fields& fields, std::string_view& protocol) {
  if (!fields.word(protocol) || !protocol.ends_with(':')) return false;
  protocol.remove_suffix(1);
  return is_counter_name(protocol);
}

struct NamesLine {
  std::string_view line;
  std::size_t number = 0;
  std::string_view protocol;
  Fields names{""};
};

// Whether something of the pair could not be read.
bool take_pair(const NamesLine& before, Fields values, std::vector<ProtocolCounter>& out) {
  Fields names = before.names;
  bool good = true;
  for (std::string_view name; names.word(name);) {
    Number value;
    const bool taken = values.take(value);
    if (name == "MaxConn") continue;
    if (!is_counter_name(name) || !taken) {
      good = false;
      continue;
    }
    out.push_back({before.protocol, name, value});
  }
  return good;
}

}  // namespace

namespace {

Number hexadecimal(std::string_view word) {
  if (word.empty() || word.size() > 16) return {};
  std::uint64_t value = 0;
  for (const char c : word) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else {
      return {};
    }
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

Status sum_cpu_columns(std::string_view text, std::string_view heading, std::span<Number> out, Number& first,
                       Skipped& skipped) {
  std::fill(out.begin(), out.end(), Number(0));
  first.reset();
  bool any = false;
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    const bool is_heading = !heading.empty() && line.starts_with(heading);
    if (is_heading || (!heading.empty() && lines.number() == 1)) {
      if (!is_heading || lines.number() != 1) skipped.add(lines.number(), "not the heading", line);
      continue;
    }
    Fields fields(line);
    std::size_t good = 0;
    bool odd = false;
    for (std::size_t column = 0; column < out.size(); ++column) {
      std::string_view word;
      fields.word(word);
      const Number value = hexadecimal(word);
      if (value && column == 0 && !any) first = value;
      if (value) ++good;
      odd = odd || (!value && !word.empty());
      if (!value || !out[column] || *out[column] > UINT64_MAX - *value) {
        out[column].reset();
      } else {
        out[column] = *out[column] + *value;
      }
    }
    // Older kernels have fewer columns, which is nothing odd.
    if (odd || good == 0) skipped.add(lines.number(), line.empty() ? "empty" : "not the columns of a CPU", line);
    any = any || good != 0;
  }
  if (any) return {};
  std::fill(out.begin(), out.end(), Number());
  return nothing_of_use(skipped, "no CPU");
}

Status parse_protocol_counters(std::string_view text, std::vector<ProtocolCounter>& out, Skipped& skipped) {
  out.clear();
  NamesLine pending;
  const auto drop_pending = [&] {
    if (pending.number != 0) skipped.add(pending.number, "names without their numbers", pending.line);
    pending.number = 0;
  };
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Fields fields(line);
    std::string_view protocol;
    if (!take_protocol(fields, protocol)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no protocol", line);
      continue;
    }
    fields.skip_blanks();
    if (!fields.rest().empty() && is_letter(fields.rest().front())) {
      drop_pending();
      pending = {line, lines.number(), protocol, fields};
      continue;
    }
    if (pending.number == 0 || pending.protocol != protocol || count_words(fields) != count_words(pending.names)) {
      skipped.add(lines.number(), "not as many numbers as names", line);
      continue;
    }
    if (!take_pair(pending, fields, out)) skipped.add(lines.number(), "not a number", line);
    pending.number = 0;
  }
  drop_pending();
  if (out.empty()) return nothing_of_use(skipped, "no counters");
  return {};
}

}  // namespace resmon::procfs
