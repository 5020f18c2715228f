#include "logs/sealer.h"

#include <deque>
#include <utility>
#include <vector>

#include "logs/block.h"

namespace resmon::logs {

using std::chrono::steady_clock;

namespace {

constexpr auto kRetryAfter = std::chrono::seconds(1);
// A file with less is merged with what comes after it.
constexpr std::uint64_t kSmallLines = 4096;
constexpr std::uint64_t kSmallTextBytes = 512U << 10U;

// A block's lines, and what their texts are in.
struct Decoded {
  BlockLines columns;
  std::deque<std::vector<logline::Field>> fields;
};

Status append_lines(const Part& part, std::deque<Decoded>& owners, std::vector<logline::Line>& lines) {
  for (const BlockInfo& block : part.blocks()) {
    Decoded& decoded = owners.emplace_back();
    for (const Column column : {kTimes, kLevelsAndCuts, kUnits, kPids, kMessages, kFields}) {
      RESMON_ASSIGN(const std::string bytes, part.read(block, column));
      RESMON_TRY(decoded.columns.add(block, column, bytes));
    }
    for (std::size_t i = 0; i < block.lines; ++i)
      lines.push_back(decoded.columns.line(i, decoded.fields.emplace_back()));
  }
  return {};
}

// From which file on the newest are merged with a head of so many lines: small ones, as long as the bytes written again
// stay in proportion.
std::size_t first_to_merge(const std::vector<std::shared_ptr<Part>>& parts, std::uint64_t head_lines) {
  std::uint64_t lines = head_lines;
  std::size_t first = parts.size();
  while (first > 0) {
    const Part& part = *parts[first - 1];
    if (part.lines() >= kSmallLines || part.text_bytes() >= kSmallTextBytes || part.footer_damaged()) break;
    if (part.lines() > 2 * lines) break;
    lines += part.lines();
    --first;
  }
  return first;
}

}  // namespace

std::optional<Status> Sealer::seal_due(UnixNanos now, const journal::Stats& journal) {
  if (steady_clock::now() < retry_at_) return std::nullopt;
  bool any = false;
  Status status = seal_due_heads(now, journal, any);
  if (!status) retry_at_ = steady_clock::now() + kRetryAfter;
  return any ? std::optional(std::move(status)) : std::nullopt;
}

Status Sealer::seal_due_heads(UnixNanos now, const journal::Stats& journal, bool& any) {
  for (const StreamDay& key : contents_.heads_due(now)) {
    any = true;
    RESMON_TRY(seal(key));
  }
  while (contents_.head_bytes() > options_.head_bytes) {
    any = true;
    RESMON_TRY(seal(contents_.largest_head().value_or(StreamDay())));
  }
  const std::uint64_t middle = journal.first_position + (journal.last_position - journal.first_position) / 2;
  // Where no head holds the journal back, there is only what is not read yet.
  while (journal.disk_bytes > journal.limit_bytes / 2 && contents_.first_head_position() < middle) {
    any = true;
    RESMON_TRY(seal(contents_.oldest_head().value_or(StreamDay())));
  }
  return {};
}

Status Sealer::seal_all() {
  for (const StreamDay& key : contents_.heads()) RESMON_TRY(seal(key));
  return {};
}

Status Sealer::seal(const StreamDay& key) {
  const std::optional<Head> head = contents_.head(key);
  if (!head) return {};
  const std::uint64_t through = contents_.position();
  options_.step("seal");
  const StreamParts before = contents_.parts(key);
  const auto& parts = before.parts;
  std::size_t first = first_to_merge(parts, head->lines);
  std::deque<Decoded> owners;
  std::vector<logline::Line> lines;
  std::uint64_t most = head->lines;
  for (std::size_t i = first; i < parts.size(); ++i) most += parts[i]->lines();
  lines.reserve(most);
  for (std::size_t i = first; i < parts.size(); ++i)
    if (!append_lines(*parts[i], owners, lines)) {  // damaged: it stays as it is
      ++counters_.damaged_blocks;
      lines.clear();
      first = i + 1;
    }
  for (const HeadPiece& piece : head->pieces)
    for (std::size_t i = 0; i < piece.size(); ++i) lines.push_back(piece.line(i));
  const PartContent content = writer_.encode(key, lines, through);
  const std::uint32_t replaces_from = first < parts.size() ? parts[first]->number() : before.next_number;
  RESMON_ASSIGN(std::shared_ptr<Part> part, writer_.write(key, replaces_from, content));
  options_.step("written");
  counters_.sealed_blocks += content.blocks.size();
  contents_.publish(key, std::move(part), true);
  options_.step("published");
  return writer_.join(key);
}

}  // namespace resmon::logs
