// What another server answers, and what it asks: any bytes are read or refused; what was read can be written and read
// again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "peer/catalog.h"
#include "peer/hosts.h"
#include "peer/influx.h"
#include "peer/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::peer;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr resmon::UnixNanos kNow = 1'700'000'000'000'000'000;
  switch (data[0] % 8) {
    case 0:
      if (const auto read = read_hosts(bytes, kNow); read && !read_hosts(write_hosts(*read, kNow), kNow)) std::abort();
      break;
    case 1:
      if (const auto read = read_catalog(bytes); read && !read_catalog(write_catalog(*read))) std::abort();
      break;
    case 2:
      if (const auto read = read_catalog_request(bytes); read && !read_catalog_request(write_catalog_request(*read)))
        std::abort();
      break;
    case 3:
      if (const auto read = read_rows_request(bytes); read && !read_rows_request(write_rows_request(*read)))
        std::abort();
      break;
    case 4:
      (void)read_page(bytes);
      break;
    case 5:
      (void)read_influx_measurements(bytes);
      (void)read_influx_series(bytes);
      break;
    case 6:
      (void)read_influx_catalog(bytes);
      break;
    default: {
      RowsRequest request;
      request.columns = {"v", "s"};
      request.series = {{{"host", "a"}}};
      const CatalogAnswer catalog{
          0, false, {}, {{"s", resmon::metric::FieldType::kString}, {"v", resmon::metric::FieldType::kFloat}}, {}};
      (void)read_influx_rows(bytes, request, influx_rows_question(request, catalog));
    }
  }
  return 0;
}
