#include "lineproto/line_splitter.h"

#include <algorithm>
#include <utility>

namespace resmon::lineproto {

std::size_t LineSplitter::find(std::string_view text) {
  if (at_ == 0) {
    // Most lines have no string: two searches that run at memory speed settle those.
    const std::size_t feed = text.find('\n');
    const std::string_view line = text.substr(0, std::min(feed, text.size()));
    if (feed != std::string_view::npos && line.find('"') == std::string_view::npos) return feed;
  }
  for (; at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (c == '\n' && !quoted_) return at_;
    const bool opens = std::exchange(value_, false);
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (quoted_) {
      quoted_ = c != '"';
    } else if (c == ' ') {
      fields_ = true;
    } else if (c == '=') {
      value_ = fields_;
    } else if (c == '"') {
      quoted_ = opens;
    }
  }
  return std::string_view::npos;
}

}  // namespace resmon::lineproto
