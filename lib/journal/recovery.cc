// Opening: what is there, whatever happened to it.
//
// Files were synced before their successors were begun, so only the last can have a torn end; the others are believed
// until a reader finds otherwise. In the last file the question is which damage is a torn end, whose records nobody was
// told are durable, and which is damage in the middle, behind which acknowledged records follow. Marks answer it: each
// says up to where all was durable when it was written. A hole above every mark is the end; what follows it was never
// acknowledged and is cut off, since to keep it would leave a gap that a producer's "last sequence seen" cannot
// express. A hole below is skipped.
//
// The process never appends to a file of an earlier one: its producers start with nothing, so does their segment, and a
// file whose end had to be guessed is better left alone.

#include "journal/recovery.h"

#include <algorithm>
#include <map>
#include <random>

#include "journal/scanner.h"

namespace resmon::journal {

namespace {

constexpr std::size_t kMaxFindings = 64;
constexpr std::uint64_t kStepBytes = 64U << 10U;
constexpr std::size_t kRewriteBytes = 256U << 10U;

std::uint64_t random_id() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) ^ device();
}

// No more memory than the file needs: most journals are a client's, and small.
std::size_t buffer_for(std::uint64_t file_bytes, std::size_t most) {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(file_bytes, 4096, most));
}

}  // namespace

void Recovery::note(std::string finding) {
  if (found_.findings.size() < kMaxFindings) found_.findings.push_back(std::move(finding));
}

void Recovery::set_aside(const std::string& name, std::uint64_t bytes, const std::string& why) {
  std::string other = name + ".aside";
  for (int i = 1; found_.segments.discarded().aside().contains(other); ++i)
    other = name + "." + std::to_string(i) + ".aside";
  if (auto renamed = files_.rename(path(name), path(other)); !renamed) {
    note(name + " cannot be used (" + why + ") nor set aside: " + renamed.error().message);
    return;
  }
  found_.segments.discarded().set_aside(other, bytes);
  note(name + " was set aside as " + other + ": " + why);
}

std::vector<Recovery::Candidate> Recovery::find_segments(const std::vector<FileSystem::Entry>& entries) {
  std::vector<Candidate> found;
  for (const auto& entry : entries) {
    if (entry.name == "lock" || entry.name == "cursors") continue;
    if (entry.name.ends_with(".aside")) {
      found_.segments.discarded().set_aside(entry.name, entry.bytes);
      continue;
    }
    const auto first = parse_segment_name(entry.name);
    if (!first) {
      note(entry.name + " is not one of the journal's files and is left alone");
      continue;
    }
    Candidate& candidate = found.emplace_back();
    candidate.name = entry.name;
    candidate.first = *first;
    candidate.bytes = entry.bytes;
    read_head(candidate);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return found;
}

void Recovery::read_head(Candidate& candidate) {
  auto opened = files_.open(path(candidate.name));
  if (!opened) {
    candidate.problem = std::move(opened).error();
    return;
  }
  candidate.file = std::move(opened).value();
  char head[kSegmentHeaderBytes];
  const auto got = read_some(*candidate.file, 0, head);
  auto header = got ? decode_segment_header({head, *got}) : Result<SegmentHeader>(fail(got.error()));
  if (header)
    candidate.header = *header;
  else
    candidate.problem = std::move(header).error();
}

void Recovery::choose_id(const std::optional<CursorSlot>& slot, const std::vector<Candidate>& candidates) {
  std::map<std::uint64_t, int> votes;
  if (slot) votes[slot->journal_id] += 1;
  if (found_.tally.journal_id != 0) votes[found_.tally.journal_id] += 1;
  for (const Candidate& candidate : candidates)
    if (candidate.header) votes[candidate.header->journal_id] += 2;
  int most = 0;
  for (const auto& [id, count] : votes)
    if (count > most) {
      most = count;
      found_.journal_id = id;
    }
  if (most == 0) found_.journal_id = random_id();
  seed_ = header_seed(found_.journal_id);
  if (found_.tally.journal_id != found_.journal_id) found_.tally = {};
}

// True if the file is to be used.
bool Recovery::examine(Candidate& candidate) {
  if (candidate.file == nullptr) {
    note(candidate.name + " cannot be opened: " + candidate.problem.message);
    return false;
  }
  if (candidate.header) {
    if (candidate.header->journal_id != found_.journal_id || candidate.header->first != candidate.first ||
        candidate.first >= kHighestPosition) {
      set_aside(candidate.name, candidate.bytes, "it belongs to another journal");
      return false;
    }
    candidate.group = candidate.header->group;
    return true;
  }
  if (candidate.problem.kind == ErrorKind::kUnsupported || candidate.first >= kHighestPosition) {
    set_aside(candidate.name, candidate.bytes, candidate.problem.message);
    return false;
  }
  scan(candidate, true, kHighestPosition);
  if (candidate.last >= candidate.first) {
    note(candidate.name + ": " + candidate.problem.message + "; its records are read without it");
    return true;
  }
  if (only_zeros(candidate))
    found_.segments.discarded().doom(candidate.name, allotment(candidate.bytes));
  else
    set_aside(candidate.name, candidate.bytes, candidate.problem.message);
  return false;
}

// Begun when the machine stopped, or being removed: nothing but zeros, if anything.
bool Recovery::only_zeros(const Candidate& candidate) {
  std::vector<char> bytes(buffer_for(candidate.bytes, 64U << 10U));
  for (std::uint64_t offset = 0; offset < candidate.bytes; offset += bytes.size()) {
    const auto got = read_some(*candidate.file, offset, bytes);
    if (!got ||
        !std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*got), [](char c) { return c == 0; }))
      return false;
  }
  return true;
}

