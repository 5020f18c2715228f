// The subcommands read the same configuration as the server, so that `--config server.toml` is all they need. backup,
// check and export may run beside the server; restore and import are the store's only writers while they run.
//
// Export goes group by group, not in order of time: a group's rows lie together in the store, and import puts them back
// together, so neither needs more memory than one group's hour.

#include "maintenance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alerts_command.h"
#include "backfill_command.h"
#include "backup_command.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "base/json_text.h"
#include "block_rows.h"
#include "command_tools.h"
#include "flush_request.h"
#include "journal_contents.h"
#include "lineproto/decoder.h"
#include "lineproto/encoder.h"
#include "log_requests.h"
#include "logs/archive.h"
#include "options.h"
#include "pipeline.h"
#include "program/program.h"
#include "rules_command.h"
#include "store/check.h"
#include "store/store.h"

namespace resmon::server {

namespace {

constexpr const char* kName = "resmon-server";
constexpr std::size_t kReadBytes = 1U << 20U;
constexpr std::size_t kWriteBytes = 1U << 20U;

int exit_code(const Error& error) {
  if (error.kind == ErrorKind::kDamaged) return kExitDamaged;
  return error.kind == ErrorKind::kInvalid ? kExitUsage : kExitFailed;
}

struct Command {
  Options options;
  config::Settings settings{"server"};
  std::string file;
  std::string from, to;
  std::string measurement, host;
  bool gzip = false;
  bool progress = false;
  bool force = false;
  bool logs = false;
  std::string config_file;
};

Result<store::TimeRange> range_of(const Command& command) {
  store::TimeRange range;
  if (!command.from.empty()) {
    RESMON_ASSIGN(range.first, parse_bound(command.from, "--from"));
  }
  if (!command.to.empty()) {
    RESMON_ASSIGN(range.last, parse_bound(command.to, "--to"));
  }
  return range;
}

bool to_stdout(const Command& command) {
  return command.file.empty() || command.file == "-";
}

struct GzClose {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, GzClose>;

Unexpected<Error> gz_error(const std::string& name, gzFile file) {
  int code = 0;
  const char* const text = gzerror(file, &code);
  if (code == Z_ERRNO) return fail(system_error(name, errno));
  return fail(ErrorKind::kInvalid, name + ": " + (text == nullptr || *text == '\0' ? "cannot be read" : text));
}

// Of backup and restore: a file that is there already, or a wrong one, is no mistake in the configuration.
int exit_code_of_copy(const Error& error) {
  return error.kind == ErrorKind::kInvalid ? kExitFailed : exit_code(error);
}

int run_copy(const Command& command, const char* what, const auto& work) {
  CommandProgress progress(what, command.progress);
  const auto watch = [&](std::uint64_t done, std::uint64_t all) {
    progress.show(done, all);
    return true;
  };
  const auto report = work({command.options, command.config_file, command.file, command.force, watch});
  if (!report) return program::complain(kName, Error(report.error()).wrap(what), exit_code_of_copy(report.error()));
  std::printf("%s: %llu chunks, %llu files, %llu bytes\n", command.file.c_str(),
              static_cast<unsigned long long>(report->chunks), static_cast<unsigned long long>(report->files),
              static_cast<unsigned long long>(report->bytes));
  return kExitDone;
}

int run_backup(const Command& command) {
  const int code = run_copy(command, "backup", [](const BackupRequest& request) { return make_backup(request); });
  if (code == kExitDone)
    std::fprintf(
        stderr,
        "backup: the file contains password hashes, tokens and keys of this server; only its owner may read it\n");
  return code;
}

int run_restore(const Command& command) {
  return run_copy(command, "restore", [](const BackupRequest& request) { return restore_backup(request); });
}

struct Checked {
  store::CheckReport store;
  JournalContents journal;
  logs::ArchiveReport lines;
};

// Everything of a server's directory.
Status check_rest(const std::string& directory, const Options& options, const store::CheckProgress& watch,
                  Checked& out) {
  const bool own = directory == options.store_directory;
  const std::string journal = own ? options.journal_directory : directory + "/journal";
  RESMON_ASSIGN(out.journal,
                journal_contents(journal, journal::FileSystem::posix(), out.store.marks[std::string(kJournalMark)]));
  out.lines = logs::check_archive(directory + "/logs", watch);
  logs::check_archive_journal(directory + "/logs/journal", directory + "/logs", out.lines);
  return {};
}

// Of a backup: checksums say that its files are what they were, so those of blocks are only counted.
Status check_rest_of_backup(const std::string& backup, Checked& out) {
  RESMON_ASSIGN(const auto files, files_of_backup(backup));
  RESMON_ASSIGN(out.journal, journal_contents(kJournalInBackup, *files, out.store.marks[std::string(kJournalMark)]));
  RESMON_ASSIGN(const auto blocks, files->list(kLogsBlocksInBackup));
  out.lines.files = blocks.size();
  logs::check_archive_journal(kLogsJournalInBackup, {}, out.lines, *files);
  return {};
}

void print_checked(const std::string& place, bool directory, const Checked& checked) {
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  const store::CheckReport& report = checked.store;
  const logs::ArchiveReport& lines = checked.lines;
  for (const auto* damage : {&report.damage, &lines.damage})
    for (const std::string& line : *damage) std::printf("damaged: %s\n", printable(line).c_str());
  if (report.damaged > report.damage.size())
    std::printf("damaged: and %llu more\n", number(report.damaged - report.damage.size()));
  if (directory && lines.files + lines.lines > 0)
    std::printf("%s/logs: %llu files, %llu blocks, %llu lines%s; %llu damaged\n", place.c_str(), number(lines.files),
                number(lines.blocks), number(lines.lines),
                lines.journal_lines == 0 ? "" : fmt::format(", {} of them in the journal", lines.journal_lines).c_str(),
                number(lines.damaged));
  else if (lines.files + lines.lines > 0)
    std::printf("%s: log lines: %llu files of blocks, %llu lines in their journal\n", place.c_str(),
                number(lines.files), number(lines.journal_lines));
  if (report.snapshot_rows > 0 || checked.journal.entries > 0)
    std::printf("%s: not in chunks yet: %llu rows in snapshots, %llu entries with %llu samples in the journal\n",
                place.c_str(), number(report.snapshot_rows), number(checked.journal.entries),
                number(checked.journal.samples));
  std::printf("%s: %llu chunks, %llu snapshots, %llu rows, %llu samples, %llu windows; %llu damaged\n", place.c_str(),
              number(report.chunks), number(report.snapshots), number(report.rows), number(report.samples),
              number(report.windows), number(report.damaged));
}

int run_check(const Command& command) {
  CommandProgress progress("check", command.progress);
  const auto watch = [&](std::uint64_t done, std::uint64_t all) {
    progress.show(done, all);
    return true;
  };
  struct stat info {};
  const std::string& place = command.file.empty() ? command.options.store_directory : command.file;
  const bool directory = ::stat(place.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const auto check = [&]() -> Result<Checked> {
    Checked out;
    RESMON_ASSIGN(out.store, directory ? store::check(place, watch) : store::check_file(place, watch));
    const Status rest = directory ? check_rest(place, command.options, watch, out) : check_rest_of_backup(place, out);
    if (!rest && out.store.sound()) return fail(Error(rest.error()));  // else what is damaged says more
    return out;
  };
  const auto checked = check();
  if (!checked) return program::complain(kName, Error(checked.error()).wrap("check"), exit_code(checked.error()));
  print_checked(place, directory, *checked);
  return checked->store.sound() && checked->lines.damaged == 0 ? kExitDone : kExitDamaged;
}

// Lines on their way out, through gzip or not.
class LineOutput {
 public:
  static Result<LineOutput> open(const Command& command) {
    LineOutput out;
    const bool pipe = to_stdout(command);
    out.name_ = pipe ? "standard output" : command.file;
    const bool packed = command.gzip || (!pipe && command.file.ends_with(".gz"));
    const int fd =
        pipe ? ::dup(STDOUT_FILENO) : ::open(command.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fail(system_error(out.name_, errno));
    out.file_.reset(gzdopen(fd, packed ? "wb6" : "wbT"));
    if (!out.file_) return fail(ErrorKind::kInternal, out.name_ + ": no memory");
    return out;
  }
  Status write(std::string& lines) {
    if (!lines.empty() && gzwrite(file_.get(), lines.data(), static_cast<unsigned>(lines.size())) <= 0)
      return gz_error(name_, file_.get());
    lines.clear();
    return {};
  }
  Status close() {
    errno = 0;
    if (gzclose(file_.release()) != Z_OK) return fail(system_error(name_, errno == 0 ? EIO : errno));
    return {};
  }

 private:
  std::string name_;
  GzFile file_;
};

bool wanted_tags(const std::vector<metric::Tag>& tags, const std::string& host) {
  if (host.empty()) return true;
  return std::any_of(tags.begin(), tags.end(),
                     [&](const metric::Tag& tag) { return tag.key == "host" && tag.value == host; });
}

struct Exported {
  std::uint64_t rows = 0;
  std::uint64_t samples = 0;
  std::uint64_t damaged = 0;
};

Status export_group(const store::Reader& reader, const std::string& measurement, const store::Group& group,
                    const store::TimeRange& range, LineOutput& out, Exported& totals) {
  metric::SchemaTable schemas;
  metric::Schema schema{measurement, group.tags, {}};
  std::vector<store::ColumnId> ids;
  for (const store::Column& column : reader.columns(measurement)) {
    ids.push_back(column.id);
    schema.fields.push_back({column.name, column.type});
  }
  const std::vector<metric::Field> fields = schema.fields;
  RESMON_ASSIGN(const metric::SchemaId id, schemas.intern(std::move(schema)));
  lineproto::LineEncoder encoder(schemas, {.unsigned_as_integer = false});
  metric::Batch batch;
  std::string lines;
  RESMON_TRY(reader.scan(group.id, ids, range, false, [&](const store::Block& block) -> Status {
    for (std::size_t row = 0; row < block.times.size(); ++row) {
      append_row(batch, id, fields, block, row);
    }
    totals.rows += batch.rows().size();
    totals.samples += batch.samples();
    encoder.append(batch, lines);
    batch.clear();
    return lines.size() < kWriteBytes ? Status() : out.write(lines);
  }));
  return out.write(lines);
}

// Log lines as JSON, an object a line, as /insert/jsonline and VictoriaLogs take them.
int run_export_logs(const Command& command) {
  const auto run = [&]() -> Result<logs::ArchiveReport> {
    RESMON_ASSIGN(const store::TimeRange range, range_of(command));
    RESMON_ASSIGN(LineOutput out, LineOutput::open(command));
    std::string text;
    RESMON_ASSIGN(const logs::ArchiveReport report,
                  logs::read_archive(
                      command.options.store_directory + "/logs",
                      [&](const std::string& host, const std::string& source, const logline::Line& line) -> Status {
                        if (line.time < range.first || line.time >= range.last) return {};
                        if (!command.host.empty() && host != command.host) return {};
                        append_victoria_line(text, found_line(host, source, line));
                        return text.size() < kWriteBytes ? Status() : out.write(text);
                      }));
    RESMON_TRY(out.write(text));
    RESMON_TRY(out.close());
    return report;
  };
  const auto done = run();
  if (!done) return program::complain(kName, Error(done.error()).wrap("export"), exit_code(done.error()));
  for (const std::string& line : done->damage) std::fprintf(stderr, "damaged: %s\n", printable(line).c_str());
  std::fprintf(stderr, "export: %llu lines read; %llu damaged blocks were left out\n",
               static_cast<unsigned long long>(done->lines), static_cast<unsigned long long>(done->damaged));
  return done->damaged == 0 ? kExitDone : kExitDamaged;
}

int run_export(const Command& command) {
  if (command.logs) return run_export_logs(command);
  const auto run = [&]() -> Result<Exported> {
    RESMON_ASSIGN(const store::TimeRange range, range_of(command));
    metric::SchemaTable schemas;
    RESMON_ASSIGN(const std::unique_ptr<store::Store> opened, open_flushed(command.options.store_options(), schemas));
    RESMON_ASSIGN(LineOutput out, LineOutput::open(command));
    CommandProgress progress("export", command.progress);
    Exported totals;
    const std::uint64_t groups = opened->stats().groups;
    std::uint64_t done = 0;
    for (const std::string& measurement : opened->measurements())
      for (const auto& group : opened->groups(measurement)) {
        progress.show(done++, groups);
        if (!command.measurement.empty() && measurement != command.measurement) continue;
        if (!wanted_tags(group->tags, command.host)) continue;
        RESMON_TRY(export_group(*opened, measurement, *group, range, out, totals));
      }
    RESMON_TRY(out.close());
    totals.damaged = opened->stats().damaged_chunks;
    return totals;
  };
  const auto done = run();
  if (!done) return program::complain(kName, Error(done.error()).wrap("export"), exit_code(done.error()));
  std::fprintf(stderr, "export: %llu rows, %llu samples\n", static_cast<unsigned long long>(done->rows),
               static_cast<unsigned long long>(done->samples));
  return end_with_damage("export", done->damaged);
}

struct Imported {
  std::uint64_t lines = 0, samples = 0, refused_lines = 0, refused_samples = 0;
  std::string first_refusal;
};

// Takes what the filters leave of a batch to the store.
Status store_lines(const Command& command, const store::TimeRange& range, const metric::SchemaTable& schemas,
                   const metric::Batch& batch, store::Store& to, Imported& totals) {
  const bool all =
      range.first == INT64_MIN && range.last == INT64_MAX && command.measurement.empty() && command.host.empty();
  metric::Batch some;
  if (!all)
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      if (row.time < range.first || row.time >= range.last || !wanted_tags(schema.tags, command.host) ||
          (!command.measurement.empty() && schema.measurement != command.measurement))
        continue;
      metric::RowWriter writer = some.add(row.schema, row.fields, row.time);
      for (std::size_t field = 0; field < row.fields; ++field) {
        if (!batch.has(row, field)) continue;
        if (schema.fields[field].type == metric::FieldType::kString)
          writer.set(field, batch.string(row, field));
        else
          writer.set_cell(field, batch.value(row, field));
      }
    }
  RESMON_ASSIGN(const store::WriteReport report, to.write(all ? batch : some));
  totals.samples += report.stored_samples;
  totals.refused_samples += report.refused_samples;
  if (totals.first_refusal.empty()) totals.first_refusal = report.first_refusal;
  return to.maintain(Clock::system().wall());
}

int run_import(const Command& command) {
  const auto run = [&]() -> Result<Imported> {
    RESMON_ASSIGN(const store::TimeRange range, range_of(command));
    const bool pipe = to_stdout(command);
    const std::string name = pipe ? "standard input" : command.file;
    const int fd = pipe ? ::dup(STDIN_FILENO) : ::open(command.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(system_error(name, errno));
    const GzFile file(gzdopen(fd, "rb"));
    if (!file) return fail(ErrorKind::kInternal, name + ": no memory");
    gzbuffer(file.get(), static_cast<unsigned>(kReadBytes));
    metric::SchemaTable schemas;
    auto opened = store::Store::open(command.options.store_options(), schemas);
    if (!opened)
      return fail(
          Error{opened.error().kind, opened.error().message + (opened.error().kind == ErrorKind::kUnavailable
                                                                   ? "; a running server takes the same lines on /write"
                                                                   : "")});
    store::Store& to = **opened;
    RESMON_TRY(to.maintain(Clock::system().wall()));
    lineproto::LineDecoder decoder(schemas);
    const lineproto::DecodeOptions decode{.default_time = Clock::system().wall()};
    CommandProgress progress("import", command.progress);
    Imported totals;
    metric::Batch batch;
    std::string buffer(kReadBytes, '\0');
    std::uint64_t bytes = 0;
    for (bool more = true; more;) {
      const int got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
      if (got < 0) return gz_error(name, file.get());
      more = got > 0;
      batch.clear();
      const lineproto::DecodeReport report =
          more ? decoder.feed({buffer.data(), static_cast<std::size_t>(got)}, decode, batch)
               : decoder.finish(decode, batch);
      totals.lines += report.lines;
      totals.refused_lines += report.refused_lines;
      if (totals.first_refusal.empty() && !report.errors.empty())
        totals.first_refusal = "line " + std::to_string(report.errors[0].line_number) + ": " + report.errors[0].message;
      RESMON_TRY(store_lines(command, range, schemas, batch, to, totals));
      bytes += static_cast<std::uint64_t>(got);
      progress.show(std::to_string(totals.lines) + " lines, " + std::to_string(bytes >> 20U) + " MiB");
    }
    RESMON_TRY(to.close());
    return totals;
  };
  const auto done = run();
  if (!done) return program::complain(kName, Error(done.error()).wrap("import"), exit_code(done.error()));
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::fprintf(stderr, "import: %llu lines, %llu samples stored; %llu lines and %llu samples refused\n",
               number(done->lines), number(done->samples), number(done->refused_lines), number(done->refused_samples));
  if (done->refused_lines + done->refused_samples == 0) return kExitDone;
  std::fprintf(stderr, "import: the first refused: %s\n", printable(done->first_refusal).c_str());
  return kExitFailed;
}

struct Subcommand {
  const char* name;
  const char* purpose;
  const char* examples;
  bool needs_file;
  bool lines;  // takes the filters and --gzip
  int (*run)(const Command&);
};

constexpr Subcommand kSubcommands[] = {
    {"backup",
     "Copies all acknowledged samples and log lines, users, tokens, sessions, alerts and the configuration to FILE. "
     "The server may keep running.",
     "FILE appears when it is complete, with mode 0600, because it contains secrets.\n"
     "An existing FILE is replaced only with --force.\n"
     "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 5 the store is damaged",
     true, false, run_backup},
    {"restore", "Restores everything from FILE, which 'backup' wrote. The server must not be running.",
     "Without --config, the configuration of the backup is restored, and everything\n"
     "else to the directories that it names. With --config, the directories of that\n"
     "configuration are used. Existing files are replaced only with --force.\n"
     "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 5 the backup is damaged",
     true, false, run_restore},
    {"check", "Verifies every chunk of the store, or of FILE (a store or a backup), and lists damage.",
     "Exit codes: 0 undamaged, 1 could not check, 2 usage, 3 configuration, 5 damaged", false, false, run_check},
    {"export", "Writes the store's rows as Influx line protocol to FILE, or without FILE to standard output.",
     "Examples:\n"
     "  resmon-server export --config server.toml all.lines.gz\n"
     "  resmon-server export --measurement cpu --from 2026-01-02 --to 2026-01-03 | head\n"
     "  resmon-server export --logs --host web1 web1.jsonl.gz    log lines, as JSON\n"
     "The server may keep running: the export contains everything that it\n"
     "acknowledged before the export began.\n"
     "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration,\n"
     "  5 damaged chunks were left out",
     false, true, run_export},
    {"import", "Reads Influx line protocol, also gzip, from FILE or standard input, into the store.",
     "The server must not be running; a running server accepts the same lines on\n"
     "/write.\n"
     "Exit codes: 0 done, 1 failed or a line was refused, 2 usage, 3 configuration,\n"
     "  5 the store is damaged",
     false, true, run_import},
};

int run(const Subcommand& subcommand, int argc, char** argv) {
  Command command;
  command.options.declare(command.settings);
  program::Program program(
      {std::string(kName) + " " + subcommand.name, RESMON_VERSION, subcommand.purpose, subcommand.examples},
      command.settings);
  program.option("file", &command.file, "FILE", "The file");
  if (subcommand.lines) {
    program.option("--from", &command.from, "TIME", "Only rows at this time or later");
    program.option("--to", &command.to, "TIME", "Only rows before this time");
    program.option("--measurement", &command.measurement, "NAME", "This measurement only");
    program.option("--host", &command.host, "NAME", "Series with the tag host=NAME only");
    if (subcommand.run == run_export)
      program.flag("--logs", &command.logs, "Log lines in place of samples, as JSON lines");
    if (subcommand.run == run_export) program.flag("--gzip", &command.gzip, "Compress; default if FILE ends with .gz");
  }
  if (subcommand.run == run_backup || subcommand.run == run_restore)
    program.flag("--force", &command.force, "Replace existing files");
  program.flag("--progress", &command.progress, "Print progress, also if standard error is not a terminal");
  if (const auto code = program.start(argc, argv, [&] { return command.options.check(); })) return *code;
  if (subcommand.needs_file && command.file.empty())
    return program::complain(kName, Error{ErrorKind::kInvalid, std::string(subcommand.name) + ": FILE is missing"},
                             kExitUsage);
  command.config_file = program.config_file();
  if (subcommand.run == run_restore && command.config_file.empty()) {
    const auto returning = bring_configuration(command.file, command.force);
    if (!returning)
      return program::complain(kName, Error(returning.error()).wrap("restore"), exit_code_of_copy(returning.error()));
    if (*returning) {
      std::string flag = "--config";
      std::string path = (*returning)->read_from;
      std::vector<char*> again(argv, argv + argc);
      again.insert(again.end(), {flag.data(), path.data()});
      const int code = run(subcommand, static_cast<int>(again.size()), again.data());
      if (code != 0) {
        drop_configuration(**returning);
        return code;
      }
      if (Status settled = settle_configuration(**returning); !settled)
        return program::complain(kName, Error(settled.error()).wrap("restore"), exit_code_of_copy(settled.error()));
      return code;
    }
  }
  command.options.log.level = "warn";
  if (Status applied = command.options.log.apply(); !applied)
    return program::complain(kName, applied.error(), kExitConfiguration);
  return subcommand.run(command);
}

}  // namespace

std::optional<int> run_subcommand(int argc, char** argv) {
  // Options may stand before the name, as before the other commands.
  int at = 1;
  while (at + 1 < argc && (std::string_view(argv[at]) == "--config" || std::string_view(argv[at]) == "-c" ||
                           std::string_view(argv[at]) == "--set"))
    at += 2;
  if (at >= argc) return std::nullopt;
  if (std::string_view(argv[at]) == "alerts") {
    std::rotate(argv + 1, argv + at, argv + at + 1);
    std::signal(SIGPIPE, SIG_IGN);
    return run_alerts_command(argc - 1, argv + 1);
  }
  if (std::string_view(argv[at]) == "backfill") {
    std::rotate(argv + 1, argv + at, argv + at + 1);
    std::signal(SIGPIPE, SIG_IGN);
    return run_backfill_command(argc - 1, argv + 1);
  }
  if (std::string_view(argv[at]) == "rules") {
    std::rotate(argv + 1, argv + at, argv + at + 1);
    std::signal(SIGPIPE, SIG_IGN);
    return run_rules_command(argc - 1, argv + 1);
  }
  for (const Subcommand& subcommand : kSubcommands)
    if (std::string_view(argv[at]) == subcommand.name) {
      std::rotate(argv + 1, argv + at, argv + at + 1);
      std::signal(SIGPIPE, SIG_IGN);
      return run(subcommand, argc - 1, argv + 1);
    }
  return std::nullopt;
}

}  // namespace resmon::server
