#pragma once

// Where PeerReader finds rows beside this server's own: other servers (peers.h), or a database that all of them write
// to (database.h). A source is named by its number. Any thread but those of the network: questions block, for a bounded
// time.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "peer/catalog.h"
#include "peer/rows.h"

namespace resmon::server {

class RowSources {
 public:
  using Catalog = std::shared_ptr<const peer::CatalogAnswer>;

  virtual ~RowSources() = default;
  // Those that are asked now.
  virtual std::vector<std::size_t> present() const = 0;
  virtual std::string shown(std::size_t source) const = 0;  // for people
  // The first reason, for people, why an answer from all of them lacks something; empty: all are there.
  virtual std::string lacking() const = 0;
  // What it has of a measurement, or the names of all of them (measurement: "").
  virtual Result<Catalog> catalog(std::size_t source, const std::string& measurement) = 0;
  // `catalog`: of the measurement, as the source said before.
  virtual Result<peer::Page> rows(std::size_t source, const peer::RowsRequest& request,
                                  const peer::CatalogAnswer& catalog) = 0;
};

}  // namespace resmon::server
