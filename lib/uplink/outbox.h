#pragma once

// The interface from which an uplink sends: numbered entries of one stream that are kept until the server has
// acknowledged them. All on the uplink's executor.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/frame.h"

namespace resmon::uplink {

class Outbox {
 public:
  virtual ~Outbox() = default;

  virtual wire::Carries carries() const = 0;
  virtual const wire::StreamId& stream() const = 0;
  // Rises when the stream is another: a connection of the old one must end.
  virtual std::uint64_t epoch() const = 0;
  virtual bool empty() const = 0;
  virtual std::uint64_t first() const = 0;            // number of the oldest kept
  virtual std::uint64_t backlog() const = 0;          // samples or lines that are not acknowledged
  virtual std::string_view backlog_name() const = 0;  // "backlog_samples": for the log

  // Forgets everything up to and including `sequence`.
  virtual void acknowledge(std::uint64_t sequence) = 0;
  // Applies the server's last number from WELCOME. False: the outbox began a new stream.
  virtual bool resume_after(std::uint64_t sequence) = 0;

  // A connection begins or ends: what was encoded before is not built on any more.
  virtual void begin() = 0;
  virtual void end() = 0;
  struct Encoded {
    std::uint64_t through = 0;  // the last number that the frame has; 0: there is nothing to send now
    std::size_t entries = 0;
  };
  // Appends the frames of the oldest entries numbered `from` or higher, one payload of entries at most. kLimit: what is
  // next will never fit, and was dropped. What was encoded must be sent.
  virtual Result<Encoded> encode(std::uint64_t from, std::uint32_t max_frame_bytes, std::string& out) = 0;
};

}  // namespace resmon::uplink
