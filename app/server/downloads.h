#pragma once

// The files that this server hands out: client programs by architecture, and their installer. So a machine that is to
// be watched needs nothing from the internet.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"
#include "base/result.h"

namespace resmon::server {

struct DownloadFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hexadecimal digits
};

// Any thread; reads files, so no io context's.
class Downloads {
 public:
  // Empty: the first of the places where a build, a deployment and a package put them: `clients` beside this program,
  // and ../lib/resmon/clients from there.
  explicit Downloads(std::string directory);

  const std::string& directory() const { return directory_; }  // empty: there is none

  // All regular files with a plain name (letters, digits, dots, dashes, underscores; no dot first), by name; at most
  // 64. Nothing where the folder cannot be read.
  std::vector<DownloadFile> list();
  // The names of architectures in "resmon-client-ARCHITECTURE" may be Debian's: amd64 for x86_64, arm64 for aarch64.
  // kNotFound without such a file.
  Result<DownloadFile> find(std::string_view name);
  // For reading what find() described.
  Result<Fd> open(const DownloadFile& file) const;

 private:
  struct Known {
    std::uint64_t mark = 0;
    DownloadFile file;
  };
  Result<DownloadFile> describe(const std::string& name);

  std::string directory_;
  Mutex mutex_;
  std::map<std::string, Known> known_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
