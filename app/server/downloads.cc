#include "downloads.h"
#include "base/hex.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace resmon::server {

namespace {

constexpr std::size_t kMostFiles = 64;
constexpr std::size_t kHashPieceBytes = 256U << 10U;

bool is_plain_name(std::string_view name) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= 128 && name.front() != '.' &&
         name.find_first_not_of(kPlain) == std::string_view::npos;
}

std::string usual_directory() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) return {};
  std::string folder(path.data(), static_cast<std::size_t>(size));
  folder.resize(folder.rfind('/'));
  for (const char* place : {"/clients", "/../lib/resmon/clients"}) {
    struct ::stat about {};
    if (::stat((folder + place).c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return folder + place;
  }
  return {};
}

// From the file's beginning; its end is where it says.
Result<std::string> sha256_of(int file, const std::string& path) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1)
    return fail(ErrorKind::kInternal, path + ": no SHA-256");
  std::string piece(kHashPieceBytes, '\0');
  while (true) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0) return fail(system_error(path, errno));
    if (got == 0) break;
    EVP_DigestUpdate(hash.get(), piece.data(), static_cast<std::size_t>(got));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(hash.get(), digest.data(), &size);
  return hex_text(std::span(digest.data(), size));
}

std::string with_kernels_architecture(std::string_view name) {
  constexpr std::string_view kClient = "resmon-client-";
  if (name == "resmon-client-amd64") return std::string(kClient) + "x86_64";
  if (name == "resmon-client-arm64") return std::string(kClient) + "aarch64";
  return std::string(name);
}

}  // namespace

Downloads::Downloads(std::string directory)
    : directory_(directory.empty() ? usual_directory() : std::move(directory)) {}

std::vector<DownloadFile> Downloads::list() {
  std::vector<std::string> names;
  const auto close = [](DIR* listing) { ::closedir(listing); };
  const std::unique_ptr<DIR, decltype(close)> listing(directory_.empty() ? nullptr : ::opendir(directory_.c_str()),
                                                      close);
  if (!listing) return {};
  while (const dirent* entry = ::readdir(listing.get()))
    if (is_plain_name(entry->d_name)) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  std::vector<DownloadFile> files;
  for (const std::string& name : names) {
    if (files.size() == kMostFiles) break;
    if (auto file = describe(name)) files.push_back(std::move(*file));
  }
  return files;
}

Result<DownloadFile> Downloads::find(std::string_view name) {
  if (directory_.empty()) return fail(ErrorKind::kNotFound, "this server has no downloads");
  if (!is_plain_name(name)) return fail(ErrorKind::kNotFound, "not a name of a download");
  return describe(with_kernels_architecture(name));
}

Result<Fd> Downloads::open(const DownloadFile& file) const {
  const std::string path = directory_ + "/" + file.name;
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail(system_error(path, errno));
  struct ::stat about {};
  if (::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode))
    return fail(ErrorKind::kNotFound, path + ": not a file");
  return fd;
}

Result<DownloadFile> Downloads::describe(const std::string& name) {
  const std::string path = directory_ + "/" + name;
  const std::uint64_t mark = file_mark(path);
  {
    const MutexLock lock(mutex_);
    if (const auto known = known_.find(name); known != known_.end() && known->second.mark == mark && mark != 0)
      return known->second.file;
  }
  DownloadFile file{name, 0, {}};
  RESMON_ASSIGN(const Fd fd, open(file));
  struct ::stat about {};
  if (::fstat(fd.get(), &about) != 0) return fail(system_error(path, errno));
  file.bytes = static_cast<std::uint64_t>(about.st_size);
  RESMON_ASSIGN(file.sha256, sha256_of(fd.get(), path));
  const MutexLock lock(mutex_);
  if (known_.size() >= kMostFiles) known_.clear();
  known_.insert_or_assign(name, Known{mark, file});
  return file;
}

}  // namespace resmon::server
