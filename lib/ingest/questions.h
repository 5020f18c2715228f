#pragma once

// Questions to one client that is connected, which a frame answers, or the connection's end. On its executor.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "wire/ask.h"

namespace resmon::ingest {

class Questions {
 public:
  static constexpr std::size_t kMost = 8;                  // that wait for their answers
  static constexpr auto kLife = std::chrono::seconds(30);  // then a new one takes its place
  using Done = std::function<void(Result<wire::ProcessList> list)>;
  using Time = std::chrono::steady_clock::time_point;

  // The number to ask with. None: it is not to be asked, and `done` was called: kLimit, or kNotFound after the end.
  std::optional<std::uint64_t> ask(Done done, Time now);
  void take(wire::ProcessList list);  // nothing happens where nobody waits for it
  void end();                         // answers all that wait: kUnavailable

 private:
  struct One {
    std::uint64_t id = 0;
    Time asked;
    Done done;
  };

  std::vector<One> waiting_;
  std::uint64_t last_id_ = 0;
  bool ended_ = false;
};

}  // namespace resmon::ingest
