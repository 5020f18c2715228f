#pragma once

#include <string>
#include <string_view>

#include "logline/line.h"
#include "tail/splitter.h"

namespace resmon::tail {

// Receives the events of sources. Not thread-safe.
class EventTaker {
 public:
  virtual ~EventTaker() = default;
  // Whether one more event is accepted now. If not, the source keeps it and tries again.
  virtual bool has_room() const = 0;
  // `unit`: where the event is from, such as a file's path.
  virtual void take(const Event& event, std::string_view unit) = 0;
  // The same for what is in parts already. `line.message` may be longer than the limit.
  virtual void take_line(const logline::Line& line) = 0;
  // How far the source is: becomes durable in one step with the events taken before it. An empty value forgets the key.
  virtual void mark(const std::string& key, std::string value) = 0;
};

}  // namespace resmon::tail
