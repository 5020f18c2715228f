#pragma once

// Which measurements, fields and series a server has, for another one. No I/O; reading is bounded by the bytes that
// came.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "store/reader.h"

namespace resmon::peer {

struct CatalogRequest {
  std::string measurement;    // empty: the names of all
  std::uint64_t version = 0;  // of what the asker has already; 0: nothing
};

struct CatalogAnswer {
  std::uint64_t version = 0;
  bool same = false;  // as the asker has it: nothing follows
  std::vector<std::string> measurements;
  std::vector<metric::Field> fields;             // sorted by name
  std::vector<std::vector<metric::Tag>> series;  // sorted
};

std::string write_catalog_request(const CatalogRequest& request);
Result<CatalogRequest> read_catalog_request(std::string_view bytes);
std::string write_catalog(const CatalogAnswer& answer);
// The same as of a listing, without copying it.
std::string write_catalog(std::uint64_t version, const store::Listing& listing);
Result<CatalogAnswer> read_catalog(std::string_view bytes);

}  // namespace resmon::peer
