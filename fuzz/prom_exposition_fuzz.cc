// What an exporter answers: any bytes are rows or refused lines, and pieces of it are the same as the whole.

#include <cstdint>
#include <cstdlib>

#include "prom/exposition.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const bool open : {false, true}) {
    prom::ExpositionReport reports[2];
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}}) {
      metric::SchemaTable schemas(100);
      prom::Series series(schemas, 1000);
      metric::Batch batch;
      prom::ExpositionOptions options;
      options.open_metrics = open;
      options.tags = {{"job", "fuzz"}};
      prom::Exposition reader(input, options, series);
      while (reader.read(step, batch)) {
      }
      if (reader.report().samples != batch.rows().size()) std::abort();
      reports[step == 1 ? 0 : 1] = reader.report();
    }
    if (reports[0].first_refusal != reports[1].first_refusal || reports[0].refused != reports[1].refused) std::abort();
  }
  return 0;
}
