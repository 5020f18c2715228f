// The parsers of scripts' output, with any bytes. The first byte chooses the format. Besides not crashing: what was
// made of JSON and key=value is line protocol that the decoder takes, whole.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collect/script_output.h"
#include "lineproto/decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  if (size == 0) return 0;
  auto format = static_cast<collect::ScriptFormat>(data[0] % 4);
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const collect::ScriptShape shape{"script", {"unit", "k\\"}};
  collect::ScriptLines lines;
  collect::script_lines(format, text, shape, lines);
  if (format == collect::ScriptFormat::kAuto) format = collect::guess_script_format(text);
  metric::SchemaTable schemas;
  metric::Batch rows;
  lineproto::LineDecoder decoder(schemas);
  const lineproto::DecodeReport report = decoder.decode(lines.text, {}, rows);
  if (format != collect::ScriptFormat::kInflux && rows.rows().size() + report.refused_lines + lines.refused > size)
    std::abort();
  return 0;
}
