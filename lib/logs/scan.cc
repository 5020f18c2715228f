#include "logs/scan.h"

#include <algorithm>

#include "base/log.h"
#include "logs/line_filter.h"

namespace resmon::logs {

namespace {

constexpr auto kCatchUp = std::chrono::milliseconds(500);

bool wanted(const std::vector<std::string>& patterns, const std::string& exact, const std::string& name) {
  if (!exact.empty()) return name == exact;
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(),
                                         [&](const auto& pattern) { return matches_name(pattern, name); });
}

}  // namespace

Scan::Scan(Store& store, const Query& query, const Scope& scope, const Bounds& bounds)
    : store_(store), query_(query), bounds_(bounds), start_(scope.start), end_(scope.end) {
  store.catch_up(std::min(bounds.until, std::chrono::steady_clock::now() + kCatchUp));
  const UnixNanos now = Clock::system().wall();
  if (query.last()) start_ = std::max(start_, now - query.last()->count());
  snapshot_ = store.snapshot();
  const auto add = [&](Candidate candidate) {
    const UnixNanos from = std::max(start_, candidate.oldest_shown);
    if (candidate.last_time < from || candidate.first_time >= end_) return;
    candidate.match = candidate.block != nullptr ? query.matches(*candidate.block, nullptr)
                                                 : query.matches(*candidate.host, *candidate.source);
    if (candidate.match == Match::kNone) return;
    candidates_.push_back(candidate);
  };
  std::uint64_t order = 0;
  const Part* before = nullptr;
  bool take = false;
  UnixNanos shown = 0;
  for (const auto& [day, part] : snapshot_.parts) {
    if (before == nullptr || before->host() != part->host() || before->source() != part->source()) {
      take = wanted(scope.hosts, scope.exact_host, part->host()) &&
             wanted(scope.sources, scope.exact_source, part->source()) &&
             query.matches(part->host(), part->source()) != Match::kNone;
      shown = store.oldest_shown(part->source(), now);
    }
    before = part.get();
    if (!take) continue;
    for (const BlockInfo& block : part->blocks())
      add({&part->host(), &part->source(), block.first_time, block.last_time, shown, day, order++, part.get(), &block,
           nullptr, Match::kSome});
  }
  for (const HeadView& head : snapshot_.heads) {
    if (!wanted(scope.hosts, scope.exact_host, head.host) || !wanted(scope.sources, scope.exact_source, head.source))
      continue;
    add({&head.host, &head.source, head.first_time, head.last_time, store.oldest_shown(head.source, now), head.day,
         order++, nullptr, nullptr, &head, Match::kSome});
  }
  effort.blocks = candidates_.size();
}

std::vector<Candidate>& Scan::candidates(Direction direction) {
  std::sort(candidates_.begin(), candidates_.end(), [&](const Candidate& a, const Candidate& b) {
    return direction == Direction::kNewestFirst ? a.last_time > b.last_time : a.first_time < b.first_time;
  });
  return candidates_;
}

bool Scan::may_match(Candidate& candidate) {
  if (candidate.block == nullptr || candidate.match == Match::kAll || !query_.has_words()) return true;
  const auto bytes = candidate.part->read(*candidate.block, kFilter);
  BlockLines check;
  // A filter that is damaged says nothing.
  if (!bytes || !check.add(*candidate.block, kFilter, *bytes)) return true;
  effort.bytes_read += bytes->size();
  const WordFilter filter(*bytes);
  candidate.match = query_.matches(*candidate.block, &filter);
  return candidate.match != Match::kNone;
}

bool Scan::over(std::size_t memory_bytes) {
  if (!effort.partial.empty()) return true;
  if (bounds_.cancelled && bounds_.cancelled())
    effort.partial = "nobody waits for the answer";
  else if (std::chrono::steady_clock::now() >= bounds_.until)
    effort.partial = "the time for a query is over";
  else if (effort.bytes_read >= bounds_.read_bytes)
    effort.partial = "the bytes that a query may read are read";
  else if (memory_bytes >= bounds_.memory_bytes)
    effort.partial = "the memory of a query is used";
  return !effort.partial.empty();
}

