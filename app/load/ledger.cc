#include "ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>

namespace resmon::load {

namespace {

constexpr std::size_t kMostLedgerBytes = 1U << 30U;
constexpr std::string_view kOffered = "offered ";

}  // namespace

Result<Ledger> Ledger::open(const std::string& path) {
  Ledger out;
  out.path_ = path;
  if (path.empty()) return out;
  out.file_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!out.file_.valid())
    return fail(ErrorKind::kDenied, "ledger " + path + ": " + std::generic_category().message(errno));
  RESMON_ASSIGN(const std::string before, read_file(path, kMostLedgerBytes));
  if (const std::size_t last = before.rfind(kOffered); last != std::string::npos) {
    std::uint64_t sequence = 0;
    std::from_chars(before.data() + last + kOffered.size(), before.data() + before.size(), sequence);
    out.next_ = sequence + 1;
  }
  return out;
}

Result<std::uint64_t> Ledger::offer(UnixNanos time, std::size_t samples) {
  const std::uint64_t sequence = next_++;
  if (file_.valid())
    RESMON_TRY(append(std::string(kOffered) + std::to_string(sequence) + ' ' + std::to_string(time) + ' ' +
                      std::to_string(samples) + '\n'));
  return sequence;
}

Status Ledger::taken(std::uint64_t sequence) {
  if (!file_.valid()) return {};
  return append("taken " + std::to_string(sequence) + '\n');
}

Status Ledger::append(const std::string& line) {
  if (::write(file_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) return {};
  return fail(ErrorKind::kUnavailable, "ledger " + path_ + ": " + std::generic_category().message(errno));
}

}  // namespace resmon::load
