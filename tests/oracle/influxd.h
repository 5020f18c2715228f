#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace resmon::oracle {

// Debian's influxd in a scratch directory of its own on free ports; ended and removed with the object.
class Influxd {
 public:
  static Result<std::unique_ptr<Influxd>> start();
  ~Influxd();
  Influxd(const Influxd&) = delete;
  Influxd& operator=(const Influxd&) = delete;

  std::uint16_t port() const { return port_; }
  // Whether the process still runs: two known lines of text crash it, queries should not.
  bool alive();

 private:
  Influxd() = default;

  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::string directory_;
};

}  // namespace resmon::oracle
