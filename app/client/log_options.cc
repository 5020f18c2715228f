#include "log_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tail/multiline.h"

namespace resmon::client {

namespace {

constexpr const char* kRedactPattern = "/";  // begins a pattern in `redact`

tail::Format format_named(const std::string& name) {
  if (name == "none") return tail::Format::kNone;
  if (name == "syslog") return tail::Format::kSyslog;
  if (name == "json") return tail::Format::kJson;
  if (name == "logfmt") return tail::Format::kLogfmt;
  if (name == "leading") return tail::Format::kLeading;
  if (name == "regex") return tail::Format::kRegex;
  if (name == "container") return tail::Format::kContainer;
  return tail::Format::kAuto;
}

}  // namespace

void LogSourceOptions::declare(config::Settings& settings, const std::string& prefix) {
  settings.boolean(prefix + ".enabled", &enabled, "Send these lines.");
  settings.list(
      prefix + ".files", &files,
      "Shell patterns of the files to follow, such as \"/var/log/nginx/*.log\". The client looks for new files each "
      "second, and follows files through renaming, truncation and deletion. Compressed files are left out.");
  settings.boolean(
      prefix + ".journal", &journal,
      "Follow systemd's journal, with journalctl; the client's user must be in the group systemd-journal.");
  settings.list(prefix + ".matches", &matches,
                "Which entries of the journal, as journalctl's matches: \"_SYSTEMD_UNIT=ssh.service\". Empty: all.");
  settings.list(prefix + ".command", &command,
                "Follow the output of a program: the program and its arguments, each a text of its own. The client "
                "starts it again when it ends.");
  settings.text(
      prefix + ".listen", &listen,
      "Receive lines on a socket: unix:/PATH (stream), unixgram:/PATH (datagrams, such as /dev/log), "
      "tcp:ADDRESS:PORT or udp:ADDRESS:PORT. It accepts syslog, JSON lines and text; over a stream one line "
      "each, or syslog with a length before each message. Nothing is acknowledged: a kill of the client loses "
      "lines that are not yet in the spool.");
  settings.boolean(prefix + ".allow_remote", &allow_remote,
                   "Allow an address for listen that other machines reach. They need no token, and are not encrypted.");
  settings.choice(prefix + ".read_from", &read_from, {"beginning", "end"},
                  "Where to begin in files that exist at the first start. Later files are read from their beginning.");
  settings.choice(prefix + ".parse", &parse,
                  {"auto", "syslog", "json", "logfmt", "leading", "container", "regex", "none"},
                  "How time, level, unit, pid and fields are parsed. auto: by the shape of each line. leading: a time "
                  "at the beginning and a level near it, as in Python, Java, nginx, PostgreSQL and access logs. "
                  "container: files of Docker and Podman; the unit is the container's name, and the text is parsed as "
                  "with auto. regex: by pattern. none: the whole line is the message. A line without a readable time "
                  "gets the time at "
                  "which it was read.");
  settings.text(
      prefix + ".pattern", &pattern,
      "For parse = \"regex\": a regular expression (RE2) with named groups. The groups time, level, unit, pid "
      "and message set these; any other group becomes a field of its name: "
      "\"^(?P<time>\\\\S+) (?P<level>\\\\w+) (?P<message>.*)\". If a line does not match, the whole line is "
      "the message.");
  settings.list(prefix + ".include", &include,
                "Regular expressions (RE2). Only lines that match one of them are sent. Empty: all.");
  settings.list(prefix + ".exclude", &exclude,
                "Regular expressions. Lines that match one of them are not sent; wins over include.");
  settings.choice(prefix + ".level", &level,
                  {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"},
                  "The least severe level that is sent. Lines without a level are always sent.");
  settings.text(
      prefix + ".multiline", &multiline,
      "Which lines of a file are joined to the line before, as in stack traces. none. indent: lines that begin with a "
      "blank, and the unindented lines of the traces of Java, Python and Go. \"/^[0-9]{4}-/\": lines that do not match "
      "this expression.");
  settings.list(
      prefix + ".redact", &redact,
      "What is replaced before a line is kept or sent. tokens: passwords and the like, recognized by name. cards: "
      "numbers with a valid check digit. emails. Regular expressions between slashes: \"/key-[0-9]+/\".");
  settings.integer(prefix + ".rate_limit", &rate_limit, 0, 1'000'000,
                   "The most lines per second. Further lines are left out and counted, and a line in their place "
                   "states the number. 0: no limit.");
  settings.bytes(prefix + ".max_line_bytes", &max_line_bytes, 256, 256U << 10U,
                 "Longer lines are cut, marked and counted.");
}

Status LogSourceOptions::check() const {
  if (!enabled) return {};
  const int kinds = (files.empty() ? 0 : 1) + (journal ? 1 : 0) + (command.empty() ? 0 : 1) + (listen.empty() ? 0 : 1);
  if (kinds == 0) return fail(ErrorKind::kInvalid, "files, journal, command or listen: nothing to read");
  if (kinds > 1)
    return fail(ErrorKind::kInvalid, "files, journal, command and listen: give each a [logs.NAME] of its own");
  if (!listen.empty()) {
    const auto address = tail::parse_listen_address(listen);
    if (!address) return fail(Error(address.error()).wrap("listen"));
    if (!address->local() && !allow_remote)
      return fail(ErrorKind::kInvalid, "listen: other machines reach " + listen +
                                           ", without a token or encryption; set allow_remote = true if that is meant");
  }
  if (pattern.empty() != (parse != "regex"))
    return fail(ErrorKind::kInvalid, "pattern and parse = \"regex\" must be set together");
  for (const std::string& word : command)
    if (word.find('\0') != std::string::npos || command.front().empty())
      return fail(ErrorKind::kInvalid, "command: nothing to run, or a NUL byte in it");
  for (const std::string& glob : files)
    if (!glob.starts_with('/')) return fail(ErrorKind::kInvalid, "files: '" + glob + "' does not begin with /");
  for (const std::string& match : matches)
    if (match.starts_with('-') || (match.find('=') == std::string::npos && match != "+"))
      return fail(ErrorKind::kInvalid, "matches: '" + match + "' is not FIELD=VALUE or +");
  for (const std::string& one : redact) {
    const bool own_pattern = one.size() > 2 && one.starts_with(kRedactPattern) && one.ends_with(kRedactPattern);
    if (!own_pattern && one != "tokens" && one != "cards" && one != "emails")
      return fail(ErrorKind::kInvalid, "redact: '" + one + "' is not tokens, cards, emails or /PATTERN/");
  }
  if (const auto rule = tail::multiline_rule(multiline); !rule) return fail(Error(rule.error()).wrap("multiline"));
  auto shaper = tail::Shaper::make("check", shape_options());
  if (!shaper) return fail(std::move(shaper).error());
  return {};
}

tail::FileOptions LogSourceOptions::file_options() const {
  tail::FileOptions out;
  out.globs = files;
  out.from_end = read_from == "end";
  out.split.max_bytes = max_line_bytes;
  // Checked by check().
  out.split.continues = tail::multiline_rule(multiline).value_or(nullptr);
  return out;
}

tail::ExecOptions LogSourceOptions::exec_options() const {
  tail::ExecOptions out;
  out.command = command;
  out.split = file_options().split;
  return out;
}

tail::ListenOptions LogSourceOptions::listen_options() const {
  tail::ListenOptions out;
  // Checked by check().
  if (const auto address = tail::parse_listen_address(listen)) out.address = *address;
  out.split = file_options().split;
  return out;
}

tail::JournalOptions LogSourceOptions::journal_options() const {
  tail::JournalOptions out;
  out.matches = matches;
  if (level != "debug") out.priority = level == "emergency" ? "emerg" : level == "critical" ? "crit" : level;
  if (level == "error") out.priority = "err";
  return out;
}

tail::ShapeOptions LogSourceOptions::shape_options() const {
  tail::ShapeOptions out;
  out.format = format_named(parse);
  out.pattern = pattern;
  out.include = include;
  out.exclude = exclude;
  out.least = logline::parse_level(level);
  out.rate_limit = static_cast<std::uint32_t>(rate_limit);
  out.max_bytes = max_line_bytes;
  for (const std::string& one : redact) {
    if (one == "tokens")
      out.redact.tokens = true;
    else if (one == "cards")
      out.redact.cards = true;
    else if (one == "emails")
      out.redact.emails = true;
    else
      out.redact.patterns.push_back(one.substr(1, one.size() - 2));
  }
  return out;
}

namespace {

// Where container engines write the output of containers; what is written to the journal comes from there.
constexpr const char* kContainerLogs[][2] = {
    {"/var/lib/docker/containers", "/*/*-json.log"},
    {"/var/lib/containers/storage/overlay-containers", "/*/userdata/ctr.log"},
};
constexpr std::int64_t kContainerLines = 1000;  // a second

}  // namespace

LogSources default_log_sources(const std::string& root) {
  LogSources out;
  struct stat state {};
  if (::stat((root + "/run/systemd/system").c_str(), &state) == 0) {
    LogSourceOptions journal;
    journal.journal = true;
    journal.level = "notice";
    out.emplace("journal", std::move(journal));
  } else {
    LogSourceOptions files;
    for (const char* path : {"/var/log/syslog", "/var/log/messages", "/var/log/auth.log"})
      if (::access((root + path).c_str(), R_OK) == 0) files.files.push_back(root + path);
    if (!files.files.empty()) out.emplace("system", std::move(files));
  }
  LogSourceOptions containers;
  for (const auto& [directory, pattern] : kContainerLogs)
    if (::access((root + directory).c_str(), R_OK | X_OK) == 0) containers.files.push_back(root + directory + pattern);
  if (!containers.files.empty()) {
    containers.parse = "container";
    containers.rate_limit = kContainerLines;
    out.emplace("containers", std::move(containers));
  }
  return out;
}

}  // namespace resmon::client
