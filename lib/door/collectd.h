#pragma once

// Datagrams of collectd's network plugin (its binary protocol, version 5) as Influx lines. Measurement: the plugin.
// Tags: host, instance, type, type_instance, those that are not empty. Fields: the data sources' names, all floats, so
// that one field has one type whatever the value's kind is. These are the names that InfluxDB's collectd input gives
// with parse-multivalue-plugin = "join". No I/O; linear; fuzzed.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::door {

// The data sources of each type, by name: what a types.db says. The usual types are known without one.
class CollectdTypes {
 public:
  CollectdTypes();
  // Adds what a types.db has: lines of NAME SOURCE:KIND:MIN:MAX[, SOURCE:…]. kInvalid names the line.
  Status add(std::string_view types_db);
  Status add_file(const std::string& path);
  // Null: unknown.
  const std::vector<std::string>* find(std::string_view type) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> sources_;
};

// What became of one datagram.
struct CollectdReport {
  std::size_t value_lists = 0;  // that were appended as lines
  std::size_t refused = 0;      // value lists, and what is wrong with the datagram itself
  std::string error;            // of the first that was refused
};

// Appends a line for each list of values. `with_host`: with the tag `host`. A datagram that is damaged yields what
// stands before the damage; one that is signed or encrypted is refused as a whole, because no key is known.
CollectdReport append_collectd(std::string_view datagram, const CollectdTypes& types, bool with_host, std::string& out);

}  // namespace resmon::door
