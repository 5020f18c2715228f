#include "logs/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"

namespace resmon::logs {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadBytes = 1U << 20U;
constexpr auto kReadPatience = milliseconds(200);
constexpr auto kUnreadablePause = milliseconds(50);  // the device may read again
constexpr std::size_t kTailBytes = 4U << 20U;        // that wait for one live viewer
constexpr std::size_t kMostTails = 64;
constexpr std::size_t kPieceBytes = 8192;   // of memory beside its text
constexpr std::size_t kLineBytes = 64;      // the same of a line
constexpr std::size_t kSmallPiece = 256;    // lines; smaller ones are joined
constexpr std::size_t kJoinedPiece = 4096;  // lines

}  // namespace

Store::Store(Options options) : options_(std::move(options)) {}

Result<std::unique_ptr<Store>> Store::open(Options options) {
  std::unique_ptr<Store> store(new Store(std::move(options)));
  const Options& given = store->options_;
  std::error_code error;
  fs::create_directories(given.directory, error);
  if (error) return fail(system_error(given.directory, error.value()));
  if (::chmod(given.directory.c_str(), 0700) != 0 && errno != EPERM) return fail(system_error(given.directory, errno));
  IntakeOptions intake;
  intake.directory = given.directory + "/journal";
  intake.limit_bytes = given.journal_limit_bytes;
  intake.sync = given.sync;
  intake.sync_interval = given.sync_interval;
  RESMON_ASSIGN(store->intake_, Intake::open(std::move(intake)));
  {
    const MutexLock lock(store->mutex_);
    store->applied_ = store->intake_->reader().committed();
  }
  RESMON_TRY(store->load());
  // Blocks may know of later positions than the journal: from a backup, or where somebody removed the journal.
  std::uint64_t through = 0;
  {
    const MutexLock lock(store->mutex_);
    for (const auto& [key, sealed] : store->sealed_)
      for (const auto& part : sealed.parts) through = std::max(through, part->through());
  }
  store->intake_->skip_to(through);
  store->thread_ = std::thread([raw = store.get()] { raw->run(); });
  return store;
}

Store::~Store() {
  (void)close();
}

Status Store::load() {
  std::error_code error;
  for (fs::directory_iterator at(options_.directory, error), end; !error && at != end; at.increment(error)) {
    Day day = 0;
    if (!parse_day(at->path().filename().string(), day) || !at->is_directory(error)) continue;
    RESMON_TRY(load_day(day, at->path().string()));
  }
  if (error) return fail(system_error(options_.directory, error.value()));
  return {};
}

Status Store::load_day(Day day, const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error) return fail(system_error(directory, error.value()));
  // A rename that the last process saw and the device may not have.
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(system_error(directory, errno));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    std::uint64_t stream = 0;
    std::uint32_t number = 0;
    if (name.ends_with(".tmp")) (void)::unlink((directory + "/" + name).c_str());
    if (!Part::parse_name(name, stream, number)) continue;
    auto part = Part::open(directory, name);
    if (!part) {
      ++damaged_;
      log::error("logs", "a file of lines cannot be read and is left out", {{"reason", part.error().message}});
      continue;
    }
    if ((*part)->footer_damaged()) {
      ++damaged_;
      log::error("logs", "a file of lines is damaged at its end; what is before that can be read",
                 {{"file", (*part)->path()}});
    }
    const Key key{(*part)->host(), (*part)->source(), day};
    publish(key, *std::move(part), false);
  }
  return {};
}

// Takes the place of those whose lines it has.
void Store::publish(const Key& key, std::shared_ptr<Part> part, bool of_head) {
  const MutexLock lock(mutex_);
  Sealed& sealed = sealed_[key];
  std::uint64_t replaced_bytes = 0;
  std::erase_if(sealed.parts, [&](const std::shared_ptr<Part>& old) {
    if (old->number() < part->replaces_from() || old->number() >= part->number()) return false;
    replaced_bytes += old->bytes();
    old->remove_when_unused();
    return true;
  });
  block_bytes_ += part->bytes();
  block_bytes_ -= replaced_bytes;
  sealed.next_number = std::max(sealed.next_number, part->number() + 1);
  sealed.parts.push_back(std::move(part));
  if (const auto head = heads_.find(key); of_head && head != heads_.end()) {
    head_bytes_ -= head->second.bytes;
    heads_.erase(head);
  }
}

