#include "uplink/stream_id.h"

#include <sys/random.h>

#include <chrono>
#include <random>

namespace resmon::uplink {

wire::StreamId random_stream() {
  wire::StreamId id{};
  if (getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size())) return id;
  std::mt19937_64 random(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

}  // namespace resmon::uplink
