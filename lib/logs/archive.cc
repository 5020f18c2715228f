#include "logs/archive.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "journal/segment_files.h"
#include "logs/intake.h"
#include "logs/record.h"

namespace resmon::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostDamage = 100;

void add_damage(ArchiveReport& report, std::uint64_t blocks, std::string what) {
  if (blocks == 0) return;
  report.damaged += blocks;
  if (report.damage.size() < kMostDamage) report.damage.push_back(std::move(what));
}

Result<std::shared_ptr<Part>> open_part(const ArchiveFile& file) {
  const std::size_t slash = file.path.rfind('/');
  return Part::open(file.path.substr(0, slash), file.path.substr(slash + 1));
}

}  // namespace

std::vector<ArchiveFile> archive_files(const std::string& directory) {
  std::vector<ArchiveFile> out;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string day_text = at->path().filename().string();
    Day day = 0;
    if (!parse_day(day_text, day)) continue;
    std::error_code ignored;
    for (fs::directory_iterator file(at->path(), ignored), last; !ignored && file != last; file.increment(ignored)) {
      std::uint64_t stream = 0;
      std::uint32_t number = 0;
      const std::string name = file->path().filename().string();
      if (Part::parse_name(name, stream, number)) out.push_back({day_text + "/" + name, file->path().string()});
    }
  }
  std::sort(out.begin(), out.end(), [](const ArchiveFile& a, const ArchiveFile& b) { return a.name < b.name; });
  return out;
}

ArchiveReport check_archive(const std::string& directory,
                            const std::function<bool(std::uint64_t done, std::uint64_t all)>& progress) {
  ArchiveReport report;
  const std::vector<ArchiveFile> files = archive_files(directory);
  for (const ArchiveFile& file : files) {
    if (!progress(report.files, files.size())) break;
    ++report.files;
    const auto part = open_part(file);
    if (!part) {
      // A running server merges and removes files.
      std::error_code ignored;
      if (fs::exists(file.path, ignored)) add_damage(report, 1, part.error().message);
      continue;
    }
    report.blocks += (*part)->blocks().size();
    report.lines += (*part)->lines();
    if ((*part)->footer_damaged()) add_damage(report, 1, file.path + ": the footer is damaged");
    const std::uint64_t damaged = (*part)->verify();
    add_damage(report, damaged, file.path + ": " + std::to_string(damaged) + " damaged blocks");
  }
  return report;
}

namespace {

using ShowLine = std::function<Status(const std::string& host, const std::string& source, const logline::Line& line)>;

// By day and stream; a file takes the place of those that it has the lines of.
class ArchivedStreams {
 public:
  explicit ArchivedStreams(ArchiveReport& report) : report_(report) {}

  void open(const std::string& directory) {
    for (const ArchiveFile& file : archive_files(directory)) {
      auto part = open_part(file);
      if (!part) {
        add_damage(report_, 1, part.error().message);
        continue;
      }
      const std::string day = file.name.substr(0, file.name.find('/'));
      auto& parts = streams_[{day, (*part)->host() + '\0' + (*part)->source()}];
      std::erase_if(parts, [&](const auto& old) { return old->number() >= (*part)->replaces_from(); });
      parts.push_back(*std::move(part));
    }
  }

  Status show(const ShowLine& show) {
    for (const auto& [key, parts] : streams_)
      for (const auto& part : parts) {
        ++report_.files;
        for (const BlockInfo& block : part->blocks()) RESMON_TRY(show_block(*part, block, show));
      }
    return {};
  }

  // The last position of the journal whose lines of that day are in blocks.
  std::uint64_t sealed_through(const std::string& host, const std::string& source, Day day) const {
    std::uint64_t through = 0;
    if (const auto at = streams_.find({day_name(day), host + '\0' + source}); at != streams_.end())
      for (const auto& part : at->second) through = std::max(through, part->through());
    return through;
  }

 private:
  Status show_block(const Part& part, const BlockInfo& block, const ShowLine& show) {
    BlockLines lines;
    Status status;
    for (const Column column : {kTimes, kLevelsAndCuts, kUnits, kPids, kMessages, kFields}) {
      const auto bytes = part.read(block, column);
      status = bytes ? lines.add(block, column, *bytes) : Status(fail(Error(bytes.error())));
      if (!status) break;
    }
    if (!status) {
      add_damage(report_, 1, part.path() + ": " + status.error().message);
      return {};
    }
    ++report_.blocks;
    for (std::size_t i = 0; i < block.lines; ++i) {
      RESMON_TRY(show(part.host(), part.source(), lines.line(i, fields_)));
      ++report_.lines;
    }
    return {};
  }

  ArchiveReport& report_;
  std::map<std::pair<std::string, std::string>, std::vector<std::shared_ptr<Part>>> streams_;
  std::vector<logline::Field> fields_;
};

// Lines of one record of the journal that are in no block.
Status show_record(std::uint64_t position, const Record& record, const logline::Lines& lines,
                   const ArchivedStreams& streams, const ShowLine& show, ArchiveReport& report) {
  const std::string host(record.host);
  const std::string source(lines.source());
  std::map<Day, std::uint64_t> through;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const logline::Line line = lines[i];
    const Day day = day_of(line.time, record.received);
    auto known = through.find(day);
    if (known == through.end()) known = through.emplace(day, streams.sealed_through(host, source, day)).first;
    if (position <= known->second) continue;
    RESMON_TRY(show(host, source, line));
    ++report.lines;
    ++report.journal_lines;
  }
  return {};
}

}  // namespace

void check_archive_journal(const std::string& directory, const std::string& blocks, ArchiveReport& report,
                           journal::FileSystem& files) {
  const journal::SegmentFiles journal = journal::SegmentFiles::open(directory, files);
  const std::uint64_t committed = journal.committed(kBlocksReader);
  ArchiveReport ignored;  // check_archive says what is wrong with them
  ArchivedStreams streams(ignored);
  if (!blocks.empty()) streams.open(blocks);
  const ShowLine count = [](const std::string&, const std::string&, const logline::Line&) { return Status(); };
  logline::Lines lines;
  const Status read = journal.read([&](std::uint64_t position, std::string_view payload) -> Status {
    if (position <= committed) return {};
    const auto record = decode_record(payload);
    if (record && logline::decode(record->lines, lines))
      return show_record(position, *record, lines, streams, count, report);
    add_damage(report, 1, directory + ": record " + std::to_string(position) + " cannot be read");
    return {};
  });
  if (!read) add_damage(report, 1, directory + ": " + read.error().message);
}

Result<ArchiveReport> read_archive(const std::string& directory, const ShowLine& show) {
  ArchiveReport report;
  // Before the blocks: a line that is sealed meanwhile is in both, and found once.
  const journal::SegmentFiles journal = journal::SegmentFiles::open(directory + "/journal");
  ArchivedStreams streams(report);
  streams.open(directory);
  RESMON_TRY(streams.show(show));
  const std::uint64_t committed = journal.committed(kBlocksReader);
  logline::Lines lines;
  RESMON_TRY(journal.read([&](std::uint64_t position, std::string_view payload) -> Status {
    if (position <= committed) return {};
    const auto record = decode_record(payload);
    if (!record || !logline::decode(record->lines, lines)) {
      add_damage(report, 1, directory + "/journal: record " + std::to_string(position) + " cannot be read");
      return {};
    }
    return show_record(position, *record, lines, streams, show, report);
  }));
  return report;
}

}  // namespace resmon::logs