void Store::run() {
  while (!stopping_) {
    bool full = false;
    {
      const MutexLock lock(mutex_);
      full = head_bytes_ > options_.head_bytes + options_.head_bytes / 2;
    }
    // While nothing can be sealed, new lines stay in the journal.
    if (full)
      std::this_thread::sleep_for(kUnreadablePause);
    else
      (void)read_some(steady_clock::now() + kReadPatience);
    if (stopping_) break;
    const MutexLock work(work_mutex_);
    const UnixNanos now = options_.clock->wall();
    if (steady_clock::now() >= retry_at_) seal_due(now);
    commit_cursor();
    retain(now);
  }
}

bool Store::read_some(steady_clock::time_point until) {
  const std::uint64_t durable = intake_->durable_position();
  auto records = intake_->reader().read(kReadBytes, until);
  if (!records) {
    std::this_thread::sleep_for(kUnreadablePause);
    return false;
  }
  const MutexLock work(work_mutex_);
  for (const journal::Record& record : *records)
    if (!record.replayed) apply(record);
  const MutexLock lock(mutex_);
  // Damage may have taken positions: where there is nothing more to read, nothing more is waited for.
  if (records->empty()) applied_ = std::max(applied_, durable);
  applied_more_.notify_all();
  return !records->empty();
}

void Store::apply(const journal::Record& record) {
  const auto lines = std::make_shared<logline::Lines>();
  auto read = decode_record(record.payload);
  Status status = read ? logline::decode(read->lines, *lines) : Status(fail(Error(read.error())));
  if (!status) {
    ++undecodable_;
    log::error("logs", "a record cannot be read and is skipped",
               {{"position", record.position}, {"reason", status.error().message}});
  } else if (!lines->empty()) {
    lines_ += lines->size();
    text_bytes_ += lines->text_bytes();
    const std::string host(read->host);
    show(host, lines);
    apply_rows(host, lines, read->received, record.position);
  }
  const MutexLock lock(mutex_);
  applied_ = std::max(applied_, record.position);
}

void Store::apply_rows(const std::string& host, const std::shared_ptr<const logline::Lines>& lines, UnixNanos received,
                       std::uint64_t position) {
  std::map<Day, std::vector<std::uint32_t>> days;
  for (std::uint32_t i = 0; i < lines->size(); ++i) days[day_of((*lines)[i].time, received)].push_back(i);
  const MutexLock lock(mutex_);
  for (auto& [day, rows] : days) {
    const Key key{host, std::string(lines->source()), day};
    if (const auto at = sealed_.find(key); at != sealed_.end()) {
      std::uint64_t through = 0;
      for (const auto& part : at->second.parts) through = std::max(through, part->through());
      if (position <= through) continue;  // it was sealed before this start
    }
    Head& head = heads_[key];
    if (head.lines == 0) {
      head.first_position = position;
      head.first_time = INT64_MAX;
      head.last_time = INT64_MIN;
    }
    head.last_received = std::max(head.last_received, received);
    head_bytes_ += add_to(head, lines, std::move(rows));
  }
}

// How much memory that takes, about. Small ones are copied together: each for itself takes more memory than its text.
std::size_t Store::add_to(Head& head, const std::shared_ptr<const logline::Lines>& lines,
                          std::vector<std::uint32_t> rows) {
  const std::size_t count = rows.size();
  std::size_t text = 0;
  for (const std::uint32_t row : rows) {
    const logline::Line line = (*lines)[row];
    text += text_bytes_of(line) + line.unit.size();
    head.first_time = std::min(head.first_time, line.time);
    head.last_time = std::max(head.last_time, line.time);
  }
  std::size_t bytes = text + kLineBytes * count;
  const auto copy_into = [&](logline::Lines& into) {
    for (const std::uint32_t row : rows) into.add((*lines)[row]);
  };
  if (count <= kSmallPiece && head.open && head.pieces.back().size() + count <= kJoinedPiece &&
      head.pieces.back().lines->text_bytes() + text < kBlockTextBytes) {
    copy_into(const_cast<logline::Lines&>(*head.pieces.back().lines));  // `open`: it is ours alone
  } else if (count <= kSmallPiece) {
    auto copy = std::make_shared<logline::Lines>();
    copy->clear(lines->source());
    copy_into(*copy);
    head.pieces.push_back({std::move(copy), nullptr});
    head.open = true;
    bytes += kPieceBytes;
  } else {
    const bool all = count == lines->size();
    head.pieces.push_back({lines, all ? nullptr : std::make_shared<const std::vector<std::uint32_t>>(std::move(rows))});
    head.open = false;
    bytes += kPieceBytes;
  }
  head.lines += count;
  head.bytes += bytes;
  head.text_bytes += text;
  return bytes;
}

