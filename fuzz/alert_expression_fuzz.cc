// A condition of any bytes: a place and a reason, never a crash or a runaway; and a whole rules file.

#include <string>
#include <string_view>

#include "alert/rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = resmon::alert::parse_condition(text);
  if (!parsed.ok && (parsed.error.at > size || parsed.error.reason.empty())) __builtin_trap();
  if (parsed.ok && (parsed.condition.nodes.empty() || parsed.condition.comparisons.empty())) __builtin_trap();
  double limit = 0;
  std::string unit;
  (void)resmon::alert::parse_limit(text, limit, unit);
  resmon::alert::Channel channel;
  (void)resmon::alert::read_channel_url(text, channel);
  const auto read = resmon::alert::read_config(text, "fuzz.toml");
  if (!read && read.error().message.empty()) __builtin_trap();
  return 0;
}
