#pragma once

#include "http/router.h"
#include "ingest/log.h"

namespace resmon::server {

class App;
class HostList;
class Listeners;
class WorkPools;
struct Options;
struct SinkUnit;

// Age of the oldest entry that the reader is not done with; 0 when there is none.
double lag_seconds(const ingest::LogReader::Stats& stats);
// Of a sink. Rows in windows that are open are not waited for.
double lag_seconds(const SinkUnit& unit);
// The value of Set-Cookie that begins a session, or with 0 seconds ends it.
std::string session_cookie(const Options& options, const http::Request& request, std::string_view value,
                           std::int64_t seconds);
// Cookies for the sign-in with a provider: as of the session, but sent where `path` and `same_site` say.
std::string oidc_cookie(const Options& options, const std::string& name, const std::string& value, std::int64_t seconds,
                        const std::string& path, const std::string& same_site);
// What became of the last sign-in with a provider is in this cookie, for the page's first question who is signed in.
inline constexpr std::string_view kOidcFailedCookie = "resmon_oidc_failed";

// Every path of the HTTP interface. `app` must outlive the router's use.
void add_routes(App& app, http::Router& router);

// The parts, by file.
void add_page_routes(http::Router& router);  // routes_page.cc: /
// routes_status.cc: /status/NAME
void add_status_routes(const Options& options, const HostList& hosts, Listeners& listeners, http::Router& router);
void add_fleet_routes(App& app, http::Router& router);  // routes_fleet.cc: /api/v1/hosts, /api/v1/live
void add_peer_routes(App& app, http::Router& router);   // routes_peer.cc: /api/v1/peer
// routes_processes.cc: /api/v1/hosts/NAME/processes
void add_process_routes(const Options& options, Listeners& listeners, http::Router& router);
void add_health_routes(App& app,
                       http::Router& router);            // routes_health.cc: /healthz, /readyz, /ping, /metrics
void add_server_routes(App& app, http::Router& router);  // routes_server.cc: /api/v1/server, /api/v1/log
void add_auth_routes(App& app, http::Router& router);    // routes_auth.cc: /api/v1/login, session, users, tokens, …
void add_oidc_routes(App& app, http::Router& router);    // routes_oidc.cc: /oidc/start, /oidc/callback
void add_query_routes(App& app, http::Router& router);   // routes_query.cc: /query
void add_alert_routes(App& app, http::Router& router);   // routes_alerts.cc: /api/v1/alerts
void add_write_routes(App& app, http::Router& router);   // routes_write.cc: /write, /api/v2/write
void add_prometheus_routes(App& app, http::Router& router);  // routes_prometheus.cc: /api/v1/prom/write, /metrics/hosts
void add_otlp_routes(App& app, http::Router& router);        // routes_otlp.cc: /v1/metrics, /v1/logs
void add_log_routes(App& app, http::Router& router);         // routes_logs.cc: /api/v1/logs
void add_victoria_routes(App& app, http::Router& router);    // routes_logs_victoria.cc: /select/logsql
void add_log_write_routes(App& app, http::Router& router);  // routes_logs_write.cc: /insert/jsonline, /loki/api/v1/push
// routes_download.cc: /download
void add_download_routes(const Options& options, WorkPools& pools, http::Router& router);
void add_v2_routes(App& app, http::Router& router);  // routes_v2.cc: /api/v2/buckets, orgs, delete

}  // namespace resmon::server
