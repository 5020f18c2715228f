#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::sink {

// Compresses one body after the other with one zlib state, at level 1: more compression costs more time than it saves
// on a local network.
class Gzip {
 public:
  Gzip();
  ~Gzip();

  // Replaces `out`.
  Status compress(std::string_view body, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace resmon::sink
