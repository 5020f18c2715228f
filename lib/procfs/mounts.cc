#include "procfs/mounts.h"

#include <utility>

#include "procfs/scan.h"

namespace resmon::procfs {

// The kernel writes blank, tab, newline, backslash and '#' as \ooo (fs/proc_namespace.c). What is no such escape stays
// as it is.
std::string unescape_mount(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out += static_cast<char>(static_cast<unsigned char>(code));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

namespace {

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    options.remove_prefix(comma + 1);
  }
  return false;
}

// The error of a line; nullptr if it is valid.
const char* mountinfo_line(std::string_view line, Mount& out) {
  Fields fields(line);
  std::string_view id;
  std::string_view parent;
  std::string_view number;
  std::string_view root;
  std::string_view path;
  std::string_view options;
  if (!fields.word(id) || !fields.word(parent) || !fields.word(number) || !fields.word(root) || !fields.word(path) ||
      !fields.word(options))
    return "fewer than 6 columns";
  std::string_view optional;
  do {
    if (!fields.word(optional)) return "no separator";
  } while (optional != "-");
  std::string_view type;
  std::string_view device;
  if (!fields.word(type)) return "no file system";
  // A mount may have been given an empty one, which leaves two blanks.
  if (!fields.rest().starts_with("  ")) fields.word(device);
  out = {std::string(number),  unescape_mount(root),   unescape_mount(path),
         unescape_mount(type), unescape_mount(device), has_option(options, "ro")};
  return nullptr;
}

const char* mounts_line(std::string_view line, Mount& out) {
  Fields fields(line);
  std::string_view device;
  std::string_view path;
  std::string_view type;
  std::string_view options;
  if (!fields.word(device) || !fields.word(path) || !fields.word(type) || !fields.word(options))
    return "fewer than 4 columns";
  out = {"", "", unescape_mount(path), unescape_mount(type), unescape_mount(device), has_option(options, "ro")};
  return nullptr;
}

// "254:0", of 32 bits each.
bool is_device_number(std::string_view text) {
  const std::size_t colon = text.find(':');
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  return colon != std::string_view::npos && Fields(text.substr(0, colon)).number(major) &&
         Fields(text.substr(colon + 1)).number(minor) && major <= UINT32_MAX && minor <= UINT32_MAX;
}

template <class ParseLine>
Status parse_lines(std::string_view text, std::vector<Mount>& out, Skipped& skipped, ParseLine parse_line) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Mount mount;
    const char* wrong = out.size() >= kMostMounts ? "too many mounts" : parse_line(line, mount);
    if (wrong == nullptr && (!mount.path.starts_with('/') || !is_name(mount.type))) wrong = "no path or no type";
    if (wrong != nullptr) {
      skipped.add(lines.number(), line.empty() ? "empty" : wrong, line);
      continue;
    }
    if (!mount.device_number.empty() && !is_device_number(mount.device_number)) {
      skipped.add(lines.number(), "not a device's number", line);
      mount.device_number.clear();
    }
    out.push_back(std::move(mount));
  }
  if (out.empty() && skipped.lines() != 0) return nothing_of_use(skipped, "");
  return {};
}

}  // namespace

Status parse_mountinfo(std::string_view text, std::vector<Mount>& out, Skipped& skipped) {
  return parse_lines(text, out, skipped, mountinfo_line);
}

Status parse_mounts(std::string_view text, std::vector<Mount>& out, Skipped& skipped) {
  return parse_lines(text, out, skipped, mounts_line);
}

}  // namespace resmon::procfs
