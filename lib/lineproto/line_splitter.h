#pragma once

#include <cstddef>
#include <string_view>

namespace resmon::lineproto {

// Finds where a line ends: at a line feed that is not inside a quoted string value. It can be given a text that grows
// (bytes arrive in pieces) and goes on where it stopped, so that no arrival makes it look at a byte twice.
class LineSplitter {
 public:
  // The index in `text`, which begins with the line, of the line feed that ends it; npos while there is none yet.
  std::size_t find(std::string_view text);
  // Whether the text so far ends inside quotes.
  bool quoted() const { return quoted_; }
  // For the next line.
  void reset() { *this = LineSplitter(); }

 private:
  std::size_t at_ = 0;
  bool escaped_ = false;  // the byte before was a backslash that counts
  bool fields_ = false;   // behind the first space: only there quotes mean anything
  bool quoted_ = false;
  bool value_ = false;  // right behind a field's '=': only there a quote begins a string
};

}  // namespace resmon::lineproto
