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

#include <algorithm>
#include <map>
#include <random>

#include "journal/state.h"

namespace resmon::journal {

namespace {

constexpr std::uint64_t kHighestPosition = std::uint64_t{1} << 62U;
constexpr std::size_t kMaxFindings = 64;
constexpr std::uint64_t kStepBytes = 64U << 10U;
constexpr std::size_t kRewriteBytes = 256U << 10U;
constexpr std::uint64_t kMinimumLimit = 128U << 10U;

std::uint64_t random_id() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) ^ device();
}

// A read is tried again: what fails once in open() would cost a whole file.
Result<std::size_t> read_some(File& file, std::uint64_t offset, std::span<char> out) {
  auto got = file.read_at(offset, out);
  for (int attempt = 1; !got && attempt < 3; ++attempt) got = file.read_at(offset, out);
  return got;
}

// No more memory than the file needs: most journals are a client's, and small.
std::size_t buffer_for(std::uint64_t file_bytes, std::size_t most) {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(file_bytes, 4096, most));
}

}  // namespace

struct State::Candidate {
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t bytes = 0;
  std::shared_ptr<File> file;
  std::optional<SegmentHeader> header;
  Error problem;  // why there is no header
  std::uint64_t group = 0;
  std::uint64_t last = 0;      // of the valid records
  std::uint64_t end = 0;       // in the file
  std::uint64_t doubtful = 0;  // in the file: from here on nothing says that it was synced
  bool starts_group = false;
};

void State::note(std::string finding) {
  if (findings.size() < kMaxFindings) findings.push_back(std::move(finding));
}

void State::set_aside(const std::string& name, std::uint64_t bytes, const std::string& why) {
  std::string other = name + ".aside";
  for (int i = 1; aside.contains(other); ++i) other = name + "." + std::to_string(i) + ".aside";
  if (auto renamed = files.rename(path(name), path(other)); !renamed) {
    note(name + " cannot be used (" + why + ") nor set aside: " + renamed.error().message);
    return;
  }
  aside[other] = bytes;
  note(name + " was set aside as " + other + ": " + why);
}

std::optional<CursorSlot> State::read_cursors(bool& damaged) {
  std::optional<CursorSlot> best;
  auto file = files.open(path("cursors"));
  if (!file) {
    damaged = file.error().kind != ErrorKind::kNotFound;
    return best;
  }
  int readable = 0;
  for (const std::uint64_t offset : {std::size_t{0}, kCursorSlotBytes}) {
    std::string bytes(kCursorSlotBytes, '\0');
    const auto got = read_some(**file, offset, bytes);
    if (!got) continue;
    auto slot = decode_cursor_slot(std::string_view(bytes).substr(0, *got));
    if (!slot) continue;
    ++readable;
    if (best && slot->generation <= best->generation) continue;
    cursor_bytes = bytes.substr(0, *got);
    best = std::move(slot).value();
  }
  damaged = readable == 0;
  std::string bytes(kTallyBytes, '\0');
  if (const auto got = read_some(**file, kTallyOffset, bytes))
    if (const auto tally = decode_tally(std::string_view(bytes).substr(0, *got));
        tally && tally->position < kHighestPosition)
      found_tally = *tally;
  return best;
}

