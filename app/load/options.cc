#include "options.h"

#include "net/token_set.h"

namespace resmon::load {

void Options::declare(config::Settings& settings) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  settings.list("load.servers", &servers, "The servers, HOST:PORT.");
  settings.text("load.token_file", &token_file, "A file with the access token.");
  settings.integer("load.clients", &clients, 1, 1'000'000, "How many clients to simulate.");
  settings.integer("load.seed", &seed, 0, INT64_MAX, "The same seed makes the same machines with the same values.");
  settings.duration("load.interval", &interval, milliseconds(10), hours(24), "How often each client samples.");
  settings.duration("load.duration", &duration, seconds(0), hours(24 * 365), "Stop after this long. 0: never.");
  settings.duration("load.stagger", &stagger, seconds(0), seconds(60),
                    "The time between the first connections of two clients.");
  settings.duration("load.stop_patience", &stop_patience, seconds(0), hours(1),
                    "How long clients that are stopped keep sending unacknowledged samples.");
  settings.text("load.name_prefix", &name_prefix, "The beginning of the clients' names; a number from 1 follows.");
  settings.text("load.name_suffix", &name_suffix, "The end of the clients' names, after the number.");
  settings.choice(
      "load.profile", &profile, {"mixed", "idle", "normal", "busy", "none"},
      "How busy the machines are. mixed: each client another profile. none: no machine at all, for load.numbered.");
  settings.choice("load.pace", &pace, {"interval", "full"},
                  "interval: by the clock. full: as fast as the server acknowledges, with times load.interval apart "
                  "that begin a week ago.");
  settings.integer("load.recorded_gathers", &recorded_gathers, 0, 100'000,
                   "Make this many gathers of each profile once, and send them again and again, which costs little "
                   "CPU. 0: every client is a machine of its own.");
  settings.boolean(
      "load.spread", &spread,
      "Clients sample one after the other within the interval, instead of all at once at the round second.");
  settings.duration("load.warm_up", &warm_up, seconds(0), hours(1),
                    "Waiting times for acknowledgements are measured from this long after the start.");
  settings.boolean("load.numbered", &numbered,
                   "Each client also counts its gathers in the field `sequence` of the measurement `numbered`, so that "
                   "missing ones can be named.");
  settings.text(
      "load.ledger_directory", &ledger_directory,
      "With load.numbered: the directory in which each client writes the gathers that it is about to take and those "
      "that its spool has accepted. A restarted client continues counting from there. Empty: count from 1.");
  settings.bytes("load.spool_memory_bytes", &spool_memory_bytes, 16U << 10U, 1ULL << 30U,
                 "The most memory of each client's spool, while no server answers and there is no disk.");
  settings.text("load.spool_directory", &spool_directory,
                "A directory in which each client keeps a spool on disk, as a real client does. Empty: in memory.");
  settings.bytes(
      "load.spool_limit_bytes", &spool_limit_bytes, 128U << 10U, 1ULL << 40U,
      "The most disk space of each client's spool. When it is full, the oldest samples are dropped and counted.");
  settings.list("load.scripts", &scripts,
                "Paths of script collectors. The first clients report their output. Each script runs once for all "
                "clients, because it measures this machine.");
  settings.duration("load.script_interval", &script_interval, seconds(10), hours(24), "How often each script runs.");
  settings.integer("load.script_clients", &script_clients, 1, 1000,
                   "How many clients report the output of the scripts.");
  settings.boolean("tls.enabled", &tls, "Encrypt, and verify the server's certificate.");
  settings.text("tls.ca_file", &tls_ca_file, "Certificate authorities (PEM) to trust. Empty: the system's.");
  settings.text("tls.server_name", &tls_server_name, "The name in the server's certificate. Empty: the address.");
  settings.boolean("tls.allow_plaintext", &allow_plaintext, "Send to other machines without TLS.");
  log.declare(settings);
}

Status Options::check() const {
  if (servers.empty()) return fail(ErrorKind::kInvalid, "load.servers: at least one server is needed");
  if (token_file.empty())
    return fail(ErrorKind::kInvalid, "load.token_file is not set: the server refuses clients without a token");
  for (const std::string& text : servers) {
    auto address = net::parse_address(text, 7411);
    if (!address) return fail(std::move(address).error().wrap("load.servers"));
    if (!tls && !allow_plaintext && !net::is_loopback(address->host))
      return fail(ErrorKind::kInvalid,
                  "load.servers: " + text + " is another machine and TLS is off (tls.enabled, tls.allow_plaintext)");
  }
  if (!spool_directory.empty() && pace == "full")
    return fail(ErrorKind::kInvalid, "load.spool_directory: load.pace = full needs spools in memory");
  constexpr std::size_t kMostScripts = 8;
  if (scripts.size() > kMostScripts) return fail(ErrorKind::kInvalid, "load.scripts: at most 8");
  const auto settings = script_settings();
  if (settings.scripts.size() != scripts.size())
    return fail(ErrorKind::kInvalid, "load.scripts: two programs have the same name");
  for (const auto& [name, script] : settings.scripts)
    if (Status good = script.check(); !good) return fail(std::move(good).error().wrap("load.scripts: " + name));
  if (!ledger_directory.empty() && !numbered)
    return fail(ErrorKind::kInvalid, "load.ledger_directory: needs load.numbered");
  return {};
}

Result<uplink::Options> Options::uplink_options(const std::string& software) const {
  uplink::Options out;
  for (const std::string& text : servers) {
    RESMON_ASSIGN(net::Address address, net::parse_address(text, 7411));
    out.servers.push_back(std::move(address));
  }
  RESMON_ASSIGN(out.token, net::load_token(token_file, ""));
  if (tls) {
    RESMON_ASSIGN(out.tls, net::make_client_tls({tls_ca_file}));
    out.server_name = tls_server_name;
  }
  out.software = software;
  out.interval = interval;
  out.tags = {{"simulated", "true"}};
  out.log_connections = clients <= 20;
  return out;
}

collect::Scripts::Settings Options::script_settings() const {
  collect::Scripts::Settings out;
  for (const std::string& path : scripts) {
    collect::ScriptOptions one;
    one.command = {path};
    one.interval = script_interval;
    one.tag_keys = {"path", "fstype"};  // of the example df_space
    out.scripts.emplace(path.substr(path.rfind('/') + 1), std::move(one));
  }
  out.interval = script_interval;
  out.host = name_prefix + '1' + name_suffix;
  return out;
}

uplink::SpoolOptions Options::spool_options(const std::string& client) const {
  uplink::SpoolOptions out;
  out.memory_bytes = spool_memory_bytes;
  if (!spool_directory.empty()) out.disk.directory = spool_directory + '/' + client;
  out.disk.limit_bytes = spool_limit_bytes;
  out.disk.owner = client;
  return out;
}

}  // namespace resmon::load
