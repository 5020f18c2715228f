// What another server answers, and what it asks: any bytes are read or refused; what was read can be written and read
// again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "peer/catalog.h"
#include "peer/hosts.h"
#include "peer/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::peer;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr resmon::UnixNanos kNow = 1'700'000'000'000'000'000;
  switch (data[0] % 5) {
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
    default:
      (void)read_page(bytes);
  }
  return 0;
}
