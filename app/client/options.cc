#include "options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "net/token_set.h"

namespace resmon::client {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

void declare_script(config::Settings& settings, const std::string& prefix, collect::ScriptOptions& one) {
  settings.list(prefix + ".command", &one.command,
                "The program and its arguments, each a text of its own; no shell is involved. A name without a slash "
                "is searched in the system's usual directories.");
  settings.boolean(prefix + ".enabled", &one.enabled, "Run the script.");
  settings.duration(prefix + ".interval", &one.interval, seconds(0), hours(24),
                    "How often the script runs. 0: client.interval. A script costs about a hundred times as much as a "
                    "native collector.");
  settings.duration(prefix + ".timeout", &one.timeout, milliseconds(10), hours(1),
                    "After this the script and all processes that it started are killed, and its output is discarded.");
  settings.bytes(prefix + ".output_limit_bytes", &one.output_limit_bytes, 64, 16U << 20U,
                 "A script that prints more is killed, and its output is discarded.");
  settings.choice(prefix + ".format", &one.format, {"auto", "influx", "json", "key_value"},
                  "The format of the output: Influx lines, JSON (objects or arrays of objects), or words such as "
                  "load=1.5. auto: recognized from the output.");
  settings.choice(prefix + ".precision", &one.precision, {"ns", "us", "ms", "s"},
                  "The unit of the timestamps in Influx lines. A line without a timestamp gets the time of the run.");
  settings.text(prefix + ".measurement", &one.measurement,
                "The measurement for JSON and key=value. Empty: the script's name.");
  settings.list(
      prefix + ".tag_keys", &one.tag_keys,
      "Members of JSON and key=value that become tags. A tag should have few values: each value makes a series.");
  settings.map(prefix + ".tags", &one.tags, "Tags added to all rows of the script.");
  settings.map(prefix + ".environment", &one.environment,
               "Variables added to the script's environment, which otherwise has only PATH, LC_ALL, HOME, RESMON_HOST, "
               "RESMON_SCRIPT and RESMON_INTERVAL_SECONDS.");
  settings.text(prefix + ".panel.title", &one.panel_title,
                "The heading over the script's charts on the host's page. Empty: the measurement.");
  settings.choice(prefix + ".panel.unit", &one.panel_unit,
                  {"", "number", "count", "percent", "bytes", "bytes_per_second", "bits_per_second", "per_second",
                   "seconds", "milliseconds", "celsius"},
                  "The unit of its numbers. Empty: guessed from each field's name, such as free_bytes.");
  settings.choice(prefix + ".panel.kind", &one.panel_kind, {"", "line", "stack"},
                  "How they are drawn: lines, or areas one on the other. Empty: lines.");
  settings.integer(prefix + ".max_series", &one.max_series, 1, 100'000,
                   "The most series (measurement and tags) of the script; further ones are refused and counted.");
}

}  // namespace

Options::Options() {
  for (const collect::CollectorInfo& info : collect::registry()) collectors[std::string(info.name)];
  collectors["disk"].ignore_file_systems = {"tmpfs",   "devtmpfs", "devfs",    "iso9660",
                                            "overlay", "aufs",     "squashfs", "autofs"};
}

