#include "options.h"

#include <algorithm>
#include <cstdlib>

#include "logs/query.h"
#include "sink/endpoint.h"

namespace resmon::server {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

void declare_rules(config::Settings& settings, const std::string& key, rule::Place place, rule::Config& rules,
                   const std::string& meaning) {
  settings.array(
      key,
      [&rules, place](const config::Node& array, const std::string& path, config::Complaints& complaints) {
        rules = rule::read_rules(array, path, place, complaints);
      },
      rule::sample_rules(key),
      meaning + " They apply in their order (docs/rules.md); 'resmon-server rules explain' shows what each does.");
}

void declare_sink(config::Settings& settings, const std::string& prefix, sink::SinkOptions& sink, std::string& lines,
                  rule::Config& rules) {
  settings.choice(
      prefix + ".kind", &sink.kind, {"influx", "loki"},
      "influx: samples, and the log lines that `lines` finds as measurement `syslog`. loki: log lines alone, "
      "to Loki or VictoriaLogs (url = \"http://HOST:9428/insert\").");
  settings.text(prefix + ".lines", &lines,
                "Which log lines are sent, as one searches for them: \"level:>=warning -unit:cron\"; \"*\": all. "
                "Empty: none, with kind loki all.");
  settings.text(prefix + ".url", &sink.url, "Where the database listens, with a base path where it has one.");
  settings.choice(prefix + ".version", &sink.version, {"auto", "1", "2"},
                  "The write API: 1 is /write, 2 is /api/v2/write. auto: 2 when org, bucket or a token is given.");
  settings.text(prefix + ".database", &sink.database, "API 1: the database.");
  settings.text(prefix + ".retention_policy", &sink.retention_policy,
                "API 1: the retention policy. Empty: the database's own.");
  settings.boolean(prefix + ".create_database", &sink.create_database, "API 1: make the database when it is missing.");
  settings.text(prefix + ".org", &sink.org, "API 2: the organisation. Loki: the tenant.");
  settings.text(prefix + ".bucket", &sink.bucket, "API 2: the bucket. Empty: called as `database`.");
  settings.text(prefix + ".token", &sink.token, "Better in a file: token_file.");
  settings.text(prefix + ".token_file", &sink.token_file, "A file whose first line is the token.");
  settings.text(prefix + ".username", &sink.username, "For Basic authentication.");
  settings.text(prefix + ".password", &sink.password, "Better in a file: password_file.");
  settings.text(prefix + ".password_file", &sink.password_file, "A file whose first line is the password.");
  settings.choice(prefix + ".precision", &sink.precision, {"ns", "ms", "s"}, "Of the timestamps that are written.");
  settings.boolean(prefix + ".gzip", &sink.gzip, "Compress requests: some CPU time for nine tenths less traffic.");
  settings.bytes(prefix + ".batch_bytes", &sink.batch_bytes, 4096, 8U << 20U,
                 "A request is sent when it has this size,");
  settings.duration(prefix + ".linger", &sink.linger, milliseconds(0), seconds(60),
                    "or when its oldest line has waited this long.");
  settings.duration(prefix + ".timeout", &sink.timeout, milliseconds(100), hours(1), "For each step of a request.");
  settings.duration(prefix + ".retry_first", &sink.retry_first, milliseconds(10), hours(1),
                    "The first pause after a failure; it doubles");
  settings.duration(prefix + ".retry_last", &sink.retry_last, milliseconds(10), hours(1), "up to this.");
  settings.text(prefix + ".tls_ca_file", &sink.tls_ca_file,
                "https: the authorities to trust (PEM). Empty: the system's.");
  settings.boolean(prefix + ".tls_verify", &sink.tls_verify, "false takes any certificate, and so anybody in between.");
  settings.text(prefix + ".refused_file", &sink.refused_file,
                "Lines that the database refuses go here, with its reason. Empty: under the store's directory.");
  declare_rules(settings, prefix + ".rule", rule::Place::kSink, rules,
                "Rules for what this database gets, such as one value a minute.");
}

}  // namespace

