#include "logs/part_loader.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/log.h"

namespace resmon::logs {

namespace {

namespace fs = std::filesystem;

using PartTaker = std::function<void(const StreamDay&, std::shared_ptr<Part>)>;

Result<std::vector<std::string>> sorted_names(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error) return fail(system_error(directory, error.value()));
  std::sort(names.begin(), names.end());
  return names;
}

// How many are damaged.
Result<std::uint64_t> load_day(Day day, const std::string& directory, const PartTaker& take) {
  RESMON_ASSIGN(const std::vector<std::string> names, sorted_names(directory));
  RESMON_TRY(Part::sync(directory));  // a rename that the last process saw and the device may not have
  std::uint64_t damaged = 0;
  for (const std::string& name : names) {
    std::uint64_t stream = 0;
    std::uint32_t number = 0;
    if (name.ends_with(".tmp")) (void)::unlink((directory + "/" + name).c_str());
    if (!Part::parse_name(name, stream, number)) continue;
    auto part = Part::open(directory, name);
    if (!part) {
      ++damaged;
      log::error("logs", "a file of lines cannot be read and is left out", {{"reason", part.error().message}});
      continue;
    }
    if ((*part)->footer_damaged()) {
      ++damaged;
      log::error("logs", "a file of lines is damaged at its end; what is before that can be read",
                 {{"file", (*part)->path()}});
    }
    const StreamDay key{(*part)->host(), (*part)->source(), day};
    take(key, *std::move(part));
  }
  return damaged;
}

}  // namespace

Result<std::uint64_t> load_parts(const std::string& directory, const PartTaker& take) {
  std::uint64_t damaged = 0;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    Day day = 0;
    if (!parse_day(at->path().filename().string(), day) || !at->is_directory(error)) continue;
    RESMON_ASSIGN(const std::uint64_t of_day, load_day(day, at->path().string(), take));
    damaged += of_day;
  }
  if (error) return fail(system_error(directory, error.value()));
  return damaged;
}

}  // namespace resmon::logs