void Options::declare(config::Settings& settings) {
  settings.text("client.host", &host,
                "The name of this machine; unique among all clients. Empty: the system's host name.");
  settings.duration(
      "client.interval", &interval, milliseconds(100), hours(24),
      "How often to sample, aligned to the wall clock. A shorter interval shows more and costs more CPU and disk.");
  settings.list("client.servers", &servers,
                "The servers, HOST:PORT. The client uses the first that answers. After a lost connection it begins "
                "with the first again.");
  settings.text(
      "client.token_file", &token_file,
      "A file with the access token, which the server's administrator makes. Only the client's user should be able to "
      "read it. The client reads it again after a change. A token can be bound to one client.host.");
  settings.map("client.tags", &tags, "Tags added to everything that this machine sends, such as site = \"north\".");
  settings.boolean(
      "client.process_list", &process_list,
      "Answer when the server asks for the list of all processes. The server asks while an authorized user "
      "has this host's live list open on the page.");
  settings.boolean("client.command_lines", &command_lines,
                   "Send the command lines of processes, in that list and in procstat. Passwords, tokens and keys that "
                   "the client recognizes in them are replaced by ***.");
  settings.boolean(
      "client.default_logs", &default_logs,
      "If there is no [logs.NAME], and spool.directory is set: send systemd's journal from level notice "
      "up, or without systemd those of /var/log/syslog, messages and auth.log that can be read; and the files "
      "in which Docker and Podman have the output of containers, if they can be read.");

  settings.boolean("tls.enabled", &tls, "Encrypt the connection, and verify the server's certificate.");
  settings.text("tls.ca_file", &tls_ca_file, "Certificate authorities (PEM) to trust. Empty: the system's.");
  settings.text("tls.server_name", &tls_server_name,
                "The name in the server's certificate. Empty: the address in client.servers.");
  settings.boolean("tls.allow_plaintext", &allow_plaintext,
                   "Send to other machines without TLS. Anybody on the way can then read the token and all samples.");

  settings.text(
      "spool.directory", &spool_directory,
      "The directory for samples that no server has acknowledged yet; they survive a restart of the client. One client "
      "per directory; it is created if it is missing. Empty: systemd's state directory (StateDirectory=) if there is "
      "one, otherwise memory only: a client that ends loses its unacknowledged samples.");
  settings.bytes("spool.limit_bytes", &spool_limit_bytes, 128U << 10U, 1ULL << 40U,
                 "The most disk space of the spool. When it is full, the oldest samples are dropped and counted. 64 "
                 "MiB suffice for about two weeks of the default collectors at 5 s.");
  settings.duration("spool.sync_interval", &spool_sync_interval, milliseconds(10), hours(1),
                    "A power cut can lose unacknowledged samples of this last span; the end of the program loses none. "
                    "A shorter span means more disk writes while no server answers.");
  settings.bytes("spool.memory_bytes", &spool_memory_bytes, 64U << 10U, 4ULL << 30U,
                 "The most memory for samples while there is no directory or the disk cannot be written. 8 MiB suffice "
                 "for about 4 hours of the default collectors at 5 s.");
  settings.bytes(
      "spool.lines_limit_bytes", &lines_limit_bytes, 8U << 20U, 1ULL << 40U,
      "The most disk space of unacknowledged log lines, in `lines` in the spool's directory. When it is three quarters "
      "full, the client stops reading files. When it is full, the oldest lines are dropped and counted.");
  settings.duration("spool.stop_patience", &stop_patience, milliseconds(0), hours(1),
                    "How long a client that is stopped keeps sending unacknowledged samples.");

  settings.text("roots.proc", &proc_root, "Where procfs is mounted. In a container: the host's.");
  settings.text("roots.sys", &sys_root, "Where sysfs is mounted. In a container: the host's.");
  settings.text(
      "roots.file_system", &file_system_root,
      "A prefix for mount points and files such as /run/utmp. In a container: where the host's / is mounted.");

  for (const collect::CollectorInfo& info : collect::registry()) {
    collect::CollectorOptions& one = collectors[std::string(info.name)];
    const std::string prefix = "collector." + std::string(info.name) + ".";
    settings.boolean(prefix + "enabled", &one.enabled, "Measure " + std::string(info.description) + ".");
    const auto own = std::chrono::duration_cast<seconds>(info.interval).count();
    settings.duration(
        prefix + "interval", &one.interval, seconds(0), hours(24),
        own == 0 ? "How often it samples. 0: client.interval."
                 : "How often it samples. 0: " + std::to_string(own) + " s, or client.interval if that is longer.");
    if (!info.filters.empty()) {
      settings.list(prefix + "include", &one.filter.include,
                    "Shell patterns for " + std::string(info.filters) + "; only matches are collected. Empty: all.");
      settings.list(prefix + "exclude", &one.filter.exclude,
                    "Shell patterns of names to leave out; wins over include.");
    }
    if (info.name == "disk")
      settings.list(prefix + "ignore_file_systems", &one.ignore_file_systems,
                    "Types of file systems that are left out.");
  }
  settings.text(
      "containers.socket", &container_socket,
      "The socket of Docker's or Podman's API, such as /var/run/docker.sock. The client reads names, images, states, "
      "health and ports of containers there. Access to that socket is as powerful as root on this machine. Empty: the "
      "client uses no such API.");
  settings.tables(
      "script", "users",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        declare_script(table, prefix, scripts[name]);
      },
      "Programs of your own whose output is sent, such as those in automation/collectors. Each runs as the client's "
      "user. internal_collector reports it as script.NAME.");
  settings.tables(
      "input", "lines",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        inputs.try_emplace(name, door::Side::kClient).first->second.declare(table, prefix);
      },
      "Sockets on which other programs hand in samples, such as a script that writes lines to /dev/tcp. They go "
      "through "
      "the rules and the spool, and get the tags of this client (docs/inputs.md).");
  settings.tables(
      "scrape", "node",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        scrapes[name].declare(table, prefix);
      },
      "Exporters of Prometheus whose metrics are sent, such as prometheus-node-exporter. They go through the rules and "
      "the spool, and get the tags of this client (docs/prometheus.md).");
  settings.tables(
      "logs", "nginx",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        logs[name].declare(table, prefix);
      },
      "Logs whose lines are sent to the server, each line once. Needs spool.directory, which stores how far each file "
      "was read.");
  settings.array(
      "rule",
      [this](const config::Node& array, const std::string& key, config::Complaints& complaints) {
        rules = rule::read_rules(array, key, rule::Place::kClient, complaints);
      },
      rule::sample_rules("rule"),
      "Rules that select and change the rows that this client sends, before they go into the spool. They apply in the "
      "order of the file (docs/rules.md). --once --explain shows the effect of each.");
  settings.tables(
      "log_metrics", "errors",
      [this](config::Settings& table, const std::string& name, const std::string& prefix) {
        log_metrics[name].declare(table, prefix);
      },
      "Samples from log lines: each client.interval the number of lines, by tags, and statistics of the numbers in "
      "them. "
      "Lines that are read but not sent count, too.");
  log.declare(settings);
}