// Finds the last record, and in the journal's tail where the torn end begins.
void Recovery::scan(Candidate& candidate, bool tail, std::uint64_t through) {
  struct Hole {
    std::uint64_t before = 0;  // the last position in front of it, and where that ends
    std::uint64_t end = 0;
    std::uint64_t records = 0;
  };
  SegmentScanner scanner(buffer_for(candidate.bytes, 1U << 20U));
  scanner.start(candidate.file, seed_, candidate.first);
  std::vector<Hole> holes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;  // positions and where they begin, now and then
  std::uint64_t durable = tail ? found_.tally.durable : 0;
  std::uint64_t records = 0;
  candidate.last = candidate.first - 1;
  candidate.end = kSegmentHeaderBytes;
  SegmentScanner::Found found;
  for (std::uint64_t errors = 0; errors <= candidate.bytes / 1024 + 16;) {
    const auto outcome = scanner.next(found);
    if (!outcome) {
      ++errors;
      continue;
    }
    if (*outcome == SegmentScanner::Outcome::kEnd) break;
    if (found.position > through) break;
    if ((found.flags & kMark) != 0) {
      if (found.payload.size() == 8) {
        std::uint64_t position = 0;
        std::copy_n(found.payload.data(), 8, reinterpret_cast<char*>(&position));
        durable = std::max(durable, position);
      }
      candidate.end = found.end;
      continue;
    }
    if (steps.empty() || found.begin - steps.back().second >= kStepBytes)
      steps.emplace_back(found.position, found.begin);
    if (tail && (found.flags & kStartsSegment) != 0) found_.newest_segment_start = found.payload;
    if (records == 0) candidate.starts_group = found.position == candidate.first && (found.flags & kStartsSegment) != 0;
    if (found.position != candidate.last + 1) holes.push_back({candidate.last, candidate.end, records});
    candidate.last = found.position;
    candidate.end = found.end;
    ++records;
  }
  if (!tail) return;
  std::uint64_t torn = scanner.damaged_bytes();
  for (const Hole& hole : holes) {
    if (hole.before + 1 <= durable) continue;
    torn += candidate.end - hole.end;
    candidate.last = hole.before;
    candidate.end = hole.end;
    records = hole.records;
    break;
  }
  candidate.doubtful = kSegmentHeaderBytes;
  for (const auto& [position, offset] : steps)
    if (position <= durable + 1) candidate.doubtful = offset;
  // Acknowledged, and neither found nor followed by anything.
  if (durable > candidate.last && durable < kHighestPosition) candidate.last = durable;
  found_.recovered_records = records;
  found_.torn_bytes = torn;
}

// What a process wrote and did not live to see synced, or was told it could not be, is in the kernel's memory and
// perhaps nowhere else, even after another sync. Written once more, it is.
void Recovery::make_tail_durable(Candidate& candidate) {
  if (options_.sync == Sync::kOff) return;
  std::vector<char> bytes(buffer_for(candidate.bytes, kRewriteBytes));
  Status done;
  for (std::uint64_t offset = candidate.doubtful; done && offset < candidate.end;) {
    const auto got = read_some(*candidate.file, offset,
                               std::span(bytes).first(std::min<std::size_t>(bytes.size(), candidate.end - offset)));
    if (!got || *got == 0) break;
    done = write_all(*candidate.file, offset, {bytes.data(), *got});
    offset += *got;
  }
  // The header belongs to what nothing vouches for, too, when nothing does for any record.
  char head[kSegmentHeaderBytes];
  const auto got = read_some(*candidate.file, 0, head);
  if (done && got && *got == sizeof head) done = write_all(*candidate.file, 0, {head, sizeof head});
  if (done) done = candidate.file->sync();
  if (done) done = files_.sync_directory(options_.directory);
  if (!done) note(candidate.name + " cannot be synced: " + done.error().message);
}

