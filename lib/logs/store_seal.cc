// Seals heads into files. Everything here runs with work_mutex_ held, so nobody else changes heads and files meanwhile.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "logs/bytes.h"
#include "logs/store.h"

namespace resmon::logs {

using std::chrono::steady_clock;

namespace {

constexpr std::size_t kSealTextBytes = 4U << 20U;       // a head of so much text is sealed, into some blocks
constexpr UnixNanos kDayEndPatience = 600'000'000'000;  // after its day's end, for lines that are late
constexpr auto kRetryAfter = std::chrono::seconds(1);
// A file with less is merged with what comes after it.
constexpr std::uint64_t kSmallLines = 4096;
constexpr std::uint64_t kSmallTextBytes = 512U << 10U;
constexpr std::size_t kJoinFiles = 16;  // so many of a similar size become one
constexpr std::uint64_t kMostJoinedBytes = 64U << 20U;

std::uint64_t stream_hash(std::string_view host, std::string_view source) {
  return mix(hash64(host), hash64(source) | 1U);
}

// Sizes that differ by less than sixteen times are similar.
unsigned size_class(std::uint64_t bytes) {
  unsigned out = 0;
  for (std::uint64_t most = 256U << 10U; bytes > most; most *= kJoinFiles) ++out;
  return out;
}

}  // namespace

void Store::note(const Status& status) {
  const MutexLock lock(mutex_);
  if (status) {
    if (!trouble_.empty()) log::info("logs", "log lines are written again");
    trouble_.clear();
    return;
  }
  if (trouble_.empty())
    log::error("logs", "log lines cannot be written; they stay in the journal", {{"reason", status.error().message}});
  trouble_ = status.error().message;
}

void Store::seal_due(UnixNanos now) {
  std::vector<Key> due;
  std::uint64_t head_bytes = 0;
  {
    const MutexLock lock(mutex_);
    head_bytes = head_bytes_;
    for (const auto& [key, head] : heads_) {
      const bool over = (key.day + 1) * kDayNanos + kDayEndPatience < now && head.last_received + kDayEndPatience < now;
      if (head.text_bytes >= kSealTextBytes || head.lines >= 4 * kBlockLines || over) due.push_back(key);
    }
  }
  Status status;
  bool any = !due.empty();
  for (const Key& key : due)
    if (status) status = seal(key);
  while (status && head_bytes > options_.head_bytes) {
    any = true;
    status = seal_largest();
    const MutexLock lock(mutex_);
    head_bytes = head_bytes_;
  }
  const journal::Stats journal = intake_->stats();
  const std::uint64_t middle = journal.first_position + (journal.last_position - journal.first_position) / 2;
  while (status && journal.disk_bytes > journal.limit_bytes / 2 && pinned_position() < middle) {
    any = true;
    status = seal_oldest();
  }
  if (any) note(status);
  if (!status) retry_at_ = steady_clock::now() + kRetryAfter;
}

Status Store::seal_largest() {
  Key largest;
  std::size_t bytes = 0;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, head] : heads_)
      if (head.bytes > bytes) {
        bytes = head.bytes;
        largest = key;
      }
  }
  return seal(largest);
}

Status Store::seal_oldest() {
  Key oldest;
  std::uint64_t position = UINT64_MAX;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, head] : heads_)
      if (head.first_position < position) {
        position = head.first_position;
        oldest = key;
      }
  }
  return seal(oldest);
}

Status Store::seal_all() {
  std::vector<Key> all;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, head] : heads_) all.push_back(key);
  }
  for (const Key& key : all) RESMON_TRY(seal(key));
  return {};
}

std::vector<std::shared_ptr<Part>> Store::parts_of(const Key& key, std::uint32_t& next_number) const {
  const MutexLock lock(mutex_);
  const auto at = sealed_.find(key);
  next_number = at == sealed_.end() ? 0 : at->second.next_number;
  return at == sealed_.end() ? std::vector<std::shared_ptr<Part>>() : at->second.parts;
}

PartContent Store::encode(const Key& key, std::span<const logline::Line> lines, std::uint64_t through) const {
  PartContent content;
  for (std::size_t begin = 0; begin < lines.size();) {
    std::size_t end = begin;
    std::size_t text = 0;
    while (end < lines.size() && end - begin < kBlockLines && text < kBlockTextBytes)
      text += text_bytes_of(lines[end++]);
    BlockInfo block =
        encode_block(key.host, key.source, lines.subspan(begin, end - begin), options_.level, content.columns);
    block.through = through;
    content.blocks.push_back(std::move(block));
    begin = end;
  }
  return content;
}

