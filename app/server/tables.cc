#include "tables.h"

#include "app.h"
#include "fleet/fleet.h"
#include "store/store.h"

namespace resmon::server {

std::vector<Table> tables(const App& app) {
  const store::Stats store = app.store().stats();
  const fleet::FleetStats fleet = app.fleet().stats();
  const metric::SchemaTable& schemas = app.schemas();
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
