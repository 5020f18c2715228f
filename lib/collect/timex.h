#pragma once

// What adjtimex(2) says of the clock, as it is reported.

#include <sys/timex.h>

#include <cstdint>

namespace resmon::collect {

struct ClockState {
  bool synchronised = false;
  double offset_seconds = 0;  // that remains to be corrected
  double frequency_ppm = 0;   // how much faster the clock is made to run
  double estimated_error_seconds = 0;
  double maximum_error_seconds = 0;
  std::int64_t tai_offset_seconds = 0;
};

// `result`: what adjtimex returned, not negative.
ClockState clock_state(const ::timex& answer, int result);

}  // namespace resmon::collect
