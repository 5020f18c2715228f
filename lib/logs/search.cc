// The newest (or oldest) lines first: blocks are taken in the order of their latest times, and the best `limit` lines
// are kept. A block that ends before the last of these begins cannot change them, so most blocks are never read.
//
// Lines of one time are ordered by host and source, and within these as they came; that does not change when they are
// sealed. A cursor names a time, a stream and how many of its lines of this time come up to there, so a page begins
// exactly behind the last one, whatever was added meanwhile.

#include "logs/search.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <unordered_map>

#include "base/hex.h"
#include "base/log.h"
#include "logs/bytes.h"
#include "logs/scan.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kMostCountedValues = 10'000;  // of one facet
constexpr std::size_t kMostFacets = 64;
constexpr std::size_t kMostPatterns = 20'000;
constexpr std::size_t kPatternBytes = 512;

struct Hit {
  FoundLine line;
  Day day;
  std::uint64_t order;
  std::size_t row;
};

auto key_of(const Hit& hit) {
  return std::tie(hit.line.time, hit.line.host, hit.line.source, hit.day, hit.order, hit.row);
}

bool name_from_hex(std::string_view text, std::string& out) {
  return text.size() <= 16'384 && append_from_hex(text, out);
}

struct Cursor {
  UnixNanos time = 0;
  std::uint64_t count = 0;  // lines of this time and stream up to the last one; 0: none of this time was given yet
  std::string host;
  std::string source;

  std::string text() const {
    return std::to_string(time) + "." + std::to_string(count) + "." + hex_text(host) + "." + hex_text(source);
  }
  static bool parse(std::string_view text, Cursor& out) {
    std::array<std::string_view, 4> parts;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t dot = i < 3 ? text.find('.') : text.size();
      if (dot == std::string_view::npos) return false;
      parts[i] = text.substr(0, dot);
      text.remove_prefix(std::min(dot + 1, text.size()));
    }
    const auto number = [](std::string_view digits, auto& into) {
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
      return error == std::errc() && end == digits.data() + digits.size();
    };
    return number(parts[0], out.time) && number(parts[1], out.count) && name_from_hex(parts[2], out.host) &&
           name_from_hex(parts[3], out.source);
  }
};

FoundLine copy(const Candidate& candidate, const logline::Line& line) {
  FoundLine out;
  out.time = line.time;
  out.level = line.level;
  out.cut = line.cut;
  out.pid = line.pid;
  out.host = *candidate.host;
  out.source = *candidate.source;
  out.unit = line.unit;
  out.message = line.message;
  for (const logline::Field& field : line.fields) out.fields.emplace_back(field.name, field.value);
  return out;
}

std::size_t bytes_of(const FoundLine& line) {
  std::size_t bytes = sizeof(Hit) + line.host.size() + line.source.size() + line.unit.size() + line.message.size();
  for (const auto& [name, value] : line.fields) bytes += 64 + name.size() + value.size();
  return bytes;
}

class Searcher {
 public:
  Searcher(Store& store, const SearchRequest& request, std::optional<Cursor> cursor)
      : request_(request),
        newest_(request.direction == Direction::kNewestFirst),
        cursor_(std::move(cursor)),
        scan_(store, request.query, scope_of(request, cursor_), request.bounds) {}

  Found run() {
    Found out;
    std::optional<UnixNanos> unread;  // the first time, in the direction, of what was not looked at
    std::optional<UnixNanos> first;   // the same of what was: up to there nothing is complete before all of it is read
    for (Candidate& candidate : scan_.candidates(request_.direction)) {
      const UnixNanos edge =
          newest_ ? std::min(candidate.last_time, scan_.end() - 1) : std::max(candidate.first_time, scan_.start());
      if (!first) first = edge;
      if (bar_ && comes_before(*bar_, edge)) break;
      if (comes_before(*first, edge) && scan_.over(memory_)) {
        unread = edge;
        break;
      }
      if (!scan_.may_match(candidate)) continue;
      look_into(candidate);
    }
    finish(unread, out);
    out.effort = scan_.effort;
    return out;
  }

 private:
  static Scope scope_of(const SearchRequest& request, const std::optional<Cursor>& cursor) {
    Scope scope = request.scope;
    if (!cursor) return scope;
    if (request.direction == Direction::kNewestFirst)
      scope.end = std::min(scope.end, cursor->time == INT64_MAX ? INT64_MAX : cursor->time + 1);
    else
      scope.start = std::max(scope.start, cursor->time);
    return scope;
  }