std::vector<State::Candidate> State::find_segments(const std::vector<FileSystem::Entry>& entries) {
  std::vector<Candidate> found;
  for (const auto& entry : entries) {
    if (entry.name == "lock" || entry.name == "cursors") continue;
    if (entry.name.ends_with(".aside")) {
      aside[entry.name] = entry.bytes;
      continue;
    }
    const auto first = parse_segment_name(entry.name);
    if (!first) {
      note(entry.name + " is not one of the journal's files and is left alone");
      continue;
    }
    Candidate candidate;
    candidate.name = entry.name;
    candidate.first = *first;
    candidate.bytes = entry.bytes;
    auto opened = files.open(path(entry.name));
    if (!opened) {
      candidate.problem = std::move(opened).error();
    } else {
      candidate.file = std::move(opened).value();
      char head[kSegmentHeaderBytes];
      const auto got = read_some(*candidate.file, 0, head);
      auto header = got ? decode_segment_header({head, *got}) : Result<SegmentHeader>(fail(got.error()));
      if (header)
        candidate.header = *header;
      else
        candidate.problem = std::move(header).error();
    }
    found.push_back(std::move(candidate));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return found;
}

void State::choose_id(const std::optional<CursorSlot>& slot, const std::vector<Candidate>& candidates) {
  std::map<std::uint64_t, int> votes;
  if (slot) votes[slot->journal_id] += 1;
  if (found_tally.journal_id != 0) votes[found_tally.journal_id] += 1;
  for (const Candidate& candidate : candidates)
    if (candidate.header) votes[candidate.header->journal_id] += 2;
  int most = 0;
  for (const auto& [id, count] : votes)
    if (count > most) {
      most = count;
      journal_id = id;
    }
  if (most == 0) journal_id = random_id();
  seed = header_seed(journal_id);
  if (found_tally.journal_id != journal_id) found_tally = {};
  written_weight = existing_weight = total_weight = found_tally.weight;
}

// True if the file is to be used.
bool State::examine(Candidate& candidate) {
  if (candidate.file == nullptr) {
    note(candidate.name + " cannot be opened: " + candidate.problem.message);
    return false;
  }
  if (candidate.header) {
    if (candidate.header->journal_id != journal_id || candidate.header->first != candidate.first ||
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
  // Begun when the machine stopped, or being removed: nothing but zeros, if anything.
  bool empty = true;
  std::vector<char> bytes(buffer_for(candidate.bytes, 64U << 10U));
  for (std::uint64_t offset = 0; empty && offset < candidate.bytes; offset += bytes.size()) {
    const auto got = read_some(*candidate.file, offset, bytes);
    empty = got && std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*got),
                               [](char c) { return c == 0; });
  }
  if (empty)
    doomed.push_back({path(candidate.name), allotment(candidate.bytes), 0});
  else
    set_aside(candidate.name, candidate.bytes, candidate.problem.message);
  return false;
}

// Finds the last record, and in the journal's tail where the torn end begins.
void State::scan(Candidate& candidate, bool tail, std::uint64_t through) {
  struct Hole {
    std::uint64_t before = 0;  // the last position in front of it, and where that ends
    std::uint64_t end = 0;
    std::uint64_t records = 0;
  };
  SegmentScanner scanner(buffer_for(candidate.bytes, 1U << 20U));
  scanner.start(candidate.file, seed, candidate.first);
  std::vector<Hole> holes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;  // positions and where they begin, now and then
  std::uint64_t durable = tail ? found_tally.durable : 0;
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
    if (tail && (found.flags & kStartsSegment) != 0) newest_segment_start = found.payload;
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
  counters.recovered_records = records;
  counters.torn_bytes = torn;
}

// What a process wrote and did not live to see synced, or was told it could not be, is in the kernel's memory and
// perhaps nowhere else, even after another sync. Written once more, it is.
void State::make_tail_durable(Candidate& candidate) {
  if (options.sync == Sync::kOff) return;
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
  if (done) done = files.sync_directory(options.directory);
  if (!done) note(candidate.name + " cannot be synced: " + done.error().message);
}

// Makes segments and groups of what examine() kept.
void State::adopt(std::vector<Candidate>& candidates) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Candidate& candidate = candidates[i];
    const Candidate* const next = i + 1 < candidates.size() ? &candidates[i + 1] : nullptr;
    if (next == nullptr) {
      scan(candidate, true, kHighestPosition);
      if (candidate.end < candidate.bytes && candidate.file->truncate(candidate.end)) candidate.bytes = candidate.end;
      make_tail_durable(candidate);
      // An empty last file is about to go; what a failed sync left behind the end of the one before must not come back
      // to life.
      if (i > 0 && candidate.last < candidate.first) {
        Candidate& before = candidates[i - 1];
        const std::uint64_t last = before.last;
        scan(before, false, last);
        // Even if it is cut already: that may not have reached the device.
        if (before.last == last && before.file->truncate(before.end) && before.file->sync()) {
          if (const auto at = segments.find(before.first); at != segments.end())
            at->second.allotted = allotment(before.end);
        }
        before.last = last;
      }
      existing_position = candidate.last >= candidate.first ? candidate.last
                          : candidate.header                ? candidate.header->previous
                                                            : 0;
    } else if (next->header) {
      candidate.last = std::max(next->header->previous, candidate.first - 1);
    } else {
      scan(candidate, false, kHighestPosition);
      candidate.last = std::min(candidate.last, next->first - 1);
    }
    const bool continues = candidate.header ? candidate.group != candidate.first : !candidate.starts_group;
    if (continues && !segments.empty() && (!candidate.header || segments.rbegin()->second.group >= candidate.group))
      candidate.group = segments.rbegin()->second.group;
    else
      candidate.group = candidate.first;
    if (candidate.last < candidate.first && next != nullptr) {
      doomed.push_back({path(candidate.name), allotment(candidate.bytes), 0});
      continue;
    }
    segments[candidate.first] = {candidate.first, candidate.last, candidate.group, allotment(candidate.bytes), 0};
    if (candidate.last < candidate.first) continue;
    if (!groups.empty() && groups.back().first == candidate.group)
      groups.back().last = candidate.last;
    else
      groups.push_back({candidate.group, candidate.last, 0, 0});
  }
}

