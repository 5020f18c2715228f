#pragma once

// Reads files of blocks, and the journal of lines that are in no block yet, without a store: beside a running server,
// or without one.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "journal/file_system.h"
#include "logs/part.h"

namespace resmon::logs {

// A file of blocks and where it is below the store's directory: "20261129/….blocks".
struct ArchiveFile {
  std::string name;
  std::string path;
};
// All of them, by day. None where there is no such directory.
std::vector<ArchiveFile> archive_files(const std::string& directory);

struct ArchiveReport {
  std::uint64_t files = 0;
  std::uint64_t blocks = 0;
  std::uint64_t lines = 0;
  std::uint64_t journal_lines = 0;  // of `lines`: in no block yet
  std::uint64_t damaged = 0;        // blocks, records, and files that have no block that can be read
  std::vector<std::string> damage;  // the first of them
};

// Reads and checks every column of every block. `progress` may end it by returning false.
ArchiveReport check_archive(const std::string& directory,
                            const std::function<bool(std::uint64_t done, std::uint64_t all)>& progress);

// Adds the lines that the journal in `directory` has, and no block of `blocks` does; empty: blocks are not looked at.
void check_archive_journal(const std::string& directory, const std::string& blocks, ArchiveReport& report,
                           journal::FileSystem& files = journal::FileSystem::posix());

// Shows every line once: those in blocks, stream by stream and day by day, and then those that the journal has and no
// block. Damaged blocks and records are left out and counted.
Result<ArchiveReport> read_archive(
    const std::string& directory,
    const std::function<Status(const std::string& host, const std::string& source, const logline::Line& line)>& show);

}  // namespace resmon::logs
