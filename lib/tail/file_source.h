#pragma once

// Follows the files that match shell patterns, whatever happens to them: renamed, deleted, truncated, copied and
// truncated, replaced, an inode used again. Each file's mark goes to the taker with the events that moved it, so after
// a kill -9 reading begins where the last durable events ended.
//
// Polled; no thread. All files stay open, since an open file keeps its inode, and with it its identity. Not
// thread-safe.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tail/event_taker.h"
#include "tail/file_mark.h"
#include "tail/splitter.h"

namespace resmon::tail {

struct FileOptions {
  std::vector<std::string> globs;
  bool from_end = false;  // files that are there at the very first look are read from their end
  std::size_t max_files = 10'000;
  SplitOptions split;
  std::chrono::nanoseconds flush_after{std::chrono::seconds(5)};    // for an unfinished line that does not grow
  std::chrono::nanoseconds look_interval{std::chrono::seconds(1)};  // between two evaluations of the patterns
  // A file that is deleted, or no longer matches, is let go of when nothing was written to it for so long.
  std::chrono::nanoseconds deleted_patience{std::chrono::seconds(60)};
  std::chrono::nanoseconds renamed_patience{std::chrono::minutes(10)};
};

struct FileStats {
  std::uint64_t files = 0;       // open now
  std::uint64_t unreadable = 0;  // matching now, and cannot be opened
  std::uint64_t over_limit = 0;  // matching now, and beyond max_files
  std::uint64_t compressed = 0;  // matching now, and left out
  std::uint64_t truncations = 0;
  std::uint64_t unproven = 0;  // truncated or gone files of which what was not read, if there was any, was not found
  std::uint64_t skipped_bytes = 0;  // of long lines
  std::uint64_t read_bytes = 0;
  std::uint64_t looks = 0;  // how often the patterns were evaluated
};

class FileSource {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit FileSource(FileOptions options);
  ~FileSource();

  // The marks that mark() received in earlier runs, by key. Call before the first poll.
  void restore(const std::map<std::string, std::string>& marks);
  // Reads what has come, about 1 MiB at most, and looks for files when that is due. True: there is more to read at
  // once. `only_deleted`: files that keep their text are left alone, because there is no room for it now.
  bool poll(TimePoint now, bool only_deleted, EventTaker& taker);

  const FileStats& stats() const { return stats_; }
  // Messages for the log, once each: files that cannot be read, ends that may be lost. Cleared by the call.
  std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

 private:
  struct File;
  using Id = std::pair<std::uint64_t, std::uint64_t>;  // device and inode

  // Finding files: file_look.cc.
  void look(TimePoint now, EventTaker& taker);
  std::optional<std::int64_t> see(const std::string& path);
  void discover(const std::string& path, TimePoint now, EventTaker& taker);
  File* open(const std::string& path, TimePoint now);
  void adopt(File& file, std::uint32_t number, FileMark mark);
  bool claim(File& file, EventTaker& taker);
  void locate_unclaimed(TimePoint now, EventTaker& taker);
  bool locate(std::uint32_t number, const FileMark& mark, TimePoint now, EventTaker& taker);
  void start_fresh(File& file, EventTaker& taker);
  void name(File& file, const std::string& path);
  void unname(const File& file, const std::string& path);
  File* holder_of(const std::string& path);
  void settle(File& file, std::uint64_t log, std::uint32_t order);
  void unsettle(const File& file);
  void put_before(File& file, File& other, EventTaker& taker);
  void leave_name(File& file, const std::string& path);
  void note(const std::string& path, const std::string& text);

  // Reading one: file_source.cc.
  bool read(File& file, TimePoint now, std::string& buffer, EventTaker& taker);
  bool read_chunk(File& file, std::uint64_t size, TimePoint now, std::string& buffer, EventTaker& taker);
  bool must_wait(File& file, TimePoint now);
  void drop(std::uint32_t number, EventTaker& taker);

  // Rotation of files: file_rotation.cc.
  void truncated(File& file, EventTaker& taker);
  void truncated_unbegun(File& file, EventTaker& taker);
  File* find_copy(const File& of, const FileMark& mark);
  bool is_copy_of(const File& file, std::uint64_t size, const File& of) const;
  void decide_shadow(File& file, std::uint64_t size);
  bool still_shadow(File& file, std::uint64_t size);
  void free_shadows(const File& of);
  void free_shadows_of_unbegun(File& of, EventTaker& taker);
  static void pass_over(File& file);
  static void remember_unbegun(File& file);
  bool finish_if_done(File& file, TimePoint now, EventTaker& taker);

  const FileOptions options_;
  FileStats stats_;
  std::vector<std::string> findings_;
  std::set<std::string> noted_;  // paths that findings were about
  std::map<std::uint32_t, std::unique_ptr<File>> files_;
  std::map<Id, std::uint32_t> by_id_;
  std::map<std::string, std::uint32_t> by_path_;  // who has the name, or had it last
  std::map<std::uint32_t, FileMark> unclaimed_;   // of earlier lives, until the first look is through
  std::multimap<std::uint64_t, std::uint32_t> unclaimed_inodes_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> order_;  // by log and order
  std::uint32_t next_number_ = 1;
  std::uint32_t next_order_ = 1;
  std::uint32_t turn_ = 0;              // the file that was read last
  std::vector<std::uint32_t> waiting_;  // in this poll, for another to be read to its end
  TimePoint next_look_{};
  std::uint64_t looks_ = 0;
  bool had_marks_ = false;
};

}  // namespace resmon::tail