  bool comes_before(UnixNanos a, UnixNanos b) const { return newest_ ? a > b : a < b; }
  bool before(const Hit& a, const Hit& b) const { return newest_ ? key_of(b) < key_of(a) : key_of(a) < key_of(b); }

  void look_into(const Candidate& candidate) {
    const bool all = candidate.match == Match::kAll;
    const ColumnSet needed = all ? ColumnSet{0} : request_.query.columns();
    auto lines = CandidateLines::open(candidate, needed, scan_.effort, all ? nullptr : &request_.query);
    Status status = lines ? Status() : fail(Error(lines.error()));
    const UnixNanos from = std::max(scan_.start(), candidate.oldest_shown);
    bool complete = false;
    for (std::size_t k = 0; status && k < lines->size(); ++k) {
      const std::size_t i = newest_ ? lines->size() - 1 - k : k;
      if (lines->left_out(i)) continue;
      const UnixNanos time = lines->time(i);
      if (time < from || time >= scan_.end()) continue;
      if (bar_ && comes_before(*bar_, time)) continue;
      if (!all && !request_.query.matches(*candidate.host, *candidate.source, lines->line(i))) continue;
      if (!complete) status = lines->add(kAllColumns, scan_.effort);
      complete = true;
      if (!status) break;
      add({copy(candidate, lines->line(i)), candidate.day, candidate.order, i});
    }
    if (status) return;
    ++scan_.effort.blocks_damaged;
    scan_.store().count_damage(1);
    log::error("logs", "a block cannot be read and is left out", {{"reason", status.error().message}});
  }

  void add(Hit hit) {
    memory_ += bytes_of(hit.line);
    if (cursor_ && hit.line.time == cursor_->time) {
      at_cursor_.push_back(std::move(hit));
      return;
    }
    hits_.push_back(std::move(hit));
    if (hits_.size() >= 2 * request_.limit + 256) prune();
  }

  // Keeps the best `limit`, and all that are of the last one's time.
  void prune() {
    const std::size_t limit = std::max<std::size_t>(request_.limit, 1);
    std::nth_element(hits_.begin(), hits_.begin() + static_cast<std::ptrdiff_t>(limit - 1), hits_.end(),
                     [&](const Hit& a, const Hit& b) { return before(a, b); });
    bar_ = hits_[limit - 1].line.time;
    std::erase_if(hits_, [&](const Hit& hit) { return comes_before(*bar_, hit.line.time); });
    memory_ = 0;
    for (const Hit& hit : hits_) memory_ += bytes_of(hit.line);
  }

  void finish(std::optional<UnixNanos> unread, Found& out) {
    const auto in_order = [&](const Hit& a, const Hit& b) { return before(a, b); };
    std::sort(at_cursor_.begin(), at_cursor_.end(), in_order);
    std::sort(hits_.begin(), hits_.end(), in_order);
    std::move(hits_.begin(), hits_.end(), std::back_inserter(at_cursor_));
    std::vector<Hit>& all = at_cursor_;
    // Blocks that were not read may have lines before these.
    if (unread)
      while (!all.empty() && !comes_before(all.back().line.time, *unread)) all.pop_back();
    const std::vector<std::uint64_t> counts = counts_of(all);
    bool more = false;
    const bool pruned = bar_.has_value();  // there were more than a page of them
    std::optional<Cursor> last;
    for (std::size_t i = 0; i < all.size(); ++i) {
      Hit& hit = all[i];
      if (cursor_ && !is_after_cursor(hit, counts[i])) continue;
      if (out.lines.size() == request_.limit) {
        more = true;
        break;
      }
      last = Cursor{hit.line.time, counts[i], hit.line.host, hit.line.source};
      out.lines.push_back(std::move(hit.line));
    }
    if (more || (pruned && out.lines.size() == request_.limit))
      out.cursor = last ? last->text() : request_.cursor;
    else if (unread)
      out.cursor = Cursor{*unread, 0, {}, {}}.text();
  }

  // Which line of its time and stream each is, 1 for the one that came first.
  std::vector<std::uint64_t> counts_of(const std::vector<Hit>& all) const {
    std::vector<std::uint64_t> counts(all.size(), 1);
    const auto same = [&](std::size_t a, std::size_t b) {
      return all[a].line.time == all[b].line.time && all[a].line.host == all[b].line.host &&
             all[a].line.source == all[b].line.source;
    };
    if (newest_) {
      for (std::size_t i = all.size(); i-- > 1;)
        if (same(i - 1, i)) counts[i - 1] = counts[i] + 1;
    } else {
      for (std::size_t i = 1; i < all.size(); ++i)
        if (same(i, i - 1)) counts[i] = counts[i - 1] + 1;
    }
    return counts;
  }

