#include "logline/line.h"

#include <algorithm>
#include <cstring>

namespace resmon::logline {

namespace {

constexpr std::size_t kBlockBytes = 32U << 10U;

struct Word {
  std::string_view text;
  Level level;
};
constexpr Word kWords[] = {
    {"emergency", Level::kEmergency},
    {"emerg", Level::kEmergency},
    {"panic", Level::kEmergency},
    {"alert", Level::kAlert},
    {"critical", Level::kCritical},
    {"crit", Level::kCritical},
    {"fatal", Level::kCritical},
    {"f", Level::kCritical},
    {"error", Level::kError},
    {"err", Level::kError},
    {"severe", Level::kError},
    {"e", Level::kError},
    {"warning", Level::kWarning},
    {"warn", Level::kWarning},
    {"w", Level::kWarning},
    {"notice", Level::kNotice},
    {"n", Level::kNotice},
    {"info", Level::kInfo},
    {"information", Level::kInfo},
    {"informational", Level::kInfo},
    {"log", Level::kInfo},
    {"i", Level::kInfo},
    {"debug", Level::kDebug},
    {"dbg", Level::kDebug},
    {"trace", Level::kDebug},
    {"verbose", Level::kDebug},
    {"fine", Level::kDebug},
    {"finer", Level::kDebug},
    {"finest", Level::kDebug},
    {"d", Level::kDebug},
    {"t", Level::kDebug},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string_view level_name(Level level) {
  static constexpr std::string_view kNames[] = {"emergency", "alert", "critical", "error", "warning",
                                                "notice",    "info",  "debug",    "none"};
  const auto i = static_cast<std::size_t>(level);
  return kNames[std::min(i, std::size(kNames) - 1)];
}

Level parse_level(std::string_view word) {
  for (const Word& known : kWords)
    if (std::equal(known.text.begin(), known.text.end(), word.begin(), word.end(),
                   [](char a, char b) { return a == lower(b); }))
      return known.level;
  return Level::kNone;
}

void Lines::clear(std::string_view source) {
  source_.assign(source.substr(0, kMaxName));
  entries_.clear();
  fields_.clear();
  field_names_.clear();
  for (Dictionary* dictionary : {&units_, &names_}) {
    dictionary->texts.clear();
    dictionary->numbers.clear();
  }
  // One block of the usual size is kept for the next lines.
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty() && blocks_.front().size > kBlockBytes) blocks_.clear();
  used_ = 0;
  text_bytes_ = 0;
}

bool Lines::fits(const Line& line) const {
  if (entries_.size() >= kMaxLines) return false;
  std::size_t bytes = std::min(line.message.size(), kMaxMessage) + std::min(line.unit.size(), kMaxName);
  const std::size_t fields = std::min(line.fields.size(), kMaxFields);
  if (fields_.size() + fields > kMaxAllFields) return false;
  for (const Field& field : line.fields.first(fields))
    bytes += std::min(field.name.size(), kMaxName) + std::min(field.value.size(), kMaxMessage);
  return text_bytes_ + bytes <= kMaxBytes;
}

void Lines::add(const Line& line) {
  Entry entry{};
  entry.time = line.time;
  entry.pid = line.pid;
  entry.level = line.level;
  entry.cut = line.cut || line.message.size() > kMaxMessage || line.fields.size() > kMaxFields;
  entry.unit = intern(units_, line.unit.substr(0, kMaxName));
  entry.message = copy(line.message.substr(0, kMaxMessage));
  entry.first_field = static_cast<std::uint32_t>(fields_.size());
  entry.fields = static_cast<std::uint16_t>(std::min(line.fields.size(), kMaxFields));
  for (const Field& field : line.fields.first(entry.fields)) {
    const std::uint32_t name = intern(names_, field.name.substr(0, kMaxName));
    entry.cut = entry.cut || field.value.size() > kMaxMessage;
    fields_.push_back({names_.texts[name], copy(field.value.substr(0, kMaxMessage))});
    field_names_.push_back(name);
  }
  entries_.push_back(entry);
}

Line Lines::operator[](std::size_t i) const {
  const Entry& entry = entries_[i];
  Line line;
  line.time = entry.time;
  line.level = entry.level;
  line.cut = entry.cut;
  line.unit = units_.texts[entry.unit];
  line.pid = entry.pid;
  line.message = entry.message;
  line.fields = std::span(fields_).subspan(entry.first_field, entry.fields);
  return line;
}

std::string_view Lines::copy(std::string_view text) {
  if (text.empty()) return {};
  char* const to = allocate(text.size());
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

char* Lines::allocate(std::size_t bytes) {
  if (blocks_.empty() || blocks_.back().size - used_ < bytes) {
    const std::size_t size = std::max(bytes, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }
  char* const at = blocks_.back().bytes.get() + used_;
  used_ += bytes;
  text_bytes_ += bytes;
  return at;
}

std::uint32_t Lines::intern(Dictionary& dictionary, std::string_view text) {
  // Neighbours mostly have the same unit.
  if (!dictionary.texts.empty() && dictionary.texts.back() == text)
    return static_cast<std::uint32_t>(dictionary.texts.size() - 1);
  if (const auto known = dictionary.numbers.find(text); known != dictionary.numbers.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(dictionary.texts.size());
  dictionary.texts.push_back(copy(text));
  dictionary.numbers.emplace(dictionary.texts.back(), number);
  return number;
}

}  // namespace resmon::logline
