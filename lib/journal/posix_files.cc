#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/directory.h"
#include "base/file.h"
#include "journal/file_system.h"

namespace resmon::journal {

namespace {

class PosixFile : public File {
 public:
  PosixFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return fail(system_error(path_, errno));
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<std::size_t> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (true) {
      const ssize_t put = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put >= 0) return static_cast<std::size_t>(put);
      if (errno != EINTR) return fail(system_error(path_, errno));
    }
  }

  Status sync() override { return check(::fdatasync(fd_.get())); }
  Status truncate(std::uint64_t bytes) override { return check(::ftruncate(fd_.get(), static_cast<off_t>(bytes))); }

  Status allocate(std::uint64_t bytes) override {
    // Not posix_fallocate: where the file system cannot, it writes a zero into every block.
    int result = 0;
    do {
      result = ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes));
    } while (result != 0 && errno == EINTR);
    if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
      return fail(ErrorKind::kUnsupported, path_ + ": cannot reserve space");
    return check(result);
  }

  Result<std::uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return fail(system_error(path_, errno));
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  Status check(int result) const {
    if (result != 0) return fail(system_error(path_, errno));
    return {};
  }

  const Fd fd_;
  const std::string path_;
};

class PosixLock : public FileSystem::Lock {
 public:
  explicit PosixLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  const Fd fd_;
};

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return open_file(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    return open_file(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  }
  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return fail(system_error(path, errno));
    return {};
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return fail(system_error(from, errno));
    return {};
  }
  Status make_directory(const std::string& path) override {
    std::error_code error;
    const auto parent = std::filesystem::path(path).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (error) return fail(system_error(parent.string(), error.value()));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error(path, errno));
    return {};
  }
  Status sync_directory(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(system_error(path, errno));
    return {};
  }
  Result<std::vector<Entry>> list(const std::string& directory) override {
    Directory open(directory.c_str());
    std::vector<Entry> entries;
    while (const auto entry = open.next()) {
      struct stat info {};
      if (::fstatat(open.fd(), entry->name.data(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
      entries.push_back({std::string(entry->name), static_cast<std::uint64_t>(info.st_size)});
    }
    if (open.error() != 0) return fail(system_error(directory, open.error()));
    return entries;
  }
  Result<std::unique_ptr<Lock>> lock(const std::string& path) override {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return fail(system_error(path, errno));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return fail(ErrorKind::kUnavailable, path + ": in use by another process");
      return fail(system_error(path, errno));
    }
    return std::unique_ptr<Lock>(std::make_unique<PosixLock>(std::move(fd)));
  }

 private:
  static Result<std::unique_ptr<File>> open_file(const std::string& path, int flags) {
    Fd fd(::open(path.c_str(), flags, 0600));
    if (!fd.valid()) return fail(system_error(path, errno));
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
  }
};

}  // namespace

FileSystem& FileSystem::posix() {
  static PosixFileSystem files;
  return files;
}

}  // namespace resmon::journal
