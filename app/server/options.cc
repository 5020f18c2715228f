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
      meaning +
          " They apply in the order of the file (docs/rules.md). 'resmon-server rules explain' shows the effect "
          "of each.");
}

void declare_sink(config::Settings& settings, const std::string& prefix, sink::SinkOptions& sink, std::string& lines,
                  rule::Config& rules) {
  settings.choice(
      prefix + ".kind", &sink.kind, {"influx", "loki", "remote_write", "otlp"},
      "influx: all samples, and the log lines that `lines` selects, as measurement `syslog`. loki: log lines only, "
      "to Loki or VictoriaLogs (url = \"http://HOST:9428/insert\"). remote_write: all numbers, in Prometheus' protocol "
      "(url = \"http://HOST:9090/api/v1/write\"). otlp: the same in OpenTelemetry's (url = \"http://HOST:4318\").");
  settings.text(
      prefix + ".lines", &lines,
      "Which log lines are sent: a search (docs/logs.md), such as \"level:>=warning -unit:cron\"; \"*\": all. "
      "Empty: none, or all with kind loki.");
  settings.text(prefix + ".url", &sink.url, "The database's address, with a base path if it has one.");
  settings.choice(prefix + ".version", &sink.version, {"auto", "1", "2"},
                  "The write API: 1 is /write, 2 is /api/v2/write. auto: 2 when org, bucket or a token is given.");
  settings.text(prefix + ".database", &sink.database, "API 1: the database.");
  settings.text(prefix + ".retention_policy", &sink.retention_policy,
                "API 1: the retention policy. Empty: the database's own.");
  settings.boolean(prefix + ".create_database", &sink.create_database, "API 1: create the database if it is missing.");
  settings.text(prefix + ".org", &sink.org, "API 2: the organisation. Other kinds: the tenant (X-Scope-OrgID).");
  settings.text(prefix + ".bucket", &sink.bucket, "API 2: the bucket. Empty: the value of `database`.");
  settings.text(prefix + ".token", &sink.token, "The token. Better kept in a file: token_file.");
  settings.text(prefix + ".token_file", &sink.token_file, "A file whose first line is the token.");
  settings.text(prefix + ".username", &sink.username, "For Basic authentication.");
  settings.text(prefix + ".password", &sink.password, "The password. Better kept in a file: password_file.");
  settings.text(prefix + ".password_file", &sink.password_file, "A file whose first line is the password.");
  settings.choice(prefix + ".precision", &sink.precision, {"ns", "ms", "s"},
                  "The precision of the written timestamps.");
  settings.boolean(prefix + ".gzip", &sink.gzip, "Compress requests: about 90 % less traffic for some CPU time.");
  settings.bytes(prefix + ".batch_bytes", &sink.batch_bytes, 4096, 8U << 20U,
                 "The size at which a request is sent. See linger.");
  settings.duration(prefix + ".linger", &sink.linger, milliseconds(0), seconds(60),
                    "A smaller request is sent when its oldest line has waited this long.");
  settings.duration(prefix + ".timeout", &sink.timeout, milliseconds(100), hours(1),
                    "The time limit for each step of a request.");
  settings.duration(prefix + ".retry_first", &sink.retry_first, milliseconds(10), hours(1),
                    "The pause after the first failure. Each further failure doubles it, up to retry_last.");
  settings.duration(prefix + ".retry_last", &sink.retry_last, milliseconds(10), hours(1),
                    "The longest pause between two attempts.");
  settings.duration(prefix + ".resend_window", &sink.resend_window, seconds(0), hours(1),
                    "After the database was away, what it had acknowledged in this time before is sent again: some "
                    "databases forget the last seconds when they are killed. The journal keeps it for so long. 0: "
                    "nothing is sent again. Log lines never are.");
  settings.text(prefix + ".tls_ca_file", &sink.tls_ca_file,
                "https: the certificate authorities to trust (PEM). Empty: the system's.");
  settings.boolean(prefix + ".tls_verify", &sink.tls_verify,
                   "false accepts any certificate, so anybody on the way can read and change the data.");
  settings.text(prefix + ".refused_file", &sink.refused_file,
                "The file for lines that the database rejects, each with the reason. Empty: refused-NAME.txt in the "
                "store's directory.");
  declare_rules(settings, prefix + ".rule", rule::Place::kSink, rules,
                "Rules that select and change the rows for this database, such as one value a minute.");
}

