#include "set_aside.h"

#include "base/clock.h"
#include "base/log.h"

namespace resmon::server {

namespace {

constexpr std::int64_t kSayEvery = 10'000'000'000;

lineproto::EncoderOptions plain() {
  lineproto::EncoderOptions options;
  options.unsigned_as_integer = false;
  options.cache_limit_bytes = 1U << 20U;
  return options;
}

}  // namespace

SetAside::SetAside(std::string what, std::string path, std::uint64_t limit_bytes, const metric::SchemaTable& schemas)
    : what_(std::move(what)), path_(std::move(path)), encoder_(schemas, plain()), file_(path_, limit_bytes) {}

void SetAside::add(const metric::Batch& batch, const metric::Row& row, const std::string& reason) {
  const MutexLock lock(mutex_);
  std::string lines;
  encoder_.append(batch, row, lines);
  write(lines, reason);
}

void SetAside::add(const metric::Batch& batch, const std::string& reason) {
  const MutexLock lock(mutex_);
  std::string lines;
  encoder_.append(batch, lines);
  write(lines, reason);
}

void SetAside::write(const std::string& lines, const std::string& reason) {
  const UnixNanos now = Clock::system().wall();
  const Status kept = file_.add(lines, reason, now);
  if (now - said_at_ < kSayEvery && now >= said_at_) return;
  said_at_ = now;
  if (kept)
    log::warn(what_, "samples refused and set aside", {{"reason", reason}, {"kept_in", path_}});
  else
    log::error(what_, "refused samples cannot be written to their file",
               {{"reason", reason}, {"error", kept.error().message}});
}

}  // namespace resmon::server
