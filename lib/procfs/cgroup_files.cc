#include "procfs/cgroup_files.h"

namespace resmon::procfs {

namespace {

void add(Number& sum, std::uint64_t value) {
  const std::uint64_t before = sum.value_or(0);
  sum = before > UINT64_MAX - value ? UINT64_MAX : before + value;
}

bool is_device(std::string_view word) {
  return !word.empty() && word.find(':') != std::string_view::npos &&
         word.find_first_not_of("0123456789:") == std::string_view::npos;
}

}  // namespace

Status parse_keyed(std::string_view text, std::span<const Keyed> wanted, Skipped& skipped) {
  for (const Keyed& one : wanted) one.value->reset();
  Lines lines(text);
  std::string_view line;
  bool useful = false;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view name;
    Number value;
    if (!fields.word(name) || !is_ascii(name) || !fields.take(value)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "not a number", line);
      continue;
    }
    useful = true;
    for (const Keyed& one : wanted)
      if (one.name == name && !*one.value) *one.value = value;
  }
  if (!useful) return nothing_of_use(skipped, "no figures");
  return {};
}

Status parse_limit(std::string_view text, Number& out, Skipped& skipped) {
  out.reset();
  std::string_view line;
  if (!Lines(text).next(line)) return nothing_of_use(skipped, "empty");
  if (line == "max") return {};
  if (Fields fields(line); fields.take(out)) return {};
  skipped.add(1, "not a number", line);
  return nothing_of_use(skipped, "");
}

Status parse_io_stat(std::string_view text, CgroupIo& out, Skipped& skipped) {
  out = {0, 0, 0, 0};
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view word;
    // A device that did nothing has a line without figures.
    if (!fields.word(word) || !is_device(word)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no device", line);
      continue;
    }
    bool whole = true;
    while (fields.word(word)) {
      const std::size_t equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      Number* const sum = name == "rbytes"   ? &out.read_bytes
                          : name == "wbytes" ? &out.written_bytes
                          : name == "rios"   ? &out.reads
                          : name == "wios"   ? &out.writes
                                             : nullptr;
      std::uint64_t value = 0;
      if (sum == nullptr && equals != std::string_view::npos && is_ascii(name)) continue;
      if (sum != nullptr && Fields(word.substr(equals + 1)).number(value))
        add(*sum, value);
      else
        whole = false;
    }
    if (!whole) skipped.add(lines.number(), "not a number", line);
  }
  // A sum without one of its parts would be a counter that went back.
  if (skipped.lines() == 0) return {};
  out = {};
  return nothing_of_use(skipped, "");
}

Status parse_blkio(std::string_view text, CgroupIo& out, Skipped& skipped) {
  out = {0, 0, {}, {}};
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view device;
    std::string_view name;
    std::uint64_t value = 0;
    if (!fields.word(device) || (device != "Total" && (!is_device(device) || !fields.word(name) || !is_ascii(name))) ||
        !fields.number(value)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "not a number", line);
      continue;
    }
    if (name == "Read") add(out.read_bytes, value);
    if (name == "Write") add(out.written_bytes, value);
  }
  // A sum without one of its parts would be a counter that went back.
  if (skipped.lines() == 0) return {};
  out = {};
  return nothing_of_use(skipped, "");
}

}  // namespace resmon::procfs