rule::EngineOptions Options::rule_options() const {
  rule::EngineOptions out;
  out.place = rule::Place::kClient;
  out.context.host = host_name();
  for (const auto& [key, value] : tags) out.context.tags.push_back({key, value});
  return out;
}

Status Options::check() const {
  if (servers.empty()) return fail(ErrorKind::kInvalid, "client.servers: at least one server is needed");
  for (const std::string& text : servers) {
    auto address = net::parse_address(text, 7411);
    if (!address) return fail(std::move(address).error().wrap("client.servers"));
    if (!tls && !allow_plaintext && !net::is_loopback(address->host))
      return fail(ErrorKind::kInvalid,
                  "client.servers: " + text +
                      " is another machine and TLS is off; set tls.enabled = true (or tls.allow_plaintext = "
                      "true: anybody on the way can then read the token)");
  }
  if (host.size() > 255) return fail(ErrorKind::kInvalid, "client.host: longer than 255 bytes");
  for (const auto& [key, value] : tags)
    if (key == "host" || key == "time")
      return fail(ErrorKind::kInvalid, "client.tags." + key + ": this name is reserved");
  for (const auto& [name, script] : scripts)
    if (Status good = script.check(); !good) return fail(std::move(good).error().wrap("script." + name));
  for (const auto& [name, input] : inputs)
    if (Status good = input.check(); !good) return fail(std::move(good).error().wrap("input." + name));
  for (const auto& [name, scrape] : scrapes)
    if (Status good = scrape.check(); !good) return fail(std::move(good).error().wrap("scrape." + name));
  for (const auto& [name, source] : logs) {
    if (name.find('/') != std::string::npos || name.size() > 64)
      return fail(ErrorKind::kInvalid, "logs." + name + ": a name has at most 64 bytes, and no '/'");
    if (Status good = source.check(); !good) return fail(std::move(good).error().wrap("logs." + name));
  }
  for (const auto& [name, metric] : log_metrics)
    if (Status good = metric.check(name); !good) return fail(std::move(good).error().wrap("log_metrics." + name));
  return {};
}

