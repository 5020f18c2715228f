#pragma once

// What a client that counts its gathers wrote down of them, for a test that compares it with what the stores hold. One
// text file a client, written with one write() a line, so that kill -9 of the process takes nothing back:
//
//   offered SEQUENCE TIME SAMPLES   before the spool is given the gather
//   taken SEQUENCE                  when the spool has it
//
// What was taken must be stored, exactly once; what was only offered may be; what was not offered must not. A client
// that is started again counts on from the last offered.

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