void Store::show(const std::string& host, const std::shared_ptr<const logline::Lines>& lines) {
  std::vector<std::shared_ptr<Tail>> tails;
  {
    const MutexLock lock(mutex_);
    std::erase_if(tails_, [](const std::weak_ptr<Tail>& tail) { return tail.expired(); });
    for (const auto& tail : tails_)
      if (auto held = tail.lock()) tails.push_back(std::move(held));
  }
  for (const auto& tail : tails) {
    const MutexLock lock(tail->mutex_);
    const std::size_t bytes = lines->text_bytes() + kLineBytes * lines->size();
    // What is larger than the whole room is shown to a viewer that waits for nothing else.
    if (tail->bytes_ > 0 && tail->bytes_ + bytes > kTailBytes) {
      tail->dropped_ += lines->size();
      tail_dropped_ += lines->size();
      continue;
    }
    tail->bytes_ += bytes;
    tail->waiting_.push_back({host, lines});
  }
}

std::vector<Arrival> Tail::take(std::uint64_t& dropped) {
  const MutexLock lock(mutex_);
  std::vector<Arrival> out(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  bytes_ = 0;
  dropped = std::exchange(dropped_, 0);
  return out;
}

std::shared_ptr<Tail> Store::follow() {
  const MutexLock lock(mutex_);
  std::erase_if(tails_, [](const std::weak_ptr<Tail>& tail) { return tail.expired(); });
  if (tails_.size() >= kMostTails) return nullptr;
  auto tail = std::make_shared<Tail>();
  tails_.push_back(tail);
  return tail;
}

Result<std::uint64_t> Store::append(std::string_view host, const logline::Lines& lines, UnixNanos received) {
  return intake_->append(host, logline::encode(lines), received);
}

void Store::catch_up(steady_clock::time_point until) {
  const std::uint64_t wanted = intake_->durable_position();
  const MutexLock lock(mutex_);
  while (applied_ < wanted && !stopping_)
    if (!applied_more_.wait_until(mutex_, until)) break;
}

Snapshot Store::snapshot() {
  Snapshot out;
  const MutexLock lock(mutex_);
  for (const auto& [key, sealed] : sealed_)
    for (const auto& part : sealed.parts) out.parts.push_back({key.day, part});
  for (auto& [key, head] : heads_) {
    head.open = false;
    out.heads.push_back({key.host, key.source, key.day, head.first_time, head.last_time, head.pieces});
  }
  return out;
}

Stats Store::stats() const {
  Stats out;
  out.journal = intake_->stats();
  out.lines = lines_;
  out.text_bytes = text_bytes_;
  out.sealed_blocks = sealed_blocks_;
  out.expired_lines = expired_;
  out.evicted_lines = evicted_;
  out.damaged_blocks = damaged_;
  out.undecodable_records = undecodable_;
  out.tail_dropped_lines = tail_dropped_;
  const MutexLock lock(mutex_);
  out.oldest = INT64_MAX;
  for (const auto& [key, head] : heads_) {
    out.head_lines += head.lines;
    out.oldest = std::min(out.oldest, head.first_time);
  }
  out.head_bytes = head_bytes_;
  out.block_bytes = block_bytes_;
  std::map<std::pair<std::string_view, std::string_view>, bool> streams;
  for (const auto& [key, head] : heads_) streams[{key.host, key.source}] = true;
  for (const auto& [key, sealed] : sealed_) {
    streams[{key.host, key.source}] = true;
    out.parts += sealed.parts.size();
    for (const auto& part : sealed.parts) {
      out.block_lines += part->lines();
      out.block_text_bytes += part->text_bytes();
      out.blocks += part->blocks().size();
      out.oldest = std::min(out.oldest, part->first_time());
    }
  }
  out.streams = streams.size();
  if (out.oldest == INT64_MAX) out.oldest = 0;
  out.error = trouble_.empty() ? out.journal.error : trouble_;
  return out;
}

std::string Store::trouble() const {
  const MutexLock lock(mutex_);
  return trouble_;
}

Status Store::close() {
  if (stopping_.exchange(true)) return {};
  applied_more_.notify_all();
  if (!intake_) return {};
  {
    const MutexLock work(work_mutex_);
    commit_cursor();
  }
  Status closed = intake_->stop();  // the thread's wait ends
  if (thread_.joinable()) thread_.join();
  return closed;
}

}  // namespace resmon::logs
