#include "door/options.h"

#include <chrono>
#include <memory>

#include "base/log.h"
#include "base/mutex.h"
#include "net/token_set.h"

namespace resmon::door {

using std::chrono::hours;
using std::chrono::seconds;

InputOptions::InputOptions(Side where)
    : side(where),
      max_series(where == Side::kClient ? 1000 : 100'000),
      rate_limit(where == Side::kClient ? 10'000 : 0),
      max_connections(where == Side::kClient ? 64 : 2000) {}

void InputOptions::declare(config::Settings& settings, const std::string& prefix) {
  const bool server = side == Side::kServer;
  settings.boolean(prefix + ".enabled", &enabled, "Whether it listens.");
  settings.text(prefix + ".url", &url,
                "Where: unix:/run/resmon/in.sock, tcp:127.0.0.1:8094, tls:0.0.0.0:8094 or udp:127.0.0.1:8094. An "
                "address that other machines reach needs require_token or tls_client_ca_file.");
  settings.choice(prefix + ".format", &format, {"influx", "json", "graphite", "statsd", "collectd"},
                  "What a line holds: Influx line protocol; a JSON object, or an array of them; PATH VALUE [SECONDS]; "
                  "NAME:VALUE|TYPE. collectd: datagrams of its network plugin (udp).");
  settings.choice(prefix + ".precision", &precision, {"ns", "us", "ms", "s"},
                  "influx: the unit of timestamps. Lines without one get the time at which they come.");
  settings.choice(
      prefix + ".framing", &framing, {"line", "length"},
      "tcp, tls and unix: a line feed ends each line, or its length in bytes stands before it, as four bytes with "
      "the highest first.");
  settings.boolean(prefix + ".ack", &ack,
                   server
                       ? "Answer each line over tcp, tls and unix: \"ok N\" once its N samples are durable, or \"error "
                         "REASON\"."
                       : "Answer each line over tcp, tls and unix: \"ok N\" once its N samples are in the spool, or "
                         "\"error REASON\".");
  if (server) {
    settings.choice(
        prefix + ".host", &host, {"key", "address", "token"},
        "Where the tag host of its rows is from. key: from the lines; address: the sender's address; token: "
        "the name that the sender's token is bound to.");
    settings.text(prefix + ".host_key", &host_key, "json, with host = \"key\": the member that is the tag host.");
  }
  settings.duration(prefix + ".flush_interval", &flush_interval, seconds(1), hours(1),
                    "statsd: how often what came is added up and sent.");
  settings.text(prefix + ".measurement", &measurement, "json: the measurement. Empty: the input's name.");
  settings.text(prefix + ".measurement_key", &measurement_key,
                "json: the member that is the measurement, where it is there.");
  settings.list(prefix + ".tag_keys", &tag_keys,
                "json: members that are tags. A tag should have few values: each makes a series.");
  settings.text(prefix + ".time_key", &time_key, "json: the member that is the time. Empty: none is.");
  settings.choice(prefix + ".time_unit", &time_unit, {"auto", "s", "ms", "us", "ns", "rfc3339"},
                  "json: of the time. auto: texts are RFC 3339, and a number's size says its unit.");
  settings.list(prefix + ".types_db", &types_db,
                "collectd: files that name the data sources of types, such as /usr/share/collectd/types.db. The usual "
                "types are known without one.");
  settings.map(prefix + ".tags", &tags, "Tags added to all its rows.");
  settings.boolean(prefix + ".require_token", &require_token,
                   server ? "The first line of a connection, and of each datagram, must be \"token TOKEN\": an unbound "
                            "token of auth.token_file, one bound to a host's name, which all its rows then get, or an "
                            "API token that may write."
                          : "The first line of a connection, and of each datagram, must be \"token TOKEN\", with a "
                            "token of token_file.");
  if (!server) {
    settings.text(prefix + ".token_file", &token_file,
                  "The accepted tokens, one a line. The file is read again after "
                  "a change.");
    settings.text(prefix + ".tls_certificate_file", &tls_certificate_file,
                  "tls: a PEM file with the certificate, then intermediate ones.");
    settings.text(prefix + ".tls_key_file", &tls_key_file, "tls: a PEM file with the certificate's key.");
  }
  settings.text(prefix + ".tls_client_ca_file", &tls_client_ca_file,
                "tls: accept only clients with a certificate of these authorities (PEM). Empty: clients need none.");
  settings.boolean(prefix + ".allow_plaintext", &allow_plaintext,
                   "tcp and udp: listen on an address that other machines reach. Anybody on the way can then read the "
                   "token and all samples.");
  settings.bytes(prefix + ".max_line_bytes", &max_line_bytes, 256, 1U << 20U, "Longer lines are refused, and counted.");
  settings.integer(
      prefix + ".max_series", &max_series, 1, 10'000'000,
      "Different measurements, tags and fields that are taken from it; further ones are refused, and counted.");
  settings.integer(prefix + ".rate_limit", &rate_limit, 0, 100'000'000,
                   "Lines a second; more are refused, and counted. A sender that has not had an equal part of them is "
                   "still accepted. 0: no limit.");
  settings.integer(prefix + ".max_connections", &max_connections, 1, 100'000, "At once; more are closed, and counted.");
  settings.duration(prefix + ".idle_timeout", &idle_timeout, seconds(1), hours(24),
                    "A connection that sends nothing for this long is closed.");
}

Status InputOptions::check() const {
  if (!enabled) return {};
  const auto wrong = [](std::string reason) { return fail(ErrorKind::kInvalid, std::move(reason)); };
  Reach reach;
  if (auto checked = check_url(url); !checked)
    return fail(std::move(checked).error());
  else
    reach = *checked;
  const bool udp = url.starts_with("udp:"), tls = url.starts_with("tls:"), local = url.starts_with("unix:");
  const bool server = side == Side::kServer;
  for (const auto& [key, value] : tags)
    if ((key == "host" && !server) || key == "time") return wrong("tags." + key + ": this name is reserved");
  if (ack && format == "statsd")
    return wrong("ack: StatsD's values are added up first, so no answer could say that they are safe");
  if (ack && udp) return wrong("ack: datagrams are not answered; use tcp, tls or unix");
  if (format == "collectd" && !udp) return wrong("format: collectd sends datagrams; use udp");
  if (format == "collectd" && (require_token || host == "token"))
    return wrong("require_token: collectd cannot send a token; let it send to 127.0.0.1, where a client listens");
  if (!server && require_token && token_file.empty()) return wrong("require_token: token_file is not set");
  if (host == "token" && !require_token) return wrong("host: with \"token\", require_token must be true");
  if (host == "address" && local) return wrong("host: a unix socket has no addresses");
  if (format == "statsd" && host != "key")
    return wrong("host: StatsD's values of all senders are added up; use host = \"key\" and a tag host");
  if (tls && !server && (tls_certificate_file.empty() || tls_key_file.empty()))
    return wrong("url: tls needs tls_certificate_file and tls_key_file");
  if (!tls && !tls_client_ca_file.empty()) return wrong("tls_client_ca_file: the url must begin with tls:");
  if (reach == Reach::kThisMachine) return {};
  const std::string reached = "url: other machines reach " + url.substr(url.find(':') + 1);
  if (!tls && !allow_plaintext)
    return wrong(reached + ", and " + url.substr(0, 3) +
                 " is not encrypted; use 127.0.0.1, [::1], a unix socket or tls:, or set allow_plaintext = true where "
                 "something else encrypts");
  if (!require_token && tls_client_ca_file.empty())
    return wrong(reached + "; set require_token = true" + (tls ? " or tls_client_ca_file" : "") +
                 ", so that not everybody can write");
  return {};
}

Result<DoorOptions> InputOptions::door_options(const std::string& name) const {
  DoorOptions out;
  out.name = name;
  out.url = url;
  out.ack = ack;
  out.framing = framing == "length" ? Framing::kLength : Framing::kLine;
  out.host_from = host == "address" ? HostFrom::kAddress : host == "token" ? HostFrom::kToken : HostFrom::kLines;
  out.require_token = require_token;
  out.max_connections = max_connections;
  out.idle_timeout = idle_timeout;
  out.flush_interval = flush_interval;
  // Checked when they were read.
  out.taker.format = parse_format(format).value_or(Format::kInflux);
  out.taker.precision = lineproto::parse_precision(precision).value_or(lineproto::Precision::kNanosecond);
  out.taker.refuse_1970 = side == Side::kClient;  // the server's retention decides there
  out.taker.shape.measurement = measurement.empty() ? name : measurement;
  out.taker.shape.measurement_key = measurement_key;
  out.taker.shape.tag_keys = tag_keys;
  out.taker.shape.host_key = host_key;
  out.taker.shape.time_key = time_key;
  out.taker.shape.time_unit = time_unit;
  out.taker.collectd_host = side == Side::kServer;
  for (const std::string& path : types_db)
    if (Status added = out.taker.types.add_file(path); !added) return fail(std::move(added).error().wrap("types_db"));
  for (const auto& [key, value] : tags) out.taker.tags.push_back({key, value});
  out.taker.max_line_bytes = max_line_bytes;
  out.taker.max_series = max_series;
  out.taker.rate_limit = rate_limit;
  if (url.starts_with("tls:") && side == Side::kClient) {
    RESMON_ASSIGN(out.tls, net::make_server_tls({tls_certificate_file, tls_key_file, tls_client_ca_file}));
  }
  return out;
}

Result<Access> access_of_file(const std::string& path) {
  struct Tokens {
    explicit Tokens(const std::string& from) : file(from) {}
    Mutex mutex;
    net::TokenFile file;
    net::TokenSet set;
    std::chrono::steady_clock::time_point next;
  };
  const auto tokens = std::make_shared<Tokens>(path);
  RESMON_ASSIGN(tokens->set, tokens->file.load());
  return Access([tokens](std::string_view token) -> std::optional<std::string> {
    const MutexLock lock(tokens->mutex);
    if (const auto now = std::chrono::steady_clock::now(); now >= tokens->next) {
      tokens->next = now + seconds(1);
      auto changed = tokens->file.load_if_changed();
      if (!changed)
        log::error("input", "the token file cannot be read; the previous tokens stay in force",
                   {{"reason", changed.error().message}});
      else if (*changed)
        tokens->set = std::move(**changed);
    }
    const net::TokenSet::Digest digest = net::TokenSet::digest(token);
    if (tokens->set.contains(digest)) return std::string();
    std::string name = tokens->set.name_of(digest);
    if (name.empty()) return std::nullopt;
    return name;
  });
}

}  // namespace resmon::door
