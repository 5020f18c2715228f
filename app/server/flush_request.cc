#include "flush_request.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "base/file.h"

namespace resmon::server {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "flush-";
constexpr std::size_t kMostAtOnce = 64;  // the others have their turn after them

bool server_runs(const std::string& directory) {
  const Fd lock(::open((directory + "/resmon.lock").c_str(), O_RDONLY | O_CLOEXEC));
  return lock.valid() && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

Status ask_for_flush(const std::string& directory, std::chrono::milliseconds patience) {
  if (!server_runs(directory)) return {};
  const std::string path = directory + "/" + std::string(kPrefix) + std::to_string(::getpid());
  RESMON_TRY(write_file_atomically(path, "", 0600));
  const auto until = std::chrono::steady_clock::now() + patience;
  struct stat info {};
  while (::stat(path.c_str(), &info) == 0) {
    const bool runs = server_runs(directory);
    if (!runs || std::chrono::steady_clock::now() >= until) {
      ::unlink(path.c_str());
      if (!runs) return {};
      return fail(ErrorKind::kUnavailable, "the server has not stored all that it acknowledged within " +
                                               std::to_string(patience.count() / 1000) + " s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

Result<std::unique_ptr<store::Store>> open_flushed(store::Options options, metric::SchemaTable& schemas) {
  constexpr std::chrono::seconds kPatience{60};
  options.read_only = true;
  RESMON_TRY(ask_for_flush(options.directory, kPatience));
  return store::Store::open(options, schemas);
}

bool FlushRequests::due(const std::function<std::uint64_t()>& last, std::uint64_t written) {
  if (waiting_.empty()) {
    std::error_code error;
    for (fs::directory_iterator at(directory_, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename();
      // Not what is still being written under another name.
      if (name.starts_with(kPrefix) && name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos)
        waiting_.push_back(at->path());
      if (waiting_.size() == kMostAtOnce) break;
    }
    // Only now: what was acknowledged before the file was made is at or before it.
    if (!waiting_.empty()) wait_for_ = last();
  }
  return !waiting_.empty() && written >= wait_for_;
}

void FlushRequests::answered() {
  for (const std::string& path : waiting_) ::unlink(path.c_str());
  waiting_.clear();
}

}  // namespace resmon::server
