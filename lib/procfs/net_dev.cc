#include "procfs/net_dev.h"

#include "procfs/scan.h"

namespace resmon::procfs {

Status parse_net_dev(std::string_view text, std::vector<Interface>& out) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  std::size_t headings = 0;
  while (lines.next(line)) {
    if (headings < 2) {
      if (line.find('|') == std::string_view::npos) return fail(lines.error("no heading"));
      ++headings;
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fail(lines.error("no interface's name: " + quoted(line)));
    Fields before(line.substr(0, colon));
    std::string_view name;
    if (!before.word(name) || !before.at_end()) return fail(lines.error("no interface's name: " + quoted(line)));
    Fields fields(line.substr(colon + 1));
    std::uint64_t columns[12] = {};  // eight about receiving, then bytes, packets, errs and drop about sending
    for (std::uint64_t& column : columns)
      if (!fields.number(column)) return fail(lines.error("fewer than 12 numbers for " + quoted(name)));
    if (out.size() >= kMostInterfaces) return fail(lines.error("too many interfaces"));
    out.push_back(Interface{name, columns[0], columns[1], columns[2], columns[3], columns[8], columns[9], columns[10],
                            columns[11]});
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  if (headings < 2) return fail(malformed("no heading"));
  return {};
}

}  // namespace resmon::procfs