void declare_peers(config::Settings& settings, PeerOptions& peers) {
  settings.list(
      "peers.addresses", &peers.addresses,
      "Other resmon servers, such as \"https://resmon-2.example:7412\": their HTTP addresses, not a balancer's. "
      "The list of hosts and the answers of /query then have what they have, too. This server's own address "
      "may be among them, so that all servers can have one configuration.");
  settings.text("peers.name", &peers.name, "This server's name, as others show it. Empty: the machine's name.");
  settings.text(
      "peers.token_file", &peers.token_file,
      "A file whose first unbound token the other servers accept for reading. Empty: auth.token_file, where all "
      "servers have the same one.");
  settings.text("peers.tls_ca_file", &peers.tls_ca_file,
                "https: the certificate authorities to trust (PEM). Empty: the system's.");
  settings.boolean("peers.tls_verify", &peers.tls_verify,
                   "false accepts any certificate, so anybody on the way can read the token and the data.");
  settings.duration("peers.interval", &peers.interval, milliseconds(100), seconds(60),
                    "How often each of them is asked for the hosts that have changed.");
  settings.duration("peers.timeout", &peers.timeout, milliseconds(100), seconds(60),
                    "The time limit for each step of a question. After two failures in a row a server counts as away: "
                    "queries no longer wait for it, and say that its data is missing.");
}

}  // namespace