  bool is_after_cursor(const Hit& hit, std::uint64_t count) const {
    if (hit.line.time != cursor_->time || cursor_->count == 0) return true;
    const auto stream = std::tie(hit.line.host, hit.line.source);
    const auto last = std::tie(cursor_->host, cursor_->source);
    if (stream != last) return newest_ ? stream < last : last < stream;
    return newest_ ? count < cursor_->count : count > cursor_->count;
  }

  const SearchRequest& request_;
  const bool newest_;
  const std::optional<Cursor> cursor_;
  Scan scan_;
  std::vector<Hit> hits_;
  std::vector<Hit> at_cursor_;    // of the cursor's own time
  std::optional<UnixNanos> bar_;  // what comes after this is not wanted any more
  std::size_t memory_ = 0;
};

struct Counter {
  std::unordered_map<std::string, std::uint64_t> values;
  std::uint64_t others = 0;
  void add(std::string_view value, std::uint64_t lines) {
    std::string key(value.substr(0, 256));
    const auto at = values.find(key);
    if (at != values.end())
      at->second += lines;
    else if (values.size() < kMostCountedValues)
      values.emplace(std::move(key), lines);
    else
      others += lines;
  }
};

}  // namespace

Result<Found> search(Store& store, const SearchRequest& request) {
  std::optional<Cursor> cursor;
  if (!request.cursor.empty() && !Cursor::parse(request.cursor, cursor.emplace()))
    return fail(ErrorKind::kInvalid, "the cursor is invalid; use the one of the previous answer");
  return Searcher(store, request, std::move(cursor)).run();
}

Histogram histogram(Store& store, const Query& query, const Scope& scope, std::int64_t step, const Bounds& bounds) {
  Histogram out;
  out.start = scope.start;
  out.step = step;
  out.buckets.resize(static_cast<std::size_t>((scope.end - scope.start + step - 1) / step));
  Scan scan(store, query, scope, bounds);
  const auto bucket = [&](UnixNanos time) { return static_cast<std::size_t>((time - scope.start) / step); };
  // Lines beside each other are mostly of one bucket, and a division each would be a third of the work.
  UnixNanos begin = 0;
  UnixNanos end = 0;
  std::size_t at = 0;
  out.complete_from = scan.visit(
      column_bit(kLevelsAndCuts),
      [&](const Candidate&, CandidateLines& lines, std::size_t i) {
        const UnixNanos time = lines.time(i);
        if (time < begin || time >= end) {
          at = bucket(time);
          begin = scope.start + static_cast<std::int64_t>(at) * step;
          end = begin + step;
        }
        ++out.buckets[at][static_cast<std::size_t>(lines.level(i))];
      },
      [&](const Candidate& candidate) {
        if (candidate.block == nullptr || bucket(candidate.first_time) != bucket(candidate.last_time)) return false;
        auto& levels = out.buckets[bucket(candidate.first_time)];
        for (std::size_t level = 0; level < kLevels; ++level) levels[level] += candidate.block->levels[level];
        return true;
      });
  out.effort = scan.effort;
  return out;
}

Facets facets(Store& store, const Query& query, const Scope& scope, std::size_t values, const Bounds& bounds) {
  Facets out;
  Counter hosts;
  Counter sources;
  Counter units;
  std::array<std::uint64_t, kLevels> levels{};
  std::map<std::string, Counter, std::less<>> fields;
  Scan scan(store, query, scope, bounds);
  const ColumnSet columns =
      static_cast<ColumnSet>(column_bit(kLevelsAndCuts) | column_bit(kUnits) | column_bit(kFields));
  scan.visit(columns, [&](const Candidate& candidate, CandidateLines& lines, std::size_t i) {
    const logline::Line line = lines.line(i);
    ++out.lines;
    hosts.add(*candidate.host, 1);
    sources.add(*candidate.source, 1);
    if (!line.unit.empty()) units.add(line.unit, 1);
    ++levels[static_cast<std::size_t>(line.level)];
    for (const logline::Field& field : line.fields) {
      auto at = fields.find(field.name);
      if (at == fields.end() && fields.size() < kMostFacets)
        at = fields.emplace(std::string(field.name), Counter()).first;
      if (at != fields.end()) at->second.add(field.value, 1);
    }
  });
  const auto add = [&](const std::string& name, const Counter& counter) {
    Facet facet{name, {counter.values.begin(), counter.values.end()}, counter.others};
    std::sort(facet.values.begin(), facet.values.end(), [](const auto& a, const auto& b) {
      return std::pair(b.second, std::string_view(a.first)) < std::pair(a.second, std::string_view(b.first));
    });
    for (std::size_t i = values; i < facet.values.size(); ++i) facet.others += facet.values[i].second;
    if (facet.values.size() > values) facet.values.resize(values);
    out.facets.push_back(std::move(facet));
  };
  add("host", hosts);
  add("source", sources);
  add("unit", units);
  Facet level{"level", {}, 0};
  for (std::size_t i = 0; i < kLevels; ++i)
    if (levels[i] > 0) level.values.emplace_back(logline::level_name(static_cast<logline::Level>(i)), levels[i]);
  out.facets.push_back(std::move(level));
  for (const auto& [name, counter] : fields) add(name, counter);
  out.effort = scan.effort;
  return out;
}

