#include "procfs/mdstat.h"

#include <algorithm>

namespace resmon::procfs {

namespace {

constexpr std::size_t kMostArrays = 256;
constexpr std::size_t kLongestArrayName = 32;
constexpr std::size_t kLongestDevices = 4096;

std::uint64_t count(std::string_view text, std::string_view what) {
  std::uint64_t times = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++times;
  return times;
}

// "md0", "md_d1", "md_home-new"
bool is_array_name(std::string_view name) {
  if (!name.starts_with("md") || name.size() > kLongestArrayName || !is_name(name) || !is_ascii(name)) return false;
  if (name.starts_with("md_")) return true;
  return name.size() > 2 && name.size() <= 12 &&
         name.substr(2).find_first_not_of("0123456789") == std::string_view::npos;
}

// "md0 : active raid1 sdb2[1] sda2[0]", "md1 : active (auto-read-only) raid1 …", "md2 : inactive sda[0](S)"
bool take_array(std::string_view line, MdArray& out) {
  out = {};
  Fields fields(line);
  std::string_view colon;
  if (!fields.word(out.name) || !fields.word(colon) || colon != ":" || !fields.word(out.state)) return false;
  if (out.state != "active" && out.state != "inactive") return false;
  fields.skip_blanks();
  if (fields.rest().starts_with('(')) {
    std::string_view remark;  // "(read-only)"
    fields.word(remark);
    fields.skip_blanks();
  }
  out.devices = fields.rest();
  out.failed = count(out.devices, "(F)");
  out.spare = count(out.devices, "(S)");
  out.members = count(out.devices, "[");
  // Levels without redundancy work with all of them or not at all; the line below says nothing of it.
  if (out.devices.starts_with("raid0") || out.devices.starts_with("linear")) out.total = out.active = out.members;
  if (out.state == "inactive") out.active = 0;
  return is_array_name(out.name) && is_ascii(line) && out.devices.size() <= kLongestDevices;
}

// The text between `before` and `after`: "[2/1]" between '[' and '/'.
template <class Value>
bool take_between(std::string_view text, std::string_view before, std::string_view after, Value& out) {
  const std::size_t begin = text.find(before);
  if (begin == std::string_view::npos) return false;
  const std::size_t from = begin + before.size();
  const std::size_t end = text.find(after, from);
  if (end == std::string_view::npos) return false;
  return Fields(text.substr(from, end - from)).take(out);
}

// "136448 blocks super 1.2 [2/2] [UU]". Levels without redundancy have no brackets.
bool take_blocks(std::string_view line, MdArray& array) {
  if (!Fields(line).take(array.blocks)) return false;
  const std::size_t slash = line.rfind('/');
  if (line.find('[') == std::string_view::npos || slash == std::string_view::npos) return true;
  const std::size_t open = line.rfind('[', slash);
  if (open == std::string_view::npos) return false;
  return take_between(line.substr(open), "[", "/", array.total) &&
         take_between(line.substr(slash), "/", "]", array.active);
}

MdSync sync_of(std::string_view line) {
  if (line.find("recovery") != std::string_view::npos) return MdSync::kRecovery;
  if (line.find("reshape") != std::string_view::npos) return MdSync::kReshape;
  if (line.find("resync") != std::string_view::npos) return MdSync::kResync;
  if (line.find("check") != std::string_view::npos) return MdSync::kCheck;
  return MdSync::kNone;
}

// "[==>....]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec", "resync=PENDING"
bool take_sync(std::string_view line, MdSync sync, MdArray& array) {
  array.sync = sync;
  if (line.find("PENDING") != std::string_view::npos || line.find("DELAYED") != std::string_view::npos ||
      line.find("REMOTE") != std::string_view::npos) {
    array.sync_waits = true;
    return true;
  }
  const bool all[] = {
      take_between(line, "(", "/", array.synced_blocks), take_between(line, "= ", "%", array.synced_percent),
      take_between(line, "finish=", "min", array.finish_minutes), take_between(line, "speed=", "K/", array.speed)};
  return std::all_of(std::begin(all), std::end(all), [](bool good) { return good; });
}

// A line below an array's. False when it cannot be read; `current` is empty after it when it shows that an array's own
// line was lost.
bool take_detail(std::string_view line, MdArray*& current) {
  if (line.find(" blocks") != std::string_view::npos) {
    if (current != nullptr && current->blocks) current = nullptr;
    return current != nullptr && take_blocks(line, *current);
  }
  if (line.find("bitmap:") != std::string_view::npos) return true;
  const MdSync sync = sync_of(line);
  if (sync == MdSync::kNone) return Fields(line).at_end();
  return current != nullptr && current->sync == MdSync::kNone && take_sync(line, sync, *current);
}

}  // namespace

Status parse_mdstat(std::string_view text, std::vector<MdArray>& out, Skipped& skipped) {
  out.clear();
  bool any = false;
  MdArray* current = nullptr;
  Lines lines(text);
  const auto end_array = [&] {
    if (current != nullptr && current->state == "active" && !current->blocks)
      skipped.add(lines.number(), "an array without its blocks", current->name);
    current = nullptr;
  };
  for (std::string_view line; lines.next(line);) {
    if (line.starts_with("Personalities") || line.starts_with("unused devices") || line.starts_with("read_ahead")) {
      any = true;
      continue;
    }
    if (line.empty()) continue;
    if (line.front() == ' ' || line.front() == '\t') {
      if (!take_detail(line, current)) skipped.add(lines.number(), "not about an array", line);
      continue;
    }
    MdArray array;
    end_array();
    if (out.size() >= kMostArrays || !take_array(line, array)) {
      skipped.add(lines.number(), "not an array", line);
      continue;
    }
    const auto known = std::find_if(out.begin(), out.end(), [&](const MdArray& one) { return one.name == array.name; });
    if (known != out.end()) {
      skipped.add(lines.number(), "given twice", line);
      current = &*known;
      continue;
    }
    out.push_back(array);
    current = &out.back();
  }
  end_array();
  if (out.empty() && !any) return nothing_of_use(skipped, "empty");
  return {};
}

}  // namespace resmon::procfs
