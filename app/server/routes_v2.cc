// The routes of InfluxDB 2's API that client libraries use besides writing: buckets, organisations, deleting. There is
// one organisation, and a bucket for each name of the database; their ids are made from their names, so that they stay.

#include <boost/json/parse.hpp>

#include "app.h"
#include "database_names.h"
#include "influxql/execute/change.h"
#include "influxql/parse/predicate.h"
#include "influxql/parse/time_text.h"
#include "json.h"
#include "net/spawn.h"
#include "options.h"
#include "query_backend.h"
#include "routes.h"
#include "storage.h"
#include "store/store.h"
#include "work_pools.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

using Answer = asio::awaitable<http::Response>;
using RequestPointer = std::shared_ptr<const http::Request>;

constexpr std::string_view kOrganization = "resmon";
constexpr std::string_view kOrganizationKey = "org:resmon";  // what its id is made from: not a bucket's
constexpr std::size_t kDeleteBodyBytes = 64U << 10U;

// 16 digits, as InfluxDB's: FNV-1a of the name.
std::string id_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return fmt::format("{:016x}", hash);
}

http::Response refuse(unsigned status, std::string_view code, std::string_view message) {
  return http::Response::json(JsonObject().text("code", code).text("message", message).finish() + "\n", status);
}

std::string describe_bucket(const App& app, const std::string& name) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(app.options().store_retain).count();
  const std::string rule = JsonObject().text("type", "expire").number("everySeconds", seconds).finish();
  return JsonObject()
      .text("id", id_of(name))
      .text("orgID", id_of(kOrganizationKey))
      .text("type", "user")
      .text("name", name)
      .text("rp", influxql::kRetentionPolicy)
      .raw("retentionRules", seconds > 0 ? "[" + rule + "]" : "[]")
      .raw("labels", "[]")
      .raw("links", "{}")
      .finish();
}

// All names, or the one that `name`, or `id`, asks for.
Answer list_buckets(const App& app, RequestPointer request) {
  const std::string_view name = request->parameter("name");
  const std::string_view id = request->parameter("id");
  JsonArray list;
  for (const std::string& one : app.storage().database_names().names())
    if ((name.empty() || one == name) && (id.empty() || id_of(one) == id)) list.raw(describe_bucket(app, one));
  co_return http::Response::json(
      JsonObject().raw("links", R"({"self":"/api/v2/buckets"})").raw("buckets", list.finish()).finish() + "\n");
}

// Another name of the database, as CREATE DATABASE makes it.
Answer create_bucket(const App& app, RequestPointer request) {
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(request->body, error);
  const boost::json::value* name = !error && body.is_object() ? body.as_object().if_contains("name") : nullptr;
  if (name == nullptr || !name->is_string())
    co_return refuse(400, "invalid", "the body is to be an object with a name");
  const std::string text(name->as_string());
  if (app.storage().database_names().has(text))
    co_return refuse(422, "conflict", "bucket with name " + text + " already exists");
  if (Status made = app.storage().database_names().create(text); !made)
    co_return refuse(400, "invalid", made.error().message);
  co_return http::Response::json(describe_bucket(app, text) + "\n", 201);
}

Answer list_organizations() {
  const std::string one = JsonObject().text("id", id_of(kOrganizationKey)).text("name", kOrganization).finish();
  co_return http::Response::json(
      JsonObject().raw("links", R"({"self":"/api/v2/orgs"})").raw("orgs", "[" + one + "]").finish() + "\n");
}

Result<UnixNanos> time_of(const boost::json::object& body, std::string_view key) {
  const boost::json::value* const value = body.if_contains(key);
  if (value == nullptr || !value->is_string()) return fail(ErrorKind::kInvalid, std::string(key) + " is required");
  const std::string_view text(value->as_string());
  const auto time = influxql::parse_time(text, nullptr);
  if (!time || text.find('T') == std::string_view::npos)  // InfluxQL takes dates, too
    return fail(ErrorKind::kInvalid, std::string(key) + " is not a time of RFC 3339, such as 2026-01-02T03:04:05Z");
  constexpr std::int64_t kMostSeconds = INT64_MAX / 1'000'000'000 - 1;
  if (time->seconds > kMostSeconds) return INT64_MAX;
  if (time->seconds < -kMostSeconds) return INT64_MIN;
  return time->seconds * 1'000'000'000 + time->nanos;
}

Result<store::Deletion> deletion_of(const App& app, const http::Request& request) {
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(request.body, error);
  if (error || !body.is_object()) return fail(ErrorKind::kInvalid, "the body is not a JSON object");
  RESMON_ASSIGN(const UnixNanos start, time_of(body.as_object(), "start"));
  RESMON_ASSIGN(const UnixNanos stop, time_of(body.as_object(), "stop"));
  if (start > stop) return fail(ErrorKind::kInvalid, "start is after stop");
  std::string_view text;
  if (const boost::json::value* const predicate = body.as_object().if_contains("predicate");
      predicate != nullptr && !predicate->is_null()) {
    // Without one everything goes: what cannot be read must not count as none.
    if (!predicate->is_string()) return fail(ErrorKind::kInvalid, "predicate is not a string");
    text = std::string_view(predicate->as_string());
  }
  RESMON_ASSIGN(const influxql::Delete statement, influxql::parse_delete_predicate(text));
  RESMON_ASSIGN(store::Deletion deletion, influxql::deletion_of(statement, app.storage().store(), start));
  deletion.range = {start, stop < INT64_MAX ? stop + 1 : stop};  // both ends are of it
  return deletion;
}

http::Response remove(App& app, const http::Request& request) {
  const std::string_view bucket = request.has_parameter("bucket") ? request.parameter("bucket") : "";
  const std::string_view id = request.parameter("bucketID");
  bool known = false;
  for (const std::string& name : app.storage().database_names().names())
    known = known || (id.empty() ? name == bucket.substr(0, bucket.find('/')) : id_of(name) == id);
  if (!known) return refuse(404, "not found", "bucket not found");
  auto deletion = deletion_of(app, request);
  if (!deletion) return refuse(400, "invalid", deletion.error().message);
  const auto deadline = std::chrono::steady_clock::now() + app.options().query_timeout;
  if (const auto removed = app.intake().remove(std::move(*deletion), deadline); !removed)
    return refuse(503, "unavailable", removed.error().message);
  return http::Response::no_content();
}

Answer remove_on_pool(App& app, RequestPointer request) {
  co_return remove(app, *request);
}

Answer delete_request(App& app, RequestPointer request) {
  co_return co_await net::run(app.pools().query().get_executor(), remove_on_pool(app, std::move(request)));
}

}  // namespace

void add_v2_routes(App& app, http::Router& router) {
  router.add("GET", "/api/v2/buckets", http::Access::kRead,
             [&app](RequestPointer request) { return list_buckets(app, std::move(request)); });
  router.add("POST", "/api/v2/buckets", http::Access::kWrite,
             [&app](RequestPointer request) { return create_bucket(app, std::move(request)); });
  router.add("GET", "/api/v2/orgs", http::Access::kRead, [](RequestPointer) { return list_organizations(); });
  router.add(
      "POST", "/api/v2/delete", http::Access::kWrite,
      [&app](RequestPointer request) { return delete_request(app, std::move(request)); }, kDeleteBodyBytes);
}

}  // namespace resmon::server