// The first position that no cursor, and no promise in their file, has passed.
std::uint64_t State::restore_cursors(CursorSlot& slot, const std::vector<Candidate>& kept) {
  std::uint64_t next = 0;
  cursor_generation = slot.generation;
  for (CursorEntry& entry : slot.cursors) {
    if (entry.committed < kHighestPosition) next = std::max(next, entry.committed + 1);
    Cursor cursor;
    cursor.entry = std::move(entry);
    // Files that went missing, as far as the oldest that is left tells.
    if (!kept.empty() && kept.front().header && kept.front().header->previous > cursor.entry.committed &&
        kept.front().header->previous < kHighestPosition) {
      cursor.entry.damaged += kept.front().header->previous - cursor.entry.committed;
      // Once: the cursor goes behind the hole, also that of a reader that is away, and is made durable by
      // begin_session.
      cursor.entry.committed = kept.front().header->previous;
    }
    cursors.emplace(cursor.entry.name, std::move(cursor));
  }
  if (options.never_reuse_positions && slot.next_position < kHighestPosition) next = std::max(next, slot.next_position);
  return next;
}

// `next`: the first position that this process gives out.
void State::begin_session(std::uint64_t next) {
  session_first = next;
  last_position = next - 1;
  durable_position.store(last_position);
  last_marked = last_position;
  written_position = existing_position;
  if (const auto same = segments.find(next); same != segments.end()) {
    doomed.push_back({path(segment_name(next)), same->second.allotted, 0});
    segments.erase(same);
  }
  cursors_dirty = true;
  cursors_dirty_since = std::chrono::steady_clock::now();
  first_waiting = cursors_dirty_since;
  (void)make_room(0);
  // Now, while there is room for the file; and positions to be skipped next time must be on disk before one is given
  // out.
  const std::lock_guard io_lock(io);
  if (auto written = write_cursors(); !written) note("the cursors cannot be written: " + written.error().message);
  // A file without records must not come back with some that were never acknowledged, once others have their
  // positions.
  if (doomed.empty()) return;
  remove_doomed();
  if (options.sync != Sync::kOff) (void)files.sync_directory(options.directory);
}

Status State::open() {
  if (options.limit_bytes < kMinimumLimit)
    return fail(ErrorKind::kInvalid, "a journal needs at least " + std::to_string(kMinimumLimit) + " bytes");
  RESMON_TRY(files.make_directory(options.directory));
  RESMON_ASSIGN(directory_lock, files.lock(path("lock")));
  RESMON_ASSIGN(const auto entries, files.list(options.directory));

  bool cursors_damaged = false;
  auto slot = read_cursors(cursors_damaged);
  std::vector<Candidate> candidates = find_segments(entries);
  choose_id(slot, candidates);
  std::uint64_t highest_name = 0;
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    if (!examine(candidate)) continue;
    highest_name = std::max(highest_name, candidate.first);
    kept.push_back(std::move(candidate));
  }
  counters.recovered_records = 0;
  counters.torn_bytes = 0;
  adopt(kept);

  const bool used_before = slot.has_value() || !kept.empty();
  cursors_lost = cursors_damaged || (!slot && !kept.empty()) || (slot && slot->journal_id != journal_id);
  if (cursors_damaged || (!slot && !kept.empty()))
    note("the cursors were lost: readers begin at the oldest record kept");
  if (slot && slot->journal_id != journal_id) {
    note("the cursors belong to another journal: readers begin at the oldest record kept");
    slot.reset();
  }
  if (counters.torn_bytes > 0)
    note("the end was torn: " + std::to_string(counters.torn_bytes) + " bytes that were never acknowledged are gone");

  // No position is given out twice: not one that a cursor has passed, nor one that a file was begun for, nor one that
  // the tally has.
  std::uint64_t next = std::max({existing_position + 1, highest_name, found_tally.position + 1});
  if (slot) next = std::max(next, restore_cursors(*slot, kept));
  // Without the cursors nobody knows how far it went; a guess on the safe side.
  if (options.never_reuse_positions && used_before && !slot)
    next += options.reserve_positions + options.buffer_bytes / kRecordHeaderBytes + 1;
  begin_session(next);
  if (options.own_thread) thread = std::thread([this] { run(); });
  return {};
}

}  // namespace resmon::journal
