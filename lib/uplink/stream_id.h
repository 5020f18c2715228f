#pragma once

#include "wire/frame.h"

namespace resmon::uplink {

// A new stream's id, from the kernel's random numbers.
wire::StreamId random_stream();

}  // namespace resmon::uplink
