#include "procfs/mounts.h"

#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

// The kernel writes blank, tab, newline, backslash and '#' as \ooo (fs/proc_namespace.c). What is no such escape stays
// as it is.
std::string unescape(std::string_view text) {
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

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    options.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

Status parse_mountinfo(std::string_view text, std::vector<Mount>& out) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    if (fields.at_end()) continue;
    std::string_view id;
    std::string_view parent;
    std::string_view number;
    std::string_view root;
    std::string_view path;
    std::string_view options;
    if (!fields.word(id) || !fields.word(parent) || !fields.word(number) || !fields.word(root) || !fields.word(path) ||
        !fields.word(options))
      return fail(lines.error("fewer than 6 columns: " + quoted(line)));
    std::string_view optional;
    do {
      if (!fields.word(optional)) return fail(lines.error("no separator: " + quoted(line)));
    } while (optional != "-");
    std::string_view type;
    std::string_view device;
    if (!fields.word(type)) return fail(lines.error("no file system: " + quoted(line)));
    // A mount may have been given an empty one, which leaves two blanks.
    if (!fields.rest().starts_with("  ")) fields.word(device);
    if (out.size() >= kMostMounts) return fail(lines.error("too many mounts"));
    out.push_back(Mount{std::string(number), unescape(root), unescape(path), unescape(type), unescape(device),
                        has_option(options, "ro")});
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  return {};
}

Status parse_mounts(std::string_view text, std::vector<Mount>& out) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    if (fields.at_end()) continue;
    std::string_view device;
    std::string_view path;
    std::string_view type;
    std::string_view options;
    if (!fields.word(device) || !fields.word(path) || !fields.word(type) || !fields.word(options))
      return fail(lines.error("fewer than 4 columns: " + quoted(line)));
    if (out.size() >= kMostMounts) return fail(lines.error("too many mounts"));
    out.push_back(Mount{"", "", unescape(path), unescape(type), unescape(device), has_option(options, "ro")});
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  return {};
}

}  // namespace resmon::procfs
