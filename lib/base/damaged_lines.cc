#include "base/damaged_lines.h"

#include <set>
#include <string_view>

#include "base/file.h"

namespace resmon {

namespace {

constexpr std::size_t kMostBytes = 1U << 20U;

}  // namespace

Status keep_damaged_lines(const std::string& path, const std::vector<DamagedLine>& lines) {
  if (lines.empty()) return {};
  const std::string beside = path + ".damaged";
  std::string kept;
  if (auto read = read_file(beside, kMostBytes))
    kept = std::move(*read);
  else if (read.error().kind != ErrorKind::kNotFound)
    return fail(std::move(read).error());
  std::set<std::string_view> known;
  const std::string before = kept;
  for (std::string_view rest = before; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    known.insert(line);
  }
  for (const DamagedLine& line : lines)
    if (known.insert(line.text).second && kept.size() + line.text.size() < kMostBytes) kept += line.text + '\n';
  return kept == before ? Status() : write_file_atomically(beside, kept, 0600);
}

}  // namespace resmon