namespace {

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

}  // namespace

Status Store::seal(const Key& key) {
  Head head;
  std::uint64_t through = 0;
  {
    const MutexLock lock(mutex_);
    const auto at = heads_.find(key);
    if (at == heads_.end()) return {};
    head = at->second;
    through = applied_;
  }
  step("seal");
  // Small files before it are merged, as long as the bytes written again stay in proportion.
  std::uint32_t number = 0;
  std::vector<std::shared_ptr<Part>> parts = parts_of(key, number);
  std::uint64_t lines_before = 0;
  std::size_t first = parts.size();
  while (first > 0) {
    const Part& part = *parts[first - 1];
    if (part.lines() >= kSmallLines || part.text_bytes() >= kSmallTextBytes || part.footer_damaged()) break;
    if (part.lines() > 2 * (lines_before + head.lines)) break;
    lines_before += part.lines();
    --first;
  }
  std::deque<Decoded> owners;
  std::vector<logline::Line> lines;
  lines.reserve(lines_before + head.lines);
  for (std::size_t i = first; i < parts.size(); ++i)
    if (!append_lines(*parts[i], owners, lines)) {  // damaged: it stays as it is
      ++damaged_;
      lines.clear();
      first = i + 1;
    }
  for (const HeadPiece& piece : head.pieces)
    for (std::size_t i = 0; i < piece.size(); ++i) lines.push_back(piece.line(i));
  const PartContent content = encode(key, lines, through);
  RESMON_ASSIGN(std::shared_ptr<Part> part,
                write_part(key, first < parts.size() ? parts[first]->number() : number, content));
  step("written");
  sealed_blocks_ += content.blocks.size();
  publish(key, std::move(part), true);
  step("published");
  return join_parts(key);
}

// A number whose file is there belongs to another stream of the same hash: the next one is free.
Result<std::shared_ptr<Part>> Store::write_part(const Key& key, std::uint32_t replaces_from,
                                                const PartContent& content) {
  std::uint32_t number = 0;
  (void)parts_of(key, number);
  keep_bounds(content.columns.size() + content.blocks.size() * 512);
  const std::string directory = day_directory(key.day);
  std::error_code error;
  if (std::filesystem::create_directory(directory, error)) {
    (void)::chmod(directory.c_str(), 0700);
    RESMON_TRY(Part::sync(options_.directory));
  }
  if (error) return fail(system_error(directory, error.value()));
  const std::uint64_t stream = stream_hash(key.host, key.source);
  const bool replaces = replaces_from < number;
  while (::access((directory + "/" + Part::name_of(stream, number)).c_str(), F_OK) == 0) ++number;
  return Part::write(directory, stream, number, replaces ? replaces_from : number, content);
}

// Many files of a similar size become one, with the blocks as they are.
Status Store::join_parts(const Key& key) {
  while (true) {
    std::uint32_t number = 0;
    const std::vector<std::shared_ptr<Part>> parts = parts_of(key, number);
    if (parts.size() < kJoinFiles) return {};
    const std::size_t first = parts.size() - kJoinFiles;
    std::uint64_t bytes = 0;
    bool similar = true;
    for (std::size_t i = first; i < parts.size(); ++i) {
      similar &= size_class(parts[i]->bytes()) == size_class(parts.back()->bytes()) && !parts[i]->footer_damaged();
      bytes += parts[i]->bytes();
    }
    if (!similar || bytes > kMostJoinedBytes) return {};
    PartContent content;
    content.columns.reserve(bytes);
    for (std::size_t i = first; i < parts.size(); ++i)
      for (const BlockInfo& block : parts[i]->blocks()) {
        RESMON_ASSIGN(const std::string columns, parts[i]->read_all(block));
        content.columns += columns;
        content.blocks.push_back(block);
      }
    RESMON_ASSIGN(std::shared_ptr<Part> part, write_part(key, parts[first]->number(), content));
    step("joined");
    publish(key, std::move(part), false);
  }
}

std::uint64_t Store::pinned_position() const {
  const MutexLock lock(mutex_);
  std::uint64_t position = applied_ + 1;
  for (const auto& [key, head] : heads_) position = std::min(position, head.first_position);
  return position;
}

void Store::commit_cursor() {
  intake_->reader().commit(pinned_position() - 1);
}

Status Store::flush() {
  const MutexLock work(work_mutex_);
  Status sealed = seal_all();
  note(sealed);
  RESMON_TRY(std::move(sealed));
  commit_cursor();
  return intake_->commit();
}

}  // namespace resmon::logs