namespace {

std::unordered_map<std::string, Pattern> count_patterns(Scan& scan, std::uint64_t& counted) {
  std::unordered_map<std::string, Pattern> known;
  const ColumnSet columns = static_cast<ColumnSet>(column_bit(kMessages) | column_bit(kLevelsAndCuts));
  scan.visit(
      columns,
      [&](const Candidate&, CandidateLines& lines, std::size_t i) {
        const logline::Line line = lines.line(i);
        std::string text = pattern_of(line.message);
        auto at = known.find(text);
        if (at == known.end()) {
          if (known.size() >= kMostPatterns) return;
          at = known.emplace(text, Pattern()).first;
          at->second.text = std::move(text);
          at->second.example = line.message.substr(0, kPatternBytes);
          at->second.first_time = at->second.last_time = line.time;
        }
        ++counted;
        Pattern& pattern = at->second;
        ++pattern.lines;
        ++pattern.levels[static_cast<std::size_t>(line.level)];
        pattern.first_time = std::min(pattern.first_time, line.time);
        pattern.last_time = std::max(pattern.last_time, line.time);
      },
      nullptr, [&] { return known.size() >= kMostPatterns; });
  if (known.size() >= kMostPatterns) scan.effort.partial = "there are more patterns than are counted";
  return known;
}

}  // namespace

Patterns patterns(Store& store, const Query& query, const Scope& scope, std::size_t limit, const Bounds& bounds) {
  Patterns out;
  Scan scan(store, query, scope, bounds);
  auto known = count_patterns(scan, out.lines);
  out.effort = scan.effort;
  std::unordered_map<std::string, Pattern> earlier;
  const bool finite = scope.start > INT64_MIN / 2 && scope.end < INT64_MAX / 2;
  bool compared = false;
  if (finite && out.effort.partial.empty() && !query.last()) {
    Scope before = scope;
    before.end = scope.start;
    before.start = scope.start - (scope.end - scope.start);
    Scan second(store, query, before, bounds);
    std::uint64_t ignored = 0;
    earlier = count_patterns(second, ignored);
    compared = second.effort.partial.empty() && ignored > 0;
  }
  for (auto& [text, pattern] : known) {
    pattern.is_new = compared && !earlier.contains(text);
    out.patterns.push_back(std::move(pattern));
  }
  std::sort(out.patterns.begin(), out.patterns.end(),
            [](const Pattern& a, const Pattern& b) { return std::tie(b.lines, a.text) < std::tie(a.lines, b.text); });
  if (out.patterns.size() > limit) out.patterns.resize(limit);
  return out;
}

std::string pattern_of(std::string_view message) {
  std::string out;
  message = message.substr(0, kPatternBytes);
  const auto in_token = [](char c) { return is_word_char(c) || c == '.' || c == '-' || c == ':'; };
  for (std::size_t i = 0; i < message.size();) {
    std::size_t end = i;
    bool digit = false;
    while (end < message.size() && in_token(message[end])) digit |= is_digit(message[end++]);
    if (end == i) {
      out += message[i++];
    } else {
      // Punctuation at the end of a sentence stays.
      std::size_t stop = end;
      while (stop > i && !is_word_char(message[stop - 1])) --stop;
      if (digit)
        out.append("<*>").append(message.substr(stop, end - stop));
      else
        out += message.substr(i, end - i);
      i = end;
    }
  }
  return out;
}

}  // namespace resmon::logs