// A command without a slash is looked for in PATH when it runs.
std::vector<std::string> Options::unstartable_scripts() const {
  std::vector<std::string> out;
  for (const auto& [name, script] : scripts) {
    const std::string& program = script.command.front();
    struct stat info {};
    if (!script.enabled || program.find('/') == std::string::npos) continue;
    if (::stat(program.c_str(), &info) != 0)
      out.push_back("script." + name + ": command: " + system_error(program, errno).message);
    else if (!S_ISREG(info.st_mode) || ::access(program.c_str(), X_OK) != 0)
      out.push_back("script." + name + ": command: " + program + ": not a file that this user may execute");
  }
  return out;
}

LogSources Options::log_sources() const {
  return logs.empty() && default_logs ? default_log_sources() : logs;
}

std::string Options::default_sources_off() const {
  if (logs.empty() || !default_logs) return {};
  std::string out;
  for (const auto& source : default_log_sources()) {
    const auto& usual = source.second;
    const auto reads_it = [&usual](const auto& own) {
      return (usual.journal && own.second.journal) || (!usual.files.empty() && own.second.files == usual.files);
    };
    if (logs.contains(source.first) || std::any_of(logs.begin(), logs.end(), reads_it)) continue;
    out += (out.empty() ? "" : ",") + source.first;
  }
  return out;
}

uplink::LineSpoolOptions Options::line_spool_options() const {
  const uplink::DiskOptions disk = spool_options().disk;
  uplink::LineSpoolOptions out;
  if (!disk.directory.empty()) out.directory = disk.directory + "/lines";
  out.limit_bytes = lines_limit_bytes;
  out.sync_interval = std::chrono::duration_cast<std::chrono::milliseconds>(spool_sync_interval);
  out.owner = host_name();
  return out;
}

collect::GatherOptions Options::gather_options() const {
  collect::GatherOptions out;
  out.roots = {proc_root, sys_root, file_system_root == "/" ? "" : file_system_root};
  out.interval = interval;
  out.collectors = collectors;
  out.collectors["containers"].socket = container_socket;
  out.collectors["procstat"].command_lines = command_lines;
  return out;
}

collect::Scripts::Settings Options::script_settings() const {
  return {scripts, interval, host_name()};
}

std::string Options::host_name() const {
  if (!host.empty()) return host;
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

uplink::SpoolOptions Options::spool_options() const {
  uplink::SpoolOptions out;
  out.memory_bytes = spool_memory_bytes;
  out.disk.directory = spool_directory;
  const char* const state = std::getenv("STATE_DIRECTORY");
  if (spool_directory.empty() && state != nullptr && *state != '\0') {
    const std::string_view first(state);
    out.disk.directory = std::string(first.substr(0, first.find(':'))) + "/spool";
  }
  out.disk.limit_bytes = spool_limit_bytes;
  out.disk.sync_interval = spool_sync_interval;
  out.disk.owner = host_name();
  return out;
}

Result<uplink::Options> Options::uplink_options(const std::string& software) const {
  uplink::Options out;
  for (const std::string& text : servers) {
    RESMON_ASSIGN(net::Address address, net::parse_address(text, 7411));
    out.servers.push_back(std::move(address));
  }
  out.client = host_name();
  out.software = software;
  out.interval = interval;
  for (const auto& [key, value] : tags) out.tags.push_back({key, value});
  RESMON_ASSIGN(out.token, net::load_token(token_file, out.client));
  if (tls) {
    RESMON_ASSIGN(out.tls, net::make_client_tls({tls_ca_file}));
    out.server_name = tls_server_name;
  }
  return out;
}

}  // namespace resmon::client
