// Remote write, from anybody: any bytes are rows, or an error.

#include <cstdint>
#include <cstdlib>

#include "prom/remote_write.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const prom::WriteVersion version : {prom::WriteVersion::kOne, prom::WriteVersion::kTwo}) {
    metric::SchemaTable schemas(100);
    prom::Series series(schemas, 1000);
    metric::Batch batch;
    const auto report = prom::read_remote_write(input, version, series, batch);
    if (report && report->samples != batch.rows().size()) std::abort();
  }
  (void)prom::version_of(input);
  return 0;
}