// The newest file ends where its records do; `before`: the file in front of it, or null.
void Recovery::cut_tail(Candidate& candidate, Candidate* before) {
  scan(candidate, true, kHighestPosition);
  if (candidate.end < candidate.bytes && candidate.file->truncate(candidate.end)) candidate.bytes = candidate.end;
  make_tail_durable(candidate);
  // An empty last file is about to go; what a failed sync left behind the end of the one before must not come back to
  // life.
  if (before != nullptr && candidate.last < candidate.first) {
    const std::uint64_t last = before->last;
    scan(*before, false, last);
    // Even if it is cut already: that may not have reached the device.
    if (before->last == last && before->file->truncate(before->end) && before->file->sync())
      found_.segments.set_allotted(before->first, allotment(before->end));
    before->last = last;
  }
  if (candidate.last >= candidate.first)
    found_.existing_position = candidate.last;
  else
    found_.existing_position = candidate.header ? candidate.header->previous : 0;
}

// Makes segments and groups of what examine() kept.
void Recovery::adopt(std::vector<Candidate>& candidates) {
  std::optional<std::uint64_t> newest_group;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Candidate& candidate = candidates[i];
    const Candidate* const next = i + 1 < candidates.size() ? &candidates[i + 1] : nullptr;
    if (next == nullptr) {
      cut_tail(candidate, i > 0 ? &candidates[i - 1] : nullptr);
    } else if (next->header) {
      candidate.last = std::max(next->header->previous, candidate.first - 1);
    } else {
      scan(candidate, false, kHighestPosition);
      candidate.last = std::min(candidate.last, next->first - 1);
    }
    const bool continues = candidate.header ? candidate.group != candidate.first : !candidate.starts_group;
    if (continues && newest_group && (!candidate.header || *newest_group >= candidate.group))
      candidate.group = *newest_group;
    else
      candidate.group = candidate.first;
    if (candidate.last < candidate.first && next != nullptr) {
      found_.segments.discarded().doom(candidate.name, allotment(candidate.bytes));
      continue;
    }
    found_.segments.adopt(candidate.first, candidate.last, candidate.group, allotment(candidate.bytes));
    newest_group = candidate.group;
  }
}

void Recovery::judge_cursors(CursorFile::Found read, CursorFile& cursor_file, bool any_segments) {
  const bool missing = !read.slot && any_segments;
  const bool strange = read.slot && read.slot->journal_id != found_.journal_id;
  found_.used_before = read.slot.has_value() || any_segments;
  found_.cursors_lost = read.damaged || missing || strange;
  if (read.damaged || missing) note("the cursors were lost: readers begin at the oldest record kept");
  if (strange) {
    note("the cursors belong to another journal: readers begin at the oldest record kept");
    cursor_file.forget_generation();
    return;
  }
  found_.cursors = std::move(read.slot);
}

Result<Recovery::Found> Recovery::run(CursorFile& cursor_file) {
  RESMON_ASSIGN(const auto entries, files_.list(options_.directory));
  CursorFile::Found cursors = cursor_file.read();
  found_.tally = cursors.tally;
  std::vector<Candidate> candidates = find_segments(entries);
  choose_id(cursors.slot, candidates);
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    if (!examine(candidate)) continue;
    found_.highest_name = std::max(found_.highest_name, candidate.first);
    kept.push_back(std::move(candidate));
  }
  found_.recovered_records = 0;
  found_.torn_bytes = 0;
  adopt(kept);
  if (!kept.empty() && kept.front().header && kept.front().header->previous < kHighestPosition)
    found_.oldest_previous = kept.front().header->previous;
  judge_cursors(std::move(cursors), cursor_file, !kept.empty());
  if (found_.torn_bytes > 0)
    note("the end was torn: " + std::to_string(found_.torn_bytes) + " bytes that were never acknowledged are gone");
  return std::move(found_);
}

// No position is given out twice: not one that a cursor has passed, nor one that a file was begun for, nor one that the
// tally or a promise in the cursors' file has.
std::uint64_t next_position(const Recovery::Found& found, const Options& options) {
  std::uint64_t next = std::max({found.existing_position + 1, found.highest_name, found.tally.position + 1});
  if (!found.cursors) {
    // Without the cursors nobody knows how far it went; a guess on the safe side.
    if (options.never_reuse_positions && found.used_before)
      next += options.reserve_positions + options.buffer_bytes / kRecordHeaderBytes + 1;
    return next;
  }
  for (const CursorEntry& entry : found.cursors->cursors)
    if (entry.committed < kHighestPosition) next = std::max(next, entry.committed + 1);
  if (options.never_reuse_positions && found.cursors->next_position < kHighestPosition)
    next = std::max(next, found.cursors->next_position);
  return next;
}

}  // namespace resmon::journal
