#pragma once

// What several messages contain.

#include <vector>

#include "base/bytes.h"
#include "metric/schema.h"

namespace resmon::peer {

void put_tags(ByteWriter& out, const std::vector<metric::Tag>& tags);
std::vector<metric::Tag> take_tags(ByteReader& in);

}  // namespace resmon::peer