void Options::declare(config::Settings& settings) {
  settings.text("listen.address", &listen_address,
                "The address on which clients connect, HOST:PORT. 0.0.0.0:7411 or [::]:7411 admits other machines, and "
                "needs TLS.");
  settings.list("listen.proxies", &listen_proxies,
                "Addresses and networks of balancers, such as HAProxy's, that begin each connection with a PROXY "
                "protocol header of version 2 (send-proxy-v2). Logs and limits then use the client's own address. A "
                "connection with such a header from anywhere else is refused. Every program at these addresses is "
                "believed.");
  settings.duration(
      "listen.max_connection_age", &max_connection_age, seconds(0), hours(24 * 7),
      "For several servers behind one name: a client's connection ends after a third of this to all of it, "
      "at random and between two batches, and the client connects again. So clients spread over the "
      "servers again after one was away. 0: never.");
  settings.boolean("listen.tls", &listen_tls, "Clients must use TLS. Needs [tls].");
  settings.text("http.address", &http_address, "The address of the page, the API and queries, HOST:PORT.");
  settings.text("http.public_url", &http_public_url,
                "The page's address as people open it, such as https://resmon.example. Links in messages begin with "
                "it, and a provider of [oidc] sends people back to it. Empty: messages have no links.");
  settings.list("http.proxies", &http_proxies, "As listen.proxies, for the connections to http.address.");
  settings.boolean("http.tls", &http_tls, "Serve HTTPS. Needs [tls].");
  settings.text("downloads.directory", &downloads_directory,
                "The folder of the clients that GET /download/ hands out, as './resmon release' makes it. Empty: "
                "`clients` beside this program, or the package's.");
  settings.choice("http.processes", &processes, {"administrators", "readers", "nobody"},
                  "Who may see the live list of all processes of a host. The server asks the host's client while the "
                  "list is open. A client can refuse (client.process_list).");
  settings.boolean("http.local_read_without_token", &local_read_without_token,
                   "Programs and browsers on this machine may read without a token. Writing always needs one. Set it "
                   "to false behind a reverse proxy that sends no X-Forwarded-For.");
  settings.list("http.trusted_proxies", &trusted_proxies,
                "Addresses and networks of reverse proxies, such as 127.0.0.1 or 10.0.0.0/8. The user's address is "
                "then the last one in X-Forwarded-For that is not in this list; limits on wrong passwords and the log "
                "use it. X-Forwarded-For from other senders is ignored.");
  settings.integer(
      "http.max_connections", &max_connections, 1, 1'000'000,
      "The most HTTP connections. Beyond it the server closes the connection that has been idle the longest, of the "
      "address that has the most; if none is idle, it closes the new one. Both are counted.");
  settings.integer("http.max_connections_per_address", &max_connections_per_address, 0, 1'000'000,
                   "The most HTTP connections of one address (IPv6: one /64). Beyond it the server closes the one that "
                   "has been idle the longest. This machine's own addresses are exempt, because a reverse proxy uses "
                   "them for many users. 0: no limit.");
  settings.duration("http.header_timeout", &header_timeout, milliseconds(100), seconds(120),
                    "The time limit for the TLS handshake, and for the head of a request once it has begun. A slower "
                    "connection is closed and counted.");
  settings.bytes("http.body_memory", &body_memory_bytes, 32U << 20U, 1ULL << 40U,
                 "The memory of all requests in progress and their answers. A request beyond it is answered 503 with "
                 "Retry-After, and counted.");
  settings.text("tls.certificate_file", &tls_certificate_file, "A PEM file: the certificate, then intermediate ones.");
  settings.text("tls.key_file", &tls_key_file, "A PEM file: the certificate's key.");
  settings.boolean("tls.allow_plaintext", &allow_plaintext,
                   "Allow other machines to connect without TLS. Anybody on the way can then read tokens and samples, "
                   "unless a proxy or a private network encrypts.");
  settings.text(
      "auth.token_file", &token_file,
      "The tokens of clients and programs, one a line; each may read and write. A line TOKEN NAME binds the token to "
      "the client of that name: it is valid for nothing else. The server creates the file with a random token if it is "
      "missing, and reads it again after a change. Empty: `token` in the store's directory.");
  settings.text("auth.accounts_file", &accounts_file,
                "Users and API tokens, as hashes; changed by 'resmon-server passwd', 'user' and 'token' and on the "
                "page. If it is missing, the server creates it with one administrator and prints the password once. "
                "Empty: `accounts` in the store's directory.");
  settings.duration("auth.session_duration", &session_duration, seconds(60), hours(24 * 365),
                    "How long a sign-in lasts.");
  oidc.declare(settings);

  settings.duration("server.report_interval", &report_interval, seconds(0), hours(24),
                    "How often the server stores its own metrics as internal_server and internal_sink, for dashboards "
                    "and alerts. 0: never. /metrics always has them.");

  settings.text("store.directory", &store_directory, "The directory of the embedded store.");
  settings.duration("store.retain", &store_retain, seconds(0), hours(24 * 3650),
                    "Samples older than this are deleted. 0: never.");
  settings.bytes("store.rows_limit_bytes", &store_rows_limit_bytes, 0, 1ULL << 50U,
                 "The most disk space of samples; the oldest are deleted first. 0: only disk_limit_bytes applies.");
  settings.duration("store.minutes.retain", &store_minutes_retain, seconds(0), hours(24 * 36500),
                    "How long minimum, maximum, sum, count and last of each minute are kept. Queries use them where "
                    "samples are not needed. 0: for ever.");
  settings.bytes("store.minutes.limit_bytes", &store_minutes_limit_bytes, 0, 1ULL << 50U,
                 "The most disk space of the minutes; the oldest are deleted first. 0: only disk_limit_bytes applies.");
  settings.duration("store.hours.retain", &store_hours_retain, seconds(0), hours(24 * 36500),
                    "How long minimum, maximum, sum, count and last of each hour are kept. 0: for ever.");
  settings.bytes("store.hours.limit_bytes", &store_hours_limit_bytes, 0, 1ULL << 50U,
                 "The most disk space of the hours; the oldest are deleted first. 0: only disk_limit_bytes applies.");
  settings.bytes("store.disk_limit_bytes", &store_disk_limit_bytes, 0, 1ULL << 50U,
                 "The most disk space of the store's files, at least 6MiB. When it is reached, the oldest samples are "
                 "deleted first, then minutes, then hours. 0: no limit.");

  settings.text("journal.directory", &journal_directory,
                "The directory of the journal. The server writes what clients send to it before it acknowledges, and "
                "keeps it until the store's file and every sink have it. Empty: `journal` in the store's directory.");
  settings.choice("journal.sync", &journal_sync, {"interval", "immediate", "off"},
                  "When the server acknowledges. interval: it syncs to disk every sync_interval, and at once after 256 "
                  "KiB or more over HTTP. immediate: it syncs as often as the disk allows, which costs more disk time. "
                  "off: it acknowledges before the sync, so a power cut can lose acknowledged samples.");
  settings.duration("journal.sync_interval", &journal_sync_interval, milliseconds(1), seconds(10),
                    "A longer interval means less work for the disk and later acknowledgements.");
  settings.bytes(
      "journal.limit_bytes", &journal_limit_bytes, 1U << 20U, 1ULL << 46U,
      "The most disk space of the journal, at most a quarter of the disk. When it is full because a sink is behind, "
      "that sink loses its oldest samples, and they are counted. When the store is behind, the server acknowledges "
      "nothing and "
      "clients keep their samples.");
  settings.bytes("journal.memory_bytes", &journal_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "The memory for entries that are not on disk yet. When it is full, because the disk is slow or fails, "
                 "the server accepts nothing more.");

  settings.boolean(
      "logs.enabled", &logs_enabled,
      "Accept log lines of clients and other programs, and store them in `logs` in the store's directory.");
  settings.duration("logs.retain", &logs_retain, seconds(0), hours(24 * 36500),
                    "Lines older than this are deleted. 0: never.");
  settings.bytes("logs.limit_bytes", &logs_limit_bytes, 16U << 20U, 1ULL << 50U,
                 "The most disk space of stored lines; the oldest are deleted first.");
  settings.bytes("logs.journal_limit_bytes", &logs_journal_limit_bytes, 64U << 20U, 1ULL << 46U,
                 "The most disk space of the lines' own journal, in which lines are made durable before they are "
                 "acknowledged. When it is full, the server accepts no lines and clients keep theirs.");
  settings.bytes("logs.memory_bytes", &logs_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "The memory for lines that are not in a block yet. When it is full, blocks are sealed early.");
  settings.tables(
      "logs.retention", "audit",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        LogRetention& rule = log_retention.emplace_back();
        rule.name = name;
        table.text(prefix + ".source", &rule.source,
                   "The sources to which this table applies; * and ? stand for any characters.");
        table.duration(prefix + ".retain", &rule.retain, seconds(0), hours(24 * 36500),
                       "How long lines of these sources are kept, in place of logs.retain. 0: for ever.");
        table.bytes(prefix + ".limit_bytes", &rule.limit_bytes, 0, 1ULL << 50U,
                    "The most disk space of these sources. 0: only logs.limit_bytes applies.");
      },
      "Sources of log lines with a retention of their own. The first table whose pattern matches applies.");
  settings.tables(
      "sink", "influx",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        sinks.emplace_back();
        sinks.back().name = name;
        declare_sink(table, prefix, sinks.back(), sink_lines[name], sink_rules[name]);
      },
      "Databases to which the server forwards all samples: InfluxDB 1, 2 or 3, VictoriaMetrics and others that accept "
      "Influx line protocol. INFLUX_URL, INFLUX_TOKEN, INFLUX_ORG and INFLUX_BUCKET in the environment set the keys of "
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

  settings.tables(
      "input", "lines",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        inputs.try_emplace(name, door::Side::kServer).first->second.declare(table, prefix);
      },
      "Sockets on which other programs hand in samples: Influx lines over TCP, TLS and UDP, JSON, StatsD, Graphite, "
      "collectd (docs/inputs.md). They go through the rules and the journal, as what is written over HTTP does.");

  settings.tables(
      "status", "public",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        status_pages.emplace_back().name = name;
        status_pages.back().declare(table, prefix);
      },
      "Pages for people without an account, at /status/NAME: the state and some numbers of chosen hosts. Anyone who "
      "reaches the server's address can see them.");

  declare_peers(settings, peers);
  settings.text(
      "query.backend", &query_backend,
      "A database that several servers write to and that answers InfluxQL, such as \"sink.influx\": queries read "
      "from it, and from this server's store only what is not delivered yet; hosts of the other servers are "
      "listed too (docs/peers.md). Empty: the store.");

  settings.boolean("alerts.enabled", &alerts_enabled, "Evaluate rules and send messages.");
  settings.text(
      "alerts.rules_file", &alerts_rules_file,
      "Rules and channels (docs/alerts.md); read again after a change. The file need not exist: the built-in rules are "
      "on, and send messages once a channel is defined. Empty: alerts.toml in the store's directory.");

  settings.integer("limits.threads", &threads, 0, 256, "Threads for network work. 0: one per core.");
  settings.integer("limits.max_clients", &max_clients, 1, 1'000'000,
                   "The most connected clients; further ones are refused with a reason.");
  settings.integer("limits.max_series", &max_series, 1, 50'000'000,
                   "The most series (measurement and tags) in the store; rows of further series are refused. A series "
                   "is forgotten when retention has deleted all of it. Each uses about 400 bytes of memory.");
  settings.integer("limits.max_hosts", &max_hosts, 1, 10'000'000,
                   "The most hosts in the list. Data of further hosts are stored, but these are not listed.");
  settings.integer("limits.max_series_per_client", &max_series_per_client, 1, 1'000'000,
                   "The most fields that one client may send.");
  settings.integer("limits.max_schemas", &max_schemas, 1000, 50'000'000,
                   "The most schemas (measurement, tags and fields) in use by all clients and writers; rows of further "
                   "schemas are refused and counted. Each uses about 400 bytes of memory.");
  settings.duration(
      "limits.schema_idle", &schema_idle, seconds(1), hours(24 * 365),
      "A schema that no row has used for this long is forgotten, after store.retain if that is shorter (at least a "
      "minute), and earlier if max_schemas is near. It is kept while the client that declared it is connected. Stored "
      "data stay.");
  settings.bytes("limits.max_frame_bytes", &max_frame_bytes, 64U << 10U, wire::kMaxFrameBytes,
                 "The largest frame that a client may send. The client drops a gather that does not fit.");
  settings.duration("limits.hello_timeout", &hello_timeout, milliseconds(100), seconds(120),
                    "The time limit for the TLS handshake and the greeting of a new connection.");
  settings.duration("limits.idle_timeout", &idle_timeout, seconds(1), hours(24),
                    "The server closes the connection of a client that has been silent for this long.");
  settings.duration("limits.write_timeout", &write_timeout, seconds(1), hours(1),
                    "The server closes the connection of a client that does not read for this long.");
  settings.integer("limits.max_half_open", &max_half_open, 1, 1'000'000,
                   "The most connections that have not greeted yet; a quarter of them may come from one address. "
                   "Beyond it the oldest are closed and counted.");
  settings.bytes("limits.frame_memory_bytes", &frame_memory_bytes, 1U << 20U, 1ULL << 40U,
                 "The memory for incomplete frames of all clients. Beyond it the client whose frame began first is "
                 "disconnected, retries later, and is counted.");
  settings.integer("limits.connection_rate", &connection_rate, 0, 1'000'000,
                   "The most new connections per second from one address, with bursts of ten times as many; further "
                   "ones are closed. 0: no limit.");
  settings.integer("limits.max_name_bytes", &max_name_bytes, 16, 65'535,
                   "The longest name of a measurement, tag or field that a client may send.");
  settings.integer("limits.max_tag_value_bytes", &max_tag_value_bytes, 16, 65'535, "The longest tag value.");
  settings.bytes("limits.max_string_bytes", &max_string_bytes, 16, 65'535, "The longest string value.");
  settings.bytes("limits.max_text_bytes_per_client", &max_text_bytes_per_client, 65'536, 1ULL << 30U,
                 "The memory per client for repeated string values, which the client then need not send again.");
  settings.duration("limits.max_future", &max_future, seconds(0), hours(24 * 3650),
                    "Samples that are further in the future are not stored but set aside in a file, because they would "
                    "be the newest for so long. 0: no limit.");
  settings.duration(
      "limits.max_past", &max_past, seconds(0), hours(24 * 3650),
      "Samples that are older than this are not stored but set aside in a file. 0: no limit except store.retain.");

  settings.duration("limits.query_timeout", &query_timeout, milliseconds(10), hours(1), "The time limit of a query.");
  settings.integer("limits.query_threads", &query_threads, 1, 64,
                   "Threads for queries: as many queries run at once, and a single query uses all of them.");
  settings.integer("limits.query_queue", &query_queue, 1, 100'000,
                   "The most waiting queries; further ones are answered 503 and counted.");
  settings.bytes(
      "limits.query_memory_bytes", &query_memory_bytes, 1U << 20U, 1ULL << 40U,
      "The memory of all queries: values and answers, including answers that a slow reader has not received "
      "yet. A query that needs more fails with an error. What is kept between queries takes at most 104 MiB, "
      "and 21 % of this, in addition.");
  settings.integer(
      "limits.query_max_rows", &query_max_rows, 1, 1'000'000'000,
      "The most rows in the answer of one statement, and the most windows of GROUP BY time in one series.");
  settings.integer("limits.query_max_series", &query_max_series, 1, 1'000'000'000,
                   "The most series that one statement may read.");
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
  for (const auto& [key, list] :
       {std::pair("listen.proxies", &listen_proxies), std::pair("http.proxies", &http_proxies)})
    if (auto parsed = net::Networks::parse(*list); !parsed) return fail(std::move(parsed).error().wrap(key));
  if (auto parsed = http::TrustedProxies::parse(trusted_proxies); !parsed)
    return fail(std::move(parsed).error().wrap("http.trusted_proxies"));
  if (store_disk_limit_bytes != 0 && store_disk_limit_bytes < store::kLeastDiskLimitBytes)
    return fail(
        ErrorKind::kInvalid,
        "store.disk_limit_bytes: less than 6MiB is not enough: the store's own files (write-ahead log, reserve, "
        "snapshots of heads) need that much; 0 sets no limit");
  if (store_directory.empty()) return fail(ErrorKind::kInvalid, "store.directory is not set");
  for (const auto& [name, input] : inputs) {
    if (Status good = input.check(); !good) return fail(std::move(good).error().wrap("input." + name));
    if (input.enabled && input.url.starts_with("tls:") && (tls_certificate_file.empty() || tls_key_file.empty()))
      return fail(ErrorKind::kInvalid, "input." + name + ": url: TLS needs tls.certificate_file and tls.key_file");
  }
  for (const StatusPage& page : status_pages) RESMON_TRY(page.check());
  for (const sink::SinkOptions& sink : sinks) {
    if (auto endpoint = sink::make_endpoint(sink); !endpoint)
      return fail(ErrorKind::kInvalid, "sink." + sink.name + ": " + endpoint.error().message);
    if ((sink.kind == "remote_write" || sink.kind == "otlp") && !sink_lines[sink.name].empty())
      return fail(ErrorKind::kInvalid,
                  "sink." + sink.name + ".lines: kind " + sink.kind + " carries numbers, no log lines");
  }
  for (auto& [name, lines] : sink_lines)
    if (const auto query = logs::Query::parse(lines == "*" ? "" : lines); !query)
      return fail(ErrorKind::kInvalid, "sink." + name + ".lines: " + query.error().message);
  for (sink::SinkOptions& sink : sinks)
    if (sink.refused_file.empty()) {
      sink.refused_file = store_directory + "/refused-" + sink.name + ".txt";
      sink.refused_file_bytes = set_aside_bytes();
    }
  if (token_file.empty()) token_file = store_directory + "/token";
  for (const std::string& address : peers.addresses)
    if (auto url = sink::parse_url(address); !url)
      return fail(ErrorKind::kInvalid, "peers.addresses: " + address + ": " + url.error().message);
  if (peers.token_file.empty()) peers.token_file = token_file;
  RESMON_TRY(check_query_backend());
  if (journal_directory.empty()) journal_directory = store_directory + "/journal";
  if (alerts_rules_file.empty()) alerts_rules_file = store_directory + "/alerts.toml";
  if (!http_public_url.empty() && !http_public_url.starts_with("http://") && !http_public_url.starts_with("https://"))
    return fail(ErrorKind::kInvalid, "http.public_url: must begin with http:// or https://");
  if (accounts_file.empty()) accounts_file = store_directory + "/accounts";
  return oidc.check(http_public_url);
}

// What the database has must be the rows of the store as they are: the two are merged by series and time.
Status Options::check_query_backend() const {
  if (query_backend.empty()) return {};
  const auto wrong = [&](const std::string& why) {
    return fail(ErrorKind::kInvalid, "query.backend: " + query_backend + ": " + why);
  };
  const sink::SinkOptions* const sink = query_sink();
  if (sink == nullptr) return wrong("there is no such sink; it is written as \"sink.NAME\"");
  if (sink->kind != "influx")
    return wrong("kind " + sink->kind + " cannot be asked in InfluxQL; use one of kind influx");
  if (sink->precision != "ns") return wrong("precision must be ns: other times would make two rows of one");
  if (const auto found = sink_rules.find(sink->name); found != sink_rules.end() && !found->second.empty())
    return wrong("the sink has rules, so the database does not have all rows; use a sink without");
  return {};
}

const sink::SinkOptions* Options::query_sink() const {
  for (const sink::SinkOptions& sink : sinks)
    if (query_backend == "sink." + sink.name) return &sink;
  return nullptr;
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
  // Where queries have little memory, what is kept between them has little, too.
  const auto at_most = [&](std::size_t bytes, std::uint64_t part) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(bytes, query_memory_bytes / part));
  };
  out.decoded_cache_bytes = at_most(out.decoded_cache_bytes, 8);
  out.chunk_cache_bytes = at_most(out.chunk_cache_bytes, 16);
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
  out.max_connection_age = max_connection_age;
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
  if (oidc.on()) out.provider = oidc.issuer + ' ' + oidc.client_id;
  return out;
}

net::Proxying Options::proxying(std::string setting) const {
  const auto& list = setting == "listen.proxies" ? listen_proxies : http_proxies;
  return {net::Networks::parse(list).value_or(net::Networks()), std::move(setting)};
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
