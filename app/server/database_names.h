#pragma once

// The names of the one database: "resmon", and those that clients of InfluxDB have created, which mean the same data.
// Telegraf, Grafana and client libraries are set up with a name of their own and create it first; InfluxDB's answers
// then follow: a name that nobody created is not found. Kept in a small file beside the store.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "influxql/execute.h"

namespace resmon::server {

class DatabaseNames final : public influxql::Databases {
 public:
  static constexpr std::string_view kOwn = "resmon";

  // A file that is missing or holds nonsense is a list of no other names.
  explicit DatabaseNames(std::string path);

  bool has(std::string_view name) const override;
  std::vector<std::string> names() const override;
  // kLimit over 64 names; kInvalid for one that is no name; otherwise what is wrong with the file.
  Status create(const std::string& name) const override;
  // kInvalid for kOwn; no error for a name that is not there.
  Status drop(const std::string& name) const override;

 private:
  static std::string text_of(const std::set<std::string, std::less<>>& names);

  const std::string path_;
  mutable Mutex mutex_;
  mutable std::set<std::string, std::less<>> names_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
