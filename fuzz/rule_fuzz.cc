// Rules as people write them, and lines as anybody sends them: the first NUL byte stands between the two.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lineproto/decoder.h"
#include "rule/engine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  const auto root = config::parse_toml(input.substr(0, end), "rules");
  if (!root) return 0;
  for (const rule::Place place : {rule::Place::kClient, rule::Place::kServer, rule::Place::kSink}) {
    config::Complaints complaints("rules");
    rule::Config config;
    for (const config::Node& member : root->members)
      if (member.key == "rule") config = rule::read_rules(member, "rule", place, complaints);
    if (complaints.any()) {
      if (complaints.text().empty()) __builtin_trap();
      continue;
    }
    metric::SchemaTable schemas(1000);
    rule::EngineOptions options;
    options.place = place;
    options.cache_bytes = 4096;
    rule::Engine engine(config, schemas, options);
    lineproto::LineDecoder decoder(schemas);
    metric::Batch in, out;
    if (end != std::string_view::npos) decoder.decode(input.substr(end + 1), {}, in);
    for (std::uint64_t position = 1; position < 4; ++position)
      engine.process(in, 0, in.rows().size(), {static_cast<UnixNanos>(position) * 1'000'000'000, position}, out);
    engine.flush(out);
    rule::Engine in_place(config, schemas, options);
    in_place.edit(in, nullptr, {1'000'000'000, 1});
    if (engine.oldest_position() != UINT64_MAX) __builtin_trap();
  }
  return 0;
}
