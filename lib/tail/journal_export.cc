#include "tail/journal_export.h"

#include <charconv>
#include <cstring>

#include "tail/facility.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kMostFields = 64;
constexpr std::size_t kMostValueBytes = 4096;  // of a field: some carry core dumps

// One field off the front; false when it is not whole.
enum class Took { kField, kEnd, kNeedsMore, kMalformed };
Took take_field(std::string_view& bytes, std::string_view& name, std::string_view& value) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return Took::kNeedsMore;
  const std::string_view line = bytes.substr(0, end);
  if (line.empty()) {
    bytes.remove_prefix(1);
    return Took::kEnd;
  }
  if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
    name = line.substr(0, equals);
    value = line.substr(equals + 1);
    bytes.remove_prefix(end + 1);
    return Took::kField;
  }
  // A value with bytes that are no text: its size in 8 bytes, little-endian, then the value.
  if (bytes.size() - end - 1 < 8) return Took::kNeedsMore;
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + end + 1, 8);
  if (size > (1ULL << 30U)) return Took::kMalformed;
  if (bytes.size() - end - 9 < size + 1) return Took::kNeedsMore;
  if (bytes[end + 9 + size] != '\n') return Took::kMalformed;
  name = line;
  value = bytes.substr(end + 9, size);
  bytes.remove_prefix(end + 9 + size + 1);
  return Took::kField;
}

template <class T>
void to_number(std::string_view text, T& out) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) out = value;
}

struct Names {
  std::string_view unit;
  std::string_view user_unit;
  std::string_view identifier;
};

void file(std::string_view name, std::string_view value, JournalEntry& entry, Names& names) {
  if (name == "__CURSOR") {
    entry.cursor = value;
  } else if (name == "__REALTIME_TIMESTAMP") {
    std::int64_t micros = 0;
    to_number(value, micros);
    if (micros > 0 && micros < INT64_MAX / 1000) entry.line.time = micros * 1000;
  } else if (name == "PRIORITY") {
    unsigned level = 8;
    to_number(value, level);
    if (level < 8) entry.line.level = static_cast<logline::Level>(level);
  } else if (name == "MESSAGE") {
    entry.line.message = value;
  } else if (name == "_PID" || (name == "SYSLOG_PID" && entry.line.pid == 0)) {
    to_number(value, entry.line.pid);
  } else if (name == "SYSLOG_FACILITY") {
    unsigned facility = 24;
    to_number(value, facility);
    if (facility < 24) entry.fields.push_back({"facility", facility_name(facility)});
  } else if (name == "_SYSTEMD_UNIT") {
    names.unit = value;
  } else if (name == "_SYSTEMD_USER_UNIT") {
    names.user_unit = value;
  } else if (name == "SYSLOG_IDENTIFIER") {
    names.identifier = value;
  } else if (!name.empty() && name.front() != '_' && !name.starts_with("SYSLOG_") && !name.starts_with("CODE_") &&
             !name.starts_with("TID") && value.size() <= kMostValueBytes && entry.fields.size() < kMostFields) {
    // Fields that the program itself added.
    entry.fields.push_back({name, value});
  }
}

}  // namespace

std::optional<JournalEntry> next_journal_entry(std::string_view& bytes, bool& malformed) {
  malformed = false;
  while (bytes.starts_with('\n')) bytes.remove_prefix(1);
  std::string_view rest = bytes;
  JournalEntry entry;
  Names names;
  while (true) {
    std::string_view name;
    std::string_view value;
    switch (take_field(rest, name, value)) {
      case Took::kNeedsMore:
        return std::nullopt;
      case Took::kMalformed: {
        malformed = true;
        const std::size_t end = bytes.find("\n\n");
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 2);
        return std::nullopt;
      }
      case Took::kField:
        file(name, value, entry, names);
        continue;
      case Took::kEnd:
        break;
    }
    break;
  }
  bytes = rest;
  // A unit says more than an identifier, but all user processes are of user@.service, and the kernel has none.
  const bool user = !names.user_unit.empty();
  entry.line.unit = user ? names.user_unit : !names.unit.empty() ? names.unit : names.identifier;
  if (!names.identifier.empty() && names.identifier != entry.line.unit &&
      !(entry.line.unit.starts_with(names.identifier) && entry.line.unit.ends_with(".service")))
    entry.fields.push_back({"identifier", names.identifier});
  entry.line.fields = entry.fields;
  return entry;
}

}  // namespace resmon::tail