void Options::declare(config::Settings& settings) {
  settings.text("listen.address", &listen_address,
                "Where clients connect, HOST:PORT. 0.0.0.0:7411 or [::]:7411 for other machines; then with TLS.");
  settings.boolean("listen.tls", &listen_tls, "Clients must use TLS, with the certificate below.");
  settings.text("http.address", &http_address, "Where the page, the API and the queries are.");
  settings.text(
      "http.public_url", &http_public_url,
      "The page's address as people open it, as https://resmon.example: links in messages begin with it. Empty: "
      "messages have no links.");
  settings.boolean("http.tls", &http_tls, "https, with the certificate below.");
  settings.choice(
      "http.processes", &processes, {"administrators", "readers", "nobody"},
      "Who may see the list of all processes of a host, which its client is asked for while somebody looks. "
      "A client can refuse it (client.process_list).");
  settings.boolean("http.local_read_without_token", &local_read_without_token,
                   "Programs and browsers on this machine may read without a token. Writing always needs one. Set it "
                   "to false behind a "
                   "reverse proxy, whose requests come from this machine.");
  settings.list(
      "http.trusted_proxies", &trusted_proxies,
      "Addresses and networks of reverse proxies (127.0.0.1, 10.0.0.0/8) that add to X-Forwarded-For. Of their "
      "requests the last address there that is none of these is the one that signs in: bounds on wrong "
      "passwords count it, and the log names it. Others' X-Forwarded-For is not believed.");
  settings.integer(
      "http.max_connections", &max_connections, 1, 1'000'000,
      "When there are more, the one that has kept the server waiting the longest is closed, of the address "
      "that has the most of them; a new one is closed at once when none waits. Both are counted.");
  settings.integer("http.max_connections_per_address", &max_connections_per_address, 0, 1'000'000,
                   "Of one address (of IPv6: one /64). One more closes the longest waiting one of the same address. It "
                   "does not hold for this machine's own addresses, from which a reverse proxy serves many. 0: any.");
  settings.duration("http.header_timeout", &header_timeout, milliseconds(100), seconds(120),
                    "For TLS, and for the head of each request once it has begun: later connections are closed, and "
                    "counted.");
  settings.bytes("http.body_memory", &body_memory_bytes, 32U << 20U, 1ULL << 40U,
                 "For all requests (writes above all) that are being read or worked on, and for their answers. A "
                 "request that would go over it is answered 503, to be sent again, and counted.");
  settings.text("tls.certificate_file", &tls_certificate_file, "PEM: the certificate, then any intermediate ones.");
  settings.text("tls.key_file", &tls_key_file, "PEM: its key.");
  settings.boolean("tls.allow_plaintext", &allow_plaintext,
                   "Without TLS tokens and samples can be read on the way, so plain listeners are for this machine "
                   "only. true: allow "
                   "them for others, as behind a proxy that does TLS or in a private container network.");
  settings.text(
      "auth.token_file", &token_file,
      "The tokens that let clients and programs in, one a line; each may read and write. A line TOKEN NAME binds the "
      "token to the client of that name: it lets in no other client, and is good for nothing else. Made with one "
      "random "
      "token when it is missing, and read again when it has changed. Empty: token beside the store.");
  settings.text(
      "auth.accounts_file", &accounts_file,
      "Users and API tokens, as hashes; kept by 'resmon-server passwd', 'user' and 'token' and by the page. Made "
      "with one administrator, whose password is printed once, when it is missing. Empty: accounts beside the "
      "store.");
  settings.duration("auth.session_duration", &session_duration, seconds(60), hours(24 * 365),
                    "How long a user who signed in stays so.");

  settings.duration("server.report_interval", &report_interval, seconds(0), hours(24),
                    "How often the server writes its own numbers as internal_server and internal_sink, for dashboards. "
                    "0: never; /metrics has them anyway.");

  settings.text("store.directory", &store_directory, "The embedded store's directory.");
  settings.duration("store.retain", &store_retain, seconds(0), hours(24 * 3650),
                    "Older samples are removed. 0: never.");
  settings.bytes("store.rows_limit_bytes", &store_rows_limit_bytes, 0, 1ULL << 50U,
                 "Samples take no more; the oldest go first. 0: up to disk_limit_bytes.");
  settings.duration(
      "store.minutes.retain", &store_minutes_retain, seconds(0), hours(24 * 36500),
      "Minimum, maximum, sum, count and last of each minute stay longer than samples, and answer for them "
      "in queries that need no more. 0: for ever.");
  settings.bytes("store.minutes.limit_bytes", &store_minutes_limit_bytes, 0, 1ULL << 50U,
                 "They take no more; the oldest go first. 0: up to disk_limit_bytes.");
  settings.duration("store.hours.retain", &store_hours_retain, seconds(0), hours(24 * 36500), "The same of each hour.");
  settings.bytes("store.hours.limit_bytes", &store_hours_limit_bytes, 0, 1ULL << 50U, "The same of each hour.");
  settings.bytes(
      "store.disk_limit_bytes", &store_disk_limit_bytes, 0, 1ULL << 50U,
      "The store's files never take more, from 6 MiB up: the oldest samples go first, then minutes, then hours. 0: no "
      "limit.");

  settings.text("journal.directory", &journal_directory,
                "What clients send is made durable here before it is acknowledged, and kept until the store's file and "
                "every sink have it. Empty: journal in the store's directory.");
  settings.choice(
      "journal.sync", &journal_sync, {"interval", "immediate", "off"},
      "When an acknowledgement may follow. interval: samples are synced together every sync_interval, and at once "
      "where 256 KiB or more were written over HTTP. "
      "immediate: as soon as the disk allows; costs more of its time. off: once the kernel has them, so a "
      "loss of power may take some that clients no longer have.");
  settings.duration("journal.sync_interval", &journal_sync_interval, milliseconds(1), seconds(10),
                    "Longer: less work for the disk, later acknowledgements.");
  settings.bytes("journal.limit_bytes", &journal_limit_bytes, 1U << 20U, 1ULL << 46U,
                 "The journal never takes more disk. When it is full, a sink that is behind loses its oldest, counted; "
                 "for the store's sake nothing more is acknowledged, and clients keep their samples.");
  settings.bytes("journal.memory_bytes", &journal_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "For what is not durable yet. When a failing disk leaves more, nothing more is taken.");

  settings.boolean("logs.enabled", &logs_enabled,
                   "Log lines of clients and other programs are taken and kept, in logs in the store's directory.");
  settings.duration("logs.retain", &logs_retain, seconds(0), hours(24 * 36500), "Older lines are removed. 0: never.");
  settings.bytes("logs.limit_bytes", &logs_limit_bytes, 16U << 20U, 1ULL << 50U,
                 "Blocks of lines never take more; the oldest go first.");
  settings.bytes("logs.journal_limit_bytes", &logs_journal_limit_bytes, 64U << 20U, 1ULL << 46U,
                 "Lines are made durable in a journal of their own before they are acknowledged. When it is full, "
                 "nothing more is taken, and clients keep their lines.");
  settings.bytes("logs.memory_bytes", &logs_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "For lines that are in no block yet. When it is used, blocks are sealed early.");
  settings.tables(
      "logs.retention", "audit",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        LogRetention& rule = log_retention.emplace_back();
        rule.name = name;
        table.text(prefix + ".source", &rule.source, "The sources that this is for; * and ? stand for any characters.");
        table.duration(prefix + ".retain", &rule.retain, seconds(0), hours(24 * 36500),
                       "In place of logs.retain. 0: never removed for their age.");
        table.bytes(prefix + ".limit_bytes", &rule.limit_bytes, 0, 1ULL << 50U,
                    "Blocks of these sources take no more. 0: up to logs.limit_bytes.");
      },
      "Sources of lines that are kept for longer or shorter than others; the first table whose pattern fits counts.");
  settings.tables(
      "sink", "influx",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        sinks.emplace_back();
        sinks.back().name = name;
        declare_sink(table, prefix, sinks.back(), sink_lines[name], sink_rules[name]);
      },
      "Databases that get everything as well: InfluxDB 1, 2 or 3, VictoriaMetrics and others that take line protocol. "
      "With INFLUX_URL in the environment, it and INFLUX_TOKEN, INFLUX_ORG and INFLUX_BUCKET set those of "
      "[sink.influx].");
  // Other programs use the same names: without INFLUX_URL they are not meant for us.
  if (const char* url = std::getenv("INFLUX_URL"); url != nullptr && *url != '\0')
    for (const auto& [variable, key] : {std::pair{"INFLUX_URL", "url"},
                                        {"INFLUX_TOKEN", "token"},
                                        {"INFLUX_ORG", "org"},
                                        {"INFLUX_BUCKET", "bucket"}})
      settings.alias(variable, std::string("sink.influx.") + key);

  declare_rules(settings, "rule", rule::Place::kServer, rules,
                "Rules for what clients and others write: which rows are taken, and how they are changed before.");

  settings.boolean("alerts.enabled", &alerts_enabled, "Evaluate rules and send messages.");
  settings.text("alerts.rules_file", &alerts_rules_file,
                "Rules and channels (docs/alerts.md); read again when it has changed. It need not exist: the built-in "
                "rules are on, and send nothing before there is a channel. Empty: alerts.toml beside the store.");

  settings.integer("limits.threads", &threads, 0, 256, "Threads for network work. 0: one for each core.");
  settings.integer("limits.max_clients", &max_clients, 1, 1'000'000,
                   "Connected clients; more are refused with a reason.");
  settings.integer(
      "limits.max_series", &max_series, 1, 50'000'000,
      "Series (measurement and tags) that the store keeps; rows of more are refused. A series is forgotten "
      "when retention has removed all of it. Each takes about 400 bytes of memory.");
  settings.integer("limits.max_hosts", &max_hosts, 1, 10'000'000,
                   "Hosts in the list; of more the data are stored, but they do not show there.");
  settings.integer("limits.max_series_per_client", &max_series_per_client, 1, 1'000'000,
                   "Fields that one client may send.");
  settings.integer("limits.max_schemas", &max_schemas, 1000, 50'000'000,
                   "Schemas (measurement, tags and fields) in use by all clients and writers at once; rows of more are "
                   "refused, and counted. Each takes about 400 bytes of memory.");
  settings.duration(
      "limits.schema_idle", &schema_idle, seconds(1), hours(24 * 365),
      "A schema that no row has used for this long, or for store.retain if that is shorter and over a minute, is "
      "forgotten, sooner if max_schemas is near. A client declares it again by itself; what is stored "
      "stays.");
  settings.bytes("limits.max_frame_bytes", &max_frame_bytes, 64U << 10U, wire::kMaxFrameBytes,
                 "The largest frame a client may send. A gather that does not fit is dropped by its client.");
  settings.duration("limits.hello_timeout", &hello_timeout, milliseconds(100), seconds(120),
                    "For TLS and greeting: half-open connections end then.");
  settings.duration("limits.idle_timeout", &idle_timeout, seconds(1), hours(24),
                    "A client that is silent this long is taken for gone.");
  settings.duration("limits.write_timeout", &write_timeout, seconds(1), hours(1),
                    "A client that does not take its answers for this long is hung up on.");
  settings.integer("limits.max_half_open", &max_half_open, 1, 1'000'000,
                   "Connections that have not said hello yet, a quarter of them from one address; of more, the oldest "
                   "are closed, and counted.");
  settings.bytes(
      "limits.frame_memory_bytes", &frame_memory_bytes, 1U << 20U, 1ULL << 40U,
      "What all clients together may have begun to send and not ended. Of more, the client whose frame began "
      "the longest ago is refused, to try again, and counted.");
  settings.integer(
      "limits.connection_rate", &connection_rate, 0, 1'000'000,
      "Connections a second from one address; ten times as many may come at once, more are closed. 0: any.");
  settings.integer("limits.max_name_bytes", &max_name_bytes, 16, 65'535,
                   "The longest name of a measurement, tag or field that a client may send.");
  settings.integer("limits.max_tag_value_bytes", &max_tag_value_bytes, 16, 65'535, "The longest tag value.");
  settings.bytes("limits.max_string_bytes", &max_string_bytes, 16, 65'535, "The longest string value.");
  settings.bytes("limits.max_text_bytes_per_client", &max_text_bytes_per_client, 65'536, 1ULL << 30U,
                 "String values that are remembered for each client, so that they need not be sent again.");
  settings.duration("limits.max_future", &max_future, seconds(0), hours(24 * 3650),
                    "Samples of later than this from now are set aside: they would hide all that comes. 0: any.");
  settings.duration("limits.max_past", &max_past, seconds(0), hours(24 * 3650),
                    "Samples of earlier than this before now are set aside. 0: any; the store has its own retention.");

  settings.duration("limits.query_timeout", &query_timeout, milliseconds(10), hours(1),
                    "A query that takes longer is ended.");
  settings.integer("limits.query_threads", &query_threads, 1, 64,
                   "How many threads queries have: so many run at once, and one alone uses them all.");
  settings.integer("limits.query_queue", &query_queue, 1, 100'000,
                   "How many may wait for their turn; more are refused with 503, and counted.");
  settings.bytes("limits.query_memory_bytes", &query_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "What all queries together may hold of values and answers, those that a slow reader has not taken yet "
                 "included. A query that needs more fails and says so.");
  settings.integer("limits.query_max_rows", &query_max_rows, 1, 1'000'000'000,
                   "Rows in the answer of one statement, and windows of GROUP BY time in one series.");
  settings.integer("limits.query_max_series", &query_max_series, 1, 1'000'000'000, "Series that one statement reads.");
  log.declare(settings);
}

Status Options::check() {
  const auto check_listener = [&](const char* key, const std::string& text, bool tls) -> Status {
    auto address = net::parse_address(text);
    if (!address) return fail(std::move(address).error().wrap(key));
    if (!tls && !allow_plaintext && !net::is_loopback(address->host))
      return fail(ErrorKind::kInvalid,
                  std::string(key) + ": " + text +
                      " can be reached from other machines and TLS is off; turn TLS on, or set tls.allow_plaintext = "
                      "true where something else encrypts");
    if (tls && (tls_certificate_file.empty() || tls_key_file.empty()))
      return fail(ErrorKind::kInvalid, std::string(key) + ": TLS needs tls.certificate_file and tls.key_file");
    return {};
  };
  RESMON_TRY(check_listener("listen.address", listen_address, listen_tls));
  RESMON_TRY(check_listener("http.address", http_address, http_tls));
  if (auto parsed = http::TrustedProxies::parse(trusted_proxies); !parsed)
    return fail(std::move(parsed).error().wrap("http.trusted_proxies"));
  if (store_disk_limit_bytes != 0 && store_disk_limit_bytes < store::kLeastDiskLimitBytes)
    return fail(ErrorKind::kInvalid,
                "store.disk_limit_bytes: less than 6MiB is not enough for the store's own files (the write-ahead log, "
                "its reserve, snapshots of heads) beside any samples; 0 sets no limit");
  if (store_directory.empty()) return fail(ErrorKind::kInvalid, "store.directory is not set");
  for (const sink::SinkOptions& sink : sinks)
    if (auto endpoint = sink::make_endpoint(sink); !endpoint)
      return fail(ErrorKind::kInvalid, "sink." + sink.name + ": " + endpoint.error().message);
  for (auto& [name, lines] : sink_lines)
    if (const auto query = logs::Query::parse(lines == "*" ? "" : lines); !query)
      return fail(ErrorKind::kInvalid, "sink." + name + ".lines: " + query.error().message);
  for (sink::SinkOptions& sink : sinks)
    if (sink.refused_file.empty()) {
      sink.refused_file = store_directory + "/refused-" + sink.name + ".txt";
      sink.refused_file_bytes = set_aside_bytes();
    }
  if (token_file.empty()) token_file = store_directory + "/token";
  if (journal_directory.empty()) journal_directory = store_directory + "/journal";
  if (alerts_rules_file.empty()) alerts_rules_file = store_directory + "/alerts.toml";
  if (!http_public_url.empty() && !http_public_url.starts_with("http://") && !http_public_url.starts_with("https://"))
    return fail(ErrorKind::kInvalid, "http.public_url: begins with http:// or https://");
  if (accounts_file.empty()) accounts_file = store_directory + "/accounts";
  return {};
}

std::uint64_t Options::set_aside_bytes() const {
  constexpr std::uint64_t kMost = 4U << 20U;
  // All of them together take an eighth of a small store's limit at most.
  const std::uint64_t files = 2 * (2 + sinks.size());
  return store_disk_limit_bytes == 0 ? kMost : std::min(kMost, store_disk_limit_bytes / 8 / files);
}

store::Options Options::store_options() const {
  store::Options out;
  out.directory = store_directory;
  out.retain = std::chrono::duration_cast<std::chrono::seconds>(store_retain);
  out.rows_limit_bytes = store_rows_limit_bytes;
  out.minutes = {std::chrono::duration_cast<std::chrono::seconds>(store_minutes_retain), store_minutes_limit_bytes};
  out.hours = {std::chrono::duration_cast<std::chrono::seconds>(store_hours_retain), store_hours_limit_bytes};
  out.disk_limit_bytes = store_disk_limit_bytes;
  out.max_groups = static_cast<std::uint32_t>(max_series);
  out.others_bytes = set_aside_bytes() * 2 * (2 + sinks.size());
  return out;
}

ingest::LogOptions Options::log_options() const {
  ingest::LogOptions out;
  out.directory = journal_directory;
  out.limit_bytes = journal_limit_bytes;
  out.sync = journal_sync == "off"         ? journal::Sync::kOff
             : journal_sync == "immediate" ? journal::Sync::kImmediate
                                           : journal::Sync::kInterval;
  out.sync_interval = std::chrono::duration_cast<milliseconds>(journal_sync_interval);
  out.memory_bytes = journal_memory_bytes;
  return out;
}

logs::Options Options::logs_options() const {
  logs::Options out;
  out.directory = store_directory + "/logs";
  out.journal_limit_bytes = logs_journal_limit_bytes;
  out.limit_bytes = logs_limit_bytes;
  out.head_bytes = logs_memory_bytes;
  out.retain = std::chrono::duration_cast<std::chrono::seconds>(logs_retain);
  for (const LogRetention& rule : log_retention)
    out.retention.push_back(
        {rule.name, rule.source, std::chrono::duration_cast<std::chrono::seconds>(rule.retain), rule.limit_bytes});
  const ingest::LogOptions journal = log_options();
  out.sync = journal.sync;
  out.sync_interval = journal.sync_interval;
  return out;
}

ingest::ServerOptions Options::ingest_options(const std::string& software, net::TlsContext tls) const {
  ingest::ServerOptions out;
  out.software = software;
  out.tls = std::move(tls);
  out.hello_timeout = std::chrono::duration_cast<milliseconds>(hello_timeout);
  out.idle_timeout = std::chrono::duration_cast<milliseconds>(idle_timeout);
  out.max_clients = static_cast<std::uint32_t>(max_clients);
  out.max_frame_bytes = static_cast<std::uint32_t>(max_frame_bytes);
  out.write_timeout = std::chrono::duration_cast<milliseconds>(write_timeout);
  out.max_greeting = static_cast<std::uint32_t>(max_half_open);
  out.frame_memory_bytes = frame_memory_bytes;
  out.connection_rate = static_cast<std::uint32_t>(connection_rate);
  out.max_future = max_future;
  out.max_past = max_past;
  out.decoder.max_series = static_cast<std::uint32_t>(max_series_per_client);
  out.decoder.max_name_bytes = static_cast<std::uint32_t>(max_name_bytes);
  out.decoder.max_tag_value_bytes = static_cast<std::uint32_t>(max_tag_value_bytes);
  out.decoder.max_string_bytes = static_cast<std::uint32_t>(max_string_bytes);
  out.decoder.max_kept_text_bytes = max_text_bytes_per_client;
  return out;
}

auth::GuardOptions Options::guard_options() const {
  auth::GuardOptions out;
  out.accounts_file = accounts_file;
  out.session_duration = std::chrono::duration_cast<std::chrono::seconds>(session_duration);
  return out;
}

http::ServerOptions Options::http_options(net::TlsContext tls) const {
  http::ServerOptions out;
  out.tls = std::move(tls);
  out.local_read_without_token = local_read_without_token;
  out.trusted_proxies = http::TrustedProxies::parse(trusted_proxies).value_or(http::TrustedProxies());
  out.max_connections = static_cast<std::uint32_t>(max_connections);
  out.max_connections_per_address = static_cast<std::uint32_t>(max_connections_per_address);
  out.header_timeout = std::chrono::duration_cast<milliseconds>(header_timeout);
  out.body_memory_bytes = body_memory_bytes;
  return out;
}

}  // namespace resmon::server
