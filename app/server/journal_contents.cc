#include "journal_contents.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "ingest/record.h"
#include "journal/segment_files.h"
#include "pipeline.h"
#include "store/backup.h"

namespace resmon::server {

namespace {

Unexpected<Error> read_only() {
  return fail(ErrorKind::kUnsupported, "a backup can only be read");
}

// The file of a backup that was read last: all of them together may be more than there is memory.
class LastFile {
 public:
  explicit LastFile(std::string backup) : backup_(std::move(backup)) {}
  Result<const std::string*> read(const std::string& name) {
    if (name != name_) {
      name_.clear();
      RESMON_ASSIGN(content_, store::backup_file(backup_, name));
      name_ = name;
    }
    return &content_;
  }

 private:
  const std::string backup_;
  std::string name_;
  std::string content_;
};

class FileOfBackup final : public journal::File {
 public:
  FileOfBackup(std::shared_ptr<LastFile> last, std::string name) : last_(std::move(last)), name_(std::move(name)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) override {
    RESMON_ASSIGN(const std::string* const content, last_->read(name_));
    if (offset >= content->size()) return std::size_t{0};
    const std::size_t bytes = std::min<std::size_t>(out.size(), content->size() - offset);
    std::memcpy(out.data(), content->data() + offset, bytes);
    return bytes;
  }
  Result<std::uint64_t> size() override {
    RESMON_ASSIGN(const std::string* const content, last_->read(name_));
    return std::uint64_t{content->size()};
  }
  Result<std::size_t> write_at(std::uint64_t, std::string_view) override { return read_only(); }
  Status sync() override { return read_only(); }
  Status allocate(std::uint64_t) override { return read_only(); }
  Status truncate(std::uint64_t) override { return read_only(); }

 private:
  const std::shared_ptr<LastFile> last_;
  const std::string name_;
};

class FilesOfBackup final : public journal::FileSystem {
 public:
  FilesOfBackup(const std::string& backup, std::vector<std::string> names)
      : last_(std::make_shared<LastFile>(backup)), names_(std::move(names)) {}

  Result<std::unique_ptr<journal::File>> open(const std::string& path) override {
    if (std::find(names_.begin(), names_.end(), path) == names_.end())
      return fail(ErrorKind::kNotFound, path + ": not in the backup");
    return std::unique_ptr<journal::File>(std::make_unique<FileOfBackup>(last_, path));
  }
  Result<std::vector<Entry>> list(const std::string& directory) override {
    std::vector<Entry> out;
    for (const std::string& name : names_)
      if (name.starts_with(directory + "/")) out.push_back({name.substr(directory.size() + 1), 0});
    return out;
  }
  Result<std::unique_ptr<journal::File>> create(const std::string& /*path*/) override { return read_only(); }
  Status remove(const std::string& /*path*/) override { return read_only(); }
  Status rename(const std::string& /*from*/, const std::string& /*to*/) override { return read_only(); }
  Status make_directory(const std::string& /*path*/) override { return read_only(); }
  Status sync_directory(const std::string& /*path*/) override { return read_only(); }
  Result<std::unique_ptr<Lock>> lock(const std::string& /*path*/) override { return read_only(); }

 private:
  const std::shared_ptr<LastFile> last_;
  const std::vector<std::string> names_;
};

}  // namespace

Result<std::unique_ptr<journal::FileSystem>> files_of_backup(const std::string& backup) {
  RESMON_ASSIGN(std::vector<std::string> names, store::backup_files(backup));
  return std::unique_ptr<journal::FileSystem>(std::make_unique<FilesOfBackup>(backup, std::move(names)));
}

Result<JournalContents> journal_contents(const std::string& directory, journal::FileSystem& files,
                                         const std::string& mark) {
  const journal::SegmentFiles journal = journal::SegmentFiles::open(directory, files);
  const std::uint64_t marked = progress_of(mark, journal.journal_id()).value_or(ingest::Progress()).position;
  JournalContents out;
  RESMON_TRY(journal.read([&](std::uint64_t position, std::string_view payload) -> Status {
    if (position <= marked) return {};
    const auto record = ingest::read_record(payload);
    if (!record) return {};  // the start counts what it cannot read
    ++out.entries;
    out.samples += record->head.samples;
    return {};
  }));
  return out;
}

}  // namespace resmon::server
