#include "logs/heads.h"

#include <algorithm>
#include <utility>

#include "logs/block.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kPieceBytes = 8192;               // of memory beside its text
constexpr std::size_t kSmallPiece = 256;                // lines; smaller ones are joined
constexpr std::size_t kJoinedPiece = 4096;              // lines
constexpr std::size_t kSealTextBytes = 4U << 20U;       // a head of so much text is sealed, into some blocks
constexpr UnixNanos kDayEndPatience = 600'000'000'000;  // after its day's end, for lines that are late

}  // namespace

// Small ones are copied together: each for itself takes more memory than its text.
std::size_t Head::add(const std::shared_ptr<const logline::Lines>& added, std::vector<std::uint32_t> rows) {
  const std::size_t count = rows.size();
  std::size_t text = 0;
  for (const std::uint32_t row : rows) {
    const logline::Line line = (*added)[row];
    text += text_bytes_of(line) + line.unit.size();
    first_time = std::min(first_time, line.time);
    last_time = std::max(last_time, line.time);
  }
  std::size_t memory = text + kLineBytes * count;
  const auto copy_into = [&](logline::Lines& into) {
    for (const std::uint32_t row : rows) into.add((*added)[row]);
  };
  if (count <= kSmallPiece && open && pieces.back().size() + count <= kJoinedPiece &&
      pieces.back().lines->text_bytes() + text < kBlockTextBytes) {
    copy_into(const_cast<logline::Lines&>(*pieces.back().lines));  // `open`: it is ours alone
  } else if (count <= kSmallPiece) {
    auto copy = std::make_shared<logline::Lines>();
    copy->clear(added->source());
    copy_into(*copy);
    pieces.push_back({std::move(copy), nullptr});
    open = true;
    memory += kPieceBytes;
  } else {
    const bool all = count == added->size();
    pieces.push_back({added, all ? nullptr : std::make_shared<const std::vector<std::uint32_t>>(std::move(rows))});
    open = false;
    memory += kPieceBytes;
  }
  lines += count;
  bytes += memory;
  text_bytes += text;
  return memory;
}

void Heads::add(const StreamDay& key, const std::shared_ptr<const logline::Lines>& lines,
                std::vector<std::uint32_t> rows, UnixNanos received, std::uint64_t position) {
  Head& head = heads_[key];
  if (head.lines == 0) head.first_position = position;
  head.last_received = std::max(head.last_received, received);
  bytes_ += head.add(lines, std::move(rows));
}

const Head* Heads::find(const StreamDay& key) const {
  const auto found = heads_.find(key);
  return found == heads_.end() ? nullptr : &found->second;
}

void Heads::remove(const StreamDay& key) {
  const auto found = heads_.find(key);
  if (found == heads_.end()) return;
  bytes_ -= found->second.bytes;
  heads_.erase(found);
}

std::vector<StreamDay> Heads::due(UnixNanos now) const {
  std::vector<StreamDay> out;
  for (const auto& [key, head] : heads_) {
    const bool over = (key.day + 1) * kDayNanos + kDayEndPatience < now && head.last_received + kDayEndPatience < now;
    if (head.text_bytes >= kSealTextBytes || head.lines >= 4 * kBlockLines || over) out.push_back(key);
  }
  return out;
}

std::optional<StreamDay> Heads::largest() const {
  const auto found = std::max_element(heads_.begin(), heads_.end(),
                                      [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
  return found == heads_.end() ? std::nullopt : std::optional(found->first);
}

std::optional<StreamDay> Heads::oldest() const {
  const auto found = std::min_element(heads_.begin(), heads_.end(), [](const auto& a, const auto& b) {
    return a.second.first_position < b.second.first_position;
  });
  return found == heads_.end() ? std::nullopt : std::optional(found->first);
}

std::uint64_t Heads::first_position() const {
  std::uint64_t position = UINT64_MAX;
  for (const auto& [key, head] : heads_) position = std::min(position, head.first_position);
  return position;
}

std::vector<HeadView> Heads::views() {
  std::vector<HeadView> out;
  for (auto& [key, head] : heads_) {
    head.open = false;
    out.push_back({key.host, key.source, key.day, head.first_time, head.last_time, head.pieces});
  }
  return out;
}

}  // namespace resmon::logs
