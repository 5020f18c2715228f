// OTLP's requests, from anybody: any bytes are points and records, or an error.

#include <cstdint>
#include <cstdlib>

#include "otlp/rows.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const otlp::Encoding encoding : {otlp::Encoding::kProtobuf, otlp::Encoding::kJson}) {
    metric::SchemaTable schemas(100);
    otlp::MetricRows rows(schemas, 1);
    (void)otlp::read_metrics(
        input, encoding, [&](const otlp::Attributes& resource, const otlp::Metric& metric, const otlp::Point& point) {
          rows.add(resource, metric, point);
          return Status();
        });
    metric::Batch batch;
    rows.finish(batch);
    if (batch.rows().size() > rows.report().points) std::abort();
    (void)otlp::read_logs(input, encoding, [](const otlp::Attributes&, const otlp::Record&) { return Status(); });
  }
  return 0;
}