Result<CandidateLines> CandidateLines::open(const Candidate& candidate, ColumnSet columns, Effort& effort,
                                            const Query* query) {
  CandidateLines out;
  out.candidate_ = &candidate;
  if (candidate.head != nullptr) {
    for (const HeadPiece& piece : candidate.head->pieces) {
      out.size_ += piece.size();
      out.piece_ends_.push_back(out.size_);
    }
    effort.lines_read += out.size_;
    return out;
  }
  out.size_ = static_cast<std::size_t>(candidate.block->lines);
  RESMON_TRY(out.add(static_cast<ColumnSet>(columns | column_bit(kTimes)), effort, query));
  effort.lines_read += out.size_;
  ++effort.blocks_read;
  return out;
}

Status CandidateLines::add(ColumnSet columns, Effort& effort, const Query* query) {
  if (candidate_->head != nullptr) return {};
  if ((columns & column_bit(kPids)) != 0) columns = static_cast<ColumnSet>(columns | column_bit(kUnits));
  for (const Column column : {kTimes, kLevelsAndCuts, kUnits, kPids, kFields, kMessages}) {
    if ((columns & column_bit(column)) == 0 || (block_.has() & column_bit(column)) != 0) continue;
    const std::size_t before = block_.bytes();
    RESMON_ASSIGN(const std::string bytes, candidate_->part->read(*candidate_->block, column));
    const LineFilter* filter = nullptr;
    std::vector<bool> keep;
    const auto known = [&](Column one) { return (block_.has() & column_bit(one)) != 0; };
    if (query != nullptr && column == kMessages && known(kUnits)) {
      filter = query->message_filter(*candidate_->block, block_.units());
      // Where a unit or a field may have it, too, lines with such a one stay.
      if (filter == nullptr && known(kFields) && (filter = query->regex_filter()) != nullptr)
        keep = block_.accepted_elsewhere(*filter->automaton());
    }
    RESMON_TRY(block_.add(*candidate_->block, column, bytes, filter, keep));
    effort.bytes_read += block_.bytes() - before;
  }
  return {};
}

namespace {
std::pair<std::size_t, std::size_t> piece_of(const std::vector<std::size_t>& ends, std::size_t i) {
  const auto at = std::upper_bound(ends.begin(), ends.end(), i);
  return {static_cast<std::size_t>(at - ends.begin()), i - (at == ends.begin() ? 0 : *(at - 1))};
}
}  // namespace

UnixNanos CandidateLines::time_in_head(std::size_t i) const {
  const auto [piece, row] = piece_of(piece_ends_, i);
  return candidate_->head->pieces[piece].line(row).time;
}

logline::Level CandidateLines::level_in_head(std::size_t i) const {
  const auto [piece, row] = piece_of(piece_ends_, i);
  return candidate_->head->pieces[piece].line(row).level;
}

logline::Line CandidateLines::line(std::size_t i) {
  if (candidate_->head == nullptr) return block_.line(i, fields_);
  const auto [piece, row] = piece_of(piece_ends_, i);
  return candidate_->head->pieces[piece].line(row);
}

UnixNanos Scan::visit(ColumnSet columns,
                      const std::function<void(const Candidate&, CandidateLines&, std::size_t)>& take,
                      const std::function<bool(const Candidate&)>& take_whole, const std::function<bool()>& enough) {
  for (Candidate& candidate : candidates(Direction::kNewestFirst)) {
    if (over() || (enough && enough())) return candidate.last_time;
    if (!may_match(candidate)) continue;
    const UnixNanos from = std::max(start_, candidate.oldest_shown);
    const bool whole = candidate.match == Match::kAll && candidate.first_time >= from && candidate.last_time < end_;
    if (whole && take_whole && take_whole(candidate)) continue;
    const ColumnSet needed =
        candidate.match == Match::kAll ? columns : static_cast<ColumnSet>(columns | query_.columns());
    const bool all = candidate.match == Match::kAll;
    auto lines = CandidateLines::open(candidate, needed, effort, all ? nullptr : &query_);
    if (!lines) {
      ++effort.blocks_damaged;
      store_.count_damage(1);
      log::error("logs", "a block cannot be read and is left out", {{"reason", lines.error().message}});
      continue;
    }
    for (std::size_t i = 0; i < lines->size(); ++i) {
      if (lines->left_out(i)) continue;
      const UnixNanos time = lines->time(i);
      if (time < from || time >= end_) continue;
      if (candidate.match != Match::kAll && !query_.matches(*candidate.host, *candidate.source, lines->line(i)))
        continue;
      take(candidate, *lines, i);
    }
  }
  return start_;
}

}  // namespace resmon::logs
