#pragma once

// The files of each stream and day, in the order in which their lines came. Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "logs/part.h"
#include "logs/stream_day.h"

namespace resmon::logs {

struct StreamParts {
  std::vector<std::shared_ptr<Part>> parts;  // in order of number
  std::uint32_t next_number = 0;

  // Lines up to this position of the journal are in them; 0: there are none.
  std::uint64_t through() const {
    std::uint64_t out = 0;
    for (const auto& part : parts) out = std::max(out, part->through());
    return out;
  }
};

class PartTable {
 public:
  // The part takes the place of those whose lines it has; their files go once nobody reads them.
  void publish(const StreamDay& key, std::shared_ptr<Part> part);
  // Its file goes once nobody reads it. False: it is not in the table.
  bool remove(const StreamDay& key, const std::shared_ptr<Part>& part);
  // A stream and day without parts is kept for its next number, until no line can come to it any more.
  void forget_if_empty(const StreamDay& key);

  const StreamParts* find(const StreamDay& key) const;  // null: there are none
  std::uint64_t bytes() const { return bytes_; }        // of files
  // `visit(const StreamDay&, const StreamParts&)`, in order.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto& [key, stream] : streams_) visit(key, stream);
  }

 private:
  std::map<StreamDay, StreamParts> streams_;
  std::uint64_t bytes_ = 0;
};

}  // namespace resmon::logs
