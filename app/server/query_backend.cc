#include "query_backend.h"

#include <unistd.h>

#include "access_control.h"
#include "app.h"
#include "http/server.h"
#include "ingest/log.h"
#include "listeners.h"
#include "pipeline.h"
#include "routes_query.h"
#include "row_intake.h"
#include "row_writer.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

using influxql::ServerModule;

namespace {

std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

Status QueryBackend::may_change(std::string_view statement) const {
  if (app_.listeners().http().allowed(request_, http::Access::kWrite)) return {};
  return fail(ErrorKind::kDenied, "error authorizing query: " + std::string(statement) +
                                      " needs a token that may write or an administrator's session");
}

Status QueryBackend::remove(store::Deletion deletion) const {
  const auto removed = app_.intake().remove(std::move(deletion), deadline_);
  return removed ? Status() : fail(Error(removed.error()));
}

metric::SchemaTable& QueryBackend::schemas() const {
  return app_.storage().schemas();
}

Status QueryBackend::write(const metric::Batch& rows) const {
  metric::Batch copy = rows;
  RESMON_ASSIGN(const RowWriter::Taken taken,
                app_.intake().row_writer().append(std::move(copy), Clock::system().wall()));
  app_.storage().journal().sync_soon();
  if (!app_.intake().pipeline().wait_for(taken.position, deadline_))
    return fail(ErrorKind::kUnavailable,
                "the points are safe on disk but not in the store yet: the store is behind, or its disk fails");
  if (taken.dropped > 0)
    return fail(ErrorKind::kInvalid, "partial write: " + taken.why + " dropped=" + std::to_string(taken.dropped));
  if (taken.conflicts.rows > 0)
    return fail(ErrorKind::kInvalid,
                "partial write: " + taken.conflicts.first + " dropped=" + std::to_string(taken.conflicts.rows));
  return {};
}

std::vector<influxql::RunningQuery> QueryBackend::queries() const {
  return app_.queries().running.list();
}

Status QueryBackend::kill(std::uint64_t id) const {
  if (app_.queries().running.kill(id)) return {};
  return fail(ErrorKind::kNotFound, "no such query id: " + std::to_string(id));
}

std::vector<influxql::ServerUser> QueryBackend::users() const {
  std::vector<influxql::ServerUser> out;
  if (!app_.listeners().http().allowed(request_, http::Access::kAdmin)) return out;
  for (const auth::User& user : app_.access().guard().users())
    out.push_back({user.name, user.role == auth::Role::kAdmin});
  return out;
}

// InfluxDB's names where it has the same.
std::vector<ServerModule> QueryBackend::stats() const {
  const store::Stats store = app_.storage().store().stats();
  const QueryStats& queries = app_.queries().stats;
  const http::ServerStats& web = app_.listeners().http().stats();
  return {
      {"queryExecutor", {{"queriesActive", number(queries.running)}, {"queriesExecuted", number(queries.queries)}}},
      {"httpd",
       {{"req", number(web.requests)}, {"authFail", number(web.denied)}, {"serverError", number(web.failures)}}},
      {"database",
       {{"numMeasurements", number(app_.storage().store().measurements().size())},
        {"numSeries", number(store.groups)}}},
      {"store",
       {{"samples", number(store.stored_samples)},
        {"refusedSamples", number(store.refused_samples)},
        {"chunks", number(store.chunks)},
        {"diskBytes", number(store.disk_bytes)}}},
  };
}

std::vector<ServerModule> QueryBackend::diagnostics() const {
  const auto uptime = static_cast<std::int64_t>(app_.uptime_seconds());
  const UnixNanos now = Clock::system().wall();
  return {
      {"build", {{"Version", "resmon-server " + app_.version()}}},
      {"network", {{"hostname", host_name()}}},
      {"system",
       {{"PID", std::int64_t{::getpid()}},
        {"currentTime", influxql::Time{now}},
        {"started", influxql::Time{now - uptime * 1'000'000'000}},
        {"uptime", std::to_string(uptime) + "s"}}},
  };
}

}  // namespace resmon::server
