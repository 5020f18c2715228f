#pragma once

#include <chrono>

#include "http/router.h"
#include "influxql/backend.h"

namespace resmon::server {

class App;

// The influxql::Backend of one request: what its statements may change and see.
class QueryBackend final : public influxql::Backend {
 public:
  // `request` must outlive it. What blocks ends at `deadline`.
  QueryBackend(App& app, const http::Request& request, std::chrono::steady_clock::time_point deadline)
      : app_(app), request_(request), deadline_(deadline) {}

  Status may_change(std::string_view statement) const override;
  Status remove(store::Deletion deletion) const override;
  metric::SchemaTable& schemas() const override;
  Status write(const metric::Batch& rows) const override;
  std::vector<influxql::RunningQuery> queries() const override;
  Status kill(std::uint64_t id) const override;
  std::vector<influxql::ServerUser> users() const override;
  std::vector<influxql::ServerModule> stats() const override;
  std::vector<influxql::ServerModule> diagnostics() const override;

 private:
  App& app_;
  const http::Request& request_;
  const std::chrono::steady_clock::time_point deadline_;
};

}  // namespace resmon::server
