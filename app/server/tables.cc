#include "tables.h"

#include "fleet/fleet.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

std::vector<Table> tables(const Storage& storage, const fleet::Fleet& hosts) {
  const store::Stats store = storage.store().stats();
  const fleet::FleetStats fleet = hosts.stats();
  const metric::SchemaTable& schemas = storage.schemas();
  return {
      {"schemas", schemas.size(), schemas.limit(), "new schemas (limits.max_schemas)"},
      {"series", store.groups + store.buried_groups, store.max_groups, "new series"},
      {"measurements", store.measurements, store.max_groups, "new measurements"},
      {"fields_of_one_measurement", store.most_columns, store.max_columns, "new fields of that measurement"},
      {"hosts", fleet.hosts, fleet.limits.hosts, "new hosts in the list"},
      {"overview_series", fleet.series, fleet.limits.series, "new series of the list's numbers"},
      {"forgotten_hosts", fleet.forgotten, fleet.limits.forgotten, ""},
  };
}

}  // namespace resmon::server
