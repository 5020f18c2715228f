#include "collect/slow_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

void read_slow_file(SlowFiles::File& file) {
  file.size = 0;
  file.error_number = 0;
  const Fd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd.valid() ? ::read(fd.get(), file.text.data(), file.text.size()) : -1;
  if (got < 0) {
    file.error_number = errno;
  } else {
    file.size = static_cast<std::size_t>(got);
  }
}

}  // namespace

void SlowFiles::run() {
  suspended_ = false;
  if (!power_.path.empty()) {
    read_slow_file(power_);
    suspended_ = power_.content().starts_with("suspended");
  }
  if (suspended_) return;
  for (File& file : files_) read_slow_file(file);
}

void SlowReader::ask(const std::shared_ptr<SlowFiles>& device) {
  const HelperPool::State state = pool_.state(*device);
  device->waited_for_ = state == HelperPool::State::kIdle || state == HelperPool::State::kDone;
  if (state == HelperPool::State::kIdle) pool_.ask(device);
}

std::optional<std::int64_t> number_in(const SlowFiles::File& file, const GatherContext& context) {
  if (file.error_number == EACCES) context.skipped(file.path, "permission denied");
  if (file.error_number != 0) return std::nullopt;
  std::int64_t value = 0;
  procfs::Skipped skipped;
  const Status parsed = procfs::parse_signed(file.content(), value, skipped);
  context.skipped(file.path, skipped);
  return parsed ? std::optional(value) : std::nullopt;
}

}  // namespace resmon::collect
