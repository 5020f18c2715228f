#include "procfs/net_dev.h"

#include <cstring>

namespace resmon::procfs {

Status parse_net_dev(std::string_view text, std::vector<Interface>& out, Skipped& skipped) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  bool heading = false;
  while (lines.next(line)) {
    // An alias is named eth0:1, and numbers have no colons.
    const void* found = line.empty() ? nullptr : ::memrchr(line.data(), ':', line.size());
    const std::size_t colon = found == nullptr
                                  ? std::string_view::npos
                                  : static_cast<std::size_t>(static_cast<const char*>(found) - line.data());
    if (colon == std::string_view::npos && lines.number() <= 2 && line.find('|') != std::string_view::npos) {
      heading = true;
      continue;
    }
    Interface interface;
    Fields before(line.substr(0, colon));
    if (colon == std::string_view::npos || !before.word(interface.name) || !before.at_end() ||
        !is_name(interface.name)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no interface's name", line);
      continue;
    }
    if (out.size() >= kMostInterfaces) {
      skipped.add(lines.number(), "too many interfaces", line);
      continue;
    }
    Number ignored;
    Number* const columns[] = {&interface.bytes_received,
                               &interface.packets_received,
                               &interface.errors_in,
                               &interface.drops_in,
                               &ignored,
                               &ignored,
                               &ignored,
                               &ignored,
                               &interface.bytes_sent,
                               &interface.packets_sent,
                               &interface.errors_out,
                               &interface.drops_out};
    Fields fields(line.substr(colon + 1));
    std::size_t good = 0;
    for (Number* column : columns) good += fields.take(*column) ? 1U : 0U;
    if (good < std::size(columns)) skipped.add(lines.number(), "fewer than 12 numbers", line);
    if (good != 0) out.push_back(interface);
  }
  if (out.empty() && (skipped.lines() != 0 || !heading)) return nothing_of_use(skipped, "no interfaces");
  return {};
}

}  // namespace resmon::procfs
