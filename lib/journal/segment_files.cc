#include "journal/segment_files.h"

#include <algorithm>
#include <array>
#include <string>

#include "journal/scanner.h"

namespace resmon::journal {

namespace {
constexpr std::size_t kSegmentReadBytes = 256U << 10U;
}  // namespace

SegmentFiles SegmentFiles::open(const std::string& directory, FileSystem& files) {
  SegmentFiles out;
  const auto entries = files.list(directory);
  if (!entries) return out;
  for (const FileSystem::Entry& entry : *entries) {
    if (!parse_segment_name(entry.name)) continue;
    auto file = files.open(directory + "/" + entry.name);
    if (!file) continue;  // removed meanwhile
    std::array<char, kSegmentHeaderBytes> bytes;
    const auto got = (*file)->read_at(0, bytes);
    if (!got || *got < bytes.size()) continue;
    const auto header = decode_segment_header(std::string_view(bytes.data(), bytes.size()));
    if (header) out.files_.emplace_back(*header, *std::move(file));
  }
  std::sort(out.files_.begin(), out.files_.end(),
            [](const auto& a, const auto& b) { return a.first.first < b.first.first; });
  if (const auto cursors = files.open(directory + "/cursors")) out.read_cursors(**cursors);
  return out;
}

// The newer of both slots that can be read.
void SegmentFiles::read_cursors(File& file) {
  for (const std::uint64_t offset : {std::size_t{0}, kCursorSlotBytes}) {
    std::string bytes(kCursorSlotBytes, '\0');
    const auto got = file.read_at(offset, bytes);
    if (!got) continue;
    auto slot = decode_cursor_slot(std::string_view(bytes).substr(0, *got));
    if (slot && slot->generation > cursors_.generation) cursors_ = *std::move(slot);
  }
}

std::uint64_t SegmentFiles::committed(std::string_view reader) const {
  // The cursors of another journal say nothing.
  if (files_.empty() || files_.back().first.journal_id != cursors_.journal_id) return 0;
  const auto at = std::find_if(cursors_.cursors.begin(), cursors_.cursors.end(),
                               [&](const CursorEntry& one) { return one.name == reader; });
  return at == cursors_.cursors.end() ? 0 : at->committed;
}

Status SegmentFiles::read(const std::function<Status(std::uint64_t position, std::string_view payload)>& visit) const {
  for (const auto& [header, file] : files_) {
    SegmentScanner scanner(kSegmentReadBytes);
    scanner.start(file, header_seed(header.journal_id), header.first);
    for (SegmentScanner::Found found;;) {
      RESMON_ASSIGN(const SegmentScanner::Outcome outcome, scanner.next(found));
      if (outcome != SegmentScanner::Outcome::kFound) break;
      if ((found.flags & kMark) == 0) RESMON_TRY(visit(found.position, found.payload));
    }
  }
  return {};
}

}  // namespace resmon::journal
