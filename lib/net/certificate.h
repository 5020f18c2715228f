#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::net {

// When the first certificate of a PEM file ends. Reads the file.
Result<UnixNanos> certificate_end(const std::string& certificate_file);

}  // namespace resmon::net
