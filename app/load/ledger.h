#pragma once

// The ledger of a client that counts its gathers, for a test that compares it with the rows of the stores. One text
// file per client, written with one write() per line, so that kill -9 of the process loses no line:
//
//   offered SEQUENCE TIME SAMPLES   before the gather is pushed to the spool
//   taken SEQUENCE                  after the spool has it
//
// A taken gather must be stored exactly once; one that was only offered may be stored; any other must not be. A
// restarted client continues to count from the last offered gather.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/file.h"

namespace resmon::load {

class Ledger {
 public:
  // Without a path nothing is written and counting begins with 1.
  static Result<Ledger> open(const std::string& path);

  // Both end the program's promise when they fail: what follows could not be judged.
  Result<std::uint64_t> offer(UnixNanos time, std::size_t samples);  // the gather's number
  Status taken(std::uint64_t sequence);

  std::uint64_t next() const { return next_; }

 private:
  Status append(const std::string& line);

  std::string path_;
  Fd file_;
  std::uint64_t next_ = 1;
};

}  // namespace resmon::load
