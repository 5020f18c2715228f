#include "procfs/pid_files.h"

#include <algorithm>

namespace resmon::procfs {

namespace {

constexpr std::size_t kIdDigits = 64;

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix) || text.size() == suffix.size()) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix) || text.size() == prefix.size()) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// systemd writes what its names may not have as \x2d.
void put_unescaped(std::string_view text, CgroupOwner& out) {
  out.size = 0;
  const auto digit = [](char c) -> unsigned {
    return c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                  : 16;
  };
  for (std::size_t i = 0; i < text.size() && out.size < out.text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && digit(text[i + 2]) < 8 && digit(text[i + 3]) < 16) {
      c = static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
      i += 3;
    }
    out.text[out.size++] = c;
  }
  if (!is_name(out.name())) out = {};
}

// A container that this component is; false when it is none.
bool container(std::string_view parent, std::string_view component, CgroupOwner& out) {
  out.kind = CgroupOwner::Kind::kContainer;
  out.by_id = false;
  std::string_view name = component;
  take_suffix(name, ".scope");
  const std::string_view id = name.substr(name.size() - std::min(name.size(), kIdDigits));
  if (id.size() == kIdDigits && all_of(id, "0123456789abcdef")) {
    // conmon is Podman's attendant of a container, not the container.
    if (name.find("conmon") != std::string_view::npos) return false;
    const bool parted = name.size() == kIdDigits || name[name.size() - kIdDigits - 1] == '-';
    out.by_id = true;
    put_unescaped(id, out);
    return parted;
  }
  if (take_prefix(name, "lxc.payload.") || ((parent == "lxc" || parent == "lxc.payload") && !name.empty())) {
    put_unescaped(name, out);
    return out.size != 0;
  }
  name = component;
  if ((take_suffix(name, ".scope") && take_prefix(name, "machine-")) ||
      (name = component, take_suffix(name, ".service") && take_prefix(name, "systemd-nspawn@"))) {
    put_unescaped(name, out);
    return out.size != 0;
  }
  return false;
}

bool service(std::string_view component, CgroupOwner& out) {
  std::string_view name = component;
  if (!take_suffix(name, ".service") || name.starts_with("run-") || !is_name(component)) return false;
  out = {};
  out.kind = CgroupOwner::Kind::kService;
  const std::size_t at = name.find('@');
  // A connection or a number that is never used again, as in "sshd@7-10.0.0.1:22-…"; but "user@1000" and "getty@tty1"
  // stay.
  const std::string_view instance = at == std::string_view::npos ? std::string_view() : name.substr(at + 1);
  const bool numbered =
      all_of(instance, "0123456789-.:[]abcdef_") && instance.find_first_of("-:") != std::string_view::npos;
  if (!numbered) {
    put_unescaped(component, out);
  } else {
    out.size = name.copy(out.text.data(), std::min(at + 1, out.text.size() - 8));
    out.size += std::string_view(".service").copy(out.text.data() + out.size, 8);
  }
  if (out.size == 0) out = {};
  return out.size != 0;
}

}  // namespace

CgroupOwner owner_of_cgroup(std::string_view path) {
  CgroupOwner found;
  std::string_view parent;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    path.remove_prefix(std::min(path.size(), end + 1));
    if (component.empty()) continue;
    CgroupOwner one;
    if (container(parent, component, one)) return one;
    if (service(component, one)) found = one;
    parent = component;
  }
  return found;
}

Status parse_pid_cgroup(std::string_view text, CgroupOwner& out, Skipped& skipped, std::string_view* path) {
  out = {};
  Lines lines(text);
  std::string_view line;
  bool useful = false;
  while (lines.next(line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || second + 1 >= line.size() || line[second + 1] != '/') {
      skipped.add(lines.number(), line.empty() ? "empty" : "no path", line);
      continue;
    }
    useful = true;
    if (out.kind != CgroupOwner::Kind::kNone) continue;
    out = owner_of_cgroup(line.substr(second + 1));
    // systemd writes nothing else into names.
    if (out.kind == CgroupOwner::Kind::kNone && !is_ascii(line)) skipped.add(lines.number(), "not ASCII", line);
    if (path != nullptr) *path = line.substr(second + 1);
  }
  if (!useful) return nothing_of_use(skipped, "no cgroup");
  return {};
}

Status parse_pid_io(std::string_view text, PidIo& out, Skipped& skipped) {
  out = {};
  Lines lines(text);
  std::string_view line;
  bool useful = false;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view name;
    Number value;
    if (!fields.word(name) || !name.ends_with(':') || !is_ascii(name) || !fields.take(value)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "not a number", line);
      continue;
    }
    useful = true;
    if (name == "read_bytes:") out.read_bytes = value;
    if (name == "write_bytes:") out.written_bytes = value;
  }
  if (!useful) return nothing_of_use(skipped, "no figures");
  return {};
}

Status parse_pid_status(std::string_view text, Number& user_id, Skipped& skipped) {
  user_id.reset();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    if (!fields.literal("Uid:")) continue;
    Number real;
    if (user_id || !fields.take(real) || !fields.take(user_id) || *user_id > UINT32_MAX) {
      skipped.add(lines.number(), "no user", line);
      if (user_id && *user_id > UINT32_MAX) user_id.reset();
    }
  }
  if (!user_id) return nothing_of_use(skipped, "no user");
  return {};
}

Status parse_passwd(std::string_view text, std::vector<User>& out, Skipped& skipped) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (line.starts_with('#') || line.starts_with('+') || line.starts_with('-')) continue;  // NIS
    const std::size_t name = line.find(':');
    const std::size_t secret = name == std::string_view::npos ? name : line.find(':', name + 1);
    const std::size_t id = secret == std::string_view::npos ? secret : line.find(':', secret + 1);
    std::uint64_t number = 0;
    if (id == std::string_view::npos || !is_name(line.substr(0, name)) ||
        !Fields(line.substr(secret + 1, id - secret - 1)).number(number) || number > UINT32_MAX) {
      skipped.add(lines.number(), "no user", line);
    } else if (out.size() >= kMostUsers) {
      skipped.add(lines.number(), "too many users", line);
    } else {
      out.push_back({static_cast<std::uint32_t>(number), line.substr(0, name)});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const User& a, const User& b) { return a.id < b.id; });
  out.erase(std::unique(out.begin(), out.end(), [](const User& a, const User& b) { return a.id == b.id; }), out.end());
  if (out.empty() && skipped.lines() != 0) return nothing_of_use(skipped, "");
  return {};
}

}  // namespace resmon::procfs
