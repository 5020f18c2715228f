#include "database_names.h"

#include "base/file.h"

namespace resmon::server {

namespace {

constexpr std::size_t kMaxNames = 64;
constexpr std::size_t kMaxNameBytes = 256;

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || name == "." || name == "..") return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\') return false;
  }
  return true;
}

}  // namespace

DatabaseNames::DatabaseNames(std::string path) : path_(std::move(path)), names_{std::string(kOwn)} {
  const auto content = read_file(path_);
  if (!content) return;
  for (std::string_view rest = *content; !rest.empty() && names_.size() <= kMaxNames;) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (is_name(line)) names_.emplace(line);
  }
}

bool DatabaseNames::has(std::string_view name) const {
  MutexLock lock(mutex_);
  return names_.contains(name);
}

std::vector<std::string> DatabaseNames::names() const {
  MutexLock lock(mutex_);
  return {names_.begin(), names_.end()};
}

Status DatabaseNames::create(const std::string& name) const {
  if (!is_name(name)) return fail(ErrorKind::kInvalid, "invalid name");
  MutexLock lock(mutex_);
  if (names_.contains(name)) return {};
  if (names_.size() > kMaxNames)
    return fail(ErrorKind::kLimit, "the database has " + std::to_string(kMaxNames) + " other names already");
  auto names = names_;
  names.insert(name);
  RESMON_TRY(write_file_atomically(path_, text_of(names), 0600));
  names_ = std::move(names);
  return {};
}

Status DatabaseNames::drop(const std::string& name) const {
  if (name == kOwn)
    return fail(ErrorKind::kInvalid,
                "the database " + name + " holds the data and cannot be dropped: use DROP MEASUREMENT or DELETE");
  MutexLock lock(mutex_);
  auto names = names_;
  if (names.erase(name) == 0) return {};
  RESMON_TRY(write_file_atomically(path_, text_of(names), 0600));
  names_ = std::move(names);
  return {};
}

std::string DatabaseNames::text_of(const std::set<std::string, std::less<>>& names) {
  std::string content;
  for (const std::string& name : names)
    if (name != kOwn) content += name + "\n";
  return content;
}

}  // namespace resmon::server
