// A layer over SQLite's own file layer ("VFS"). Every call but opening and writing is passed on as it is.

#include "store/bounded_files.h"

#include <sqlite3.h>

#include <atomic>
#include <new>
#include <string_view>

namespace resmon::store {

namespace {

constexpr const char* kLimit = "wal_limit";
std::atomic<std::uint64_t> refusals{0};

sqlite3_vfs* below() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  return vfs;
}

// SQLite reserves szOsFile bytes for it; the file of the layer below lies behind it.
struct BoundedFile {
  sqlite3_file base;
  sqlite3_int64 limit;  // 0: none

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<BoundedFile*>(file)->real();
}

// The same call of the layer below.
template <auto Method, class... Arguments>
auto pass(sqlite3_file* file, Arguments... arguments) {
  return (real(file)->pMethods->*Method)(real(file), arguments...);
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  const sqlite3_int64 limit = reinterpret_cast<BoundedFile*>(file)->limit;
  if (limit > 0 && offset + count > limit) {
    ++refusals;
    return SQLITE_FULL;
  }
  return pass<&sqlite3_io_methods::xWrite>(file, bytes, count, offset);
}

using M = sqlite3_io_methods;
constexpr sqlite3_io_methods kMethods = {
    3,
    [](sqlite3_file* f) { return pass<&M::xClose>(f); },
    [](sqlite3_file* f, void* out, int count, sqlite3_int64 at) { return pass<&M::xRead>(f, out, count, at); },
    write,
    [](sqlite3_file* f, sqlite3_int64 size) { return pass<&M::xTruncate>(f, size); },
    [](sqlite3_file* f, int flags) { return pass<&M::xSync>(f, flags); },
    [](sqlite3_file* f, sqlite3_int64* size) { return pass<&M::xFileSize>(f, size); },
    [](sqlite3_file* f, int lock) { return pass<&M::xLock>(f, lock); },
    [](sqlite3_file* f, int lock) { return pass<&M::xUnlock>(f, lock); },
    [](sqlite3_file* f, int* out) { return pass<&M::xCheckReservedLock>(f, out); },
    [](sqlite3_file* f, int operation, void* argument) { return pass<&M::xFileControl>(f, operation, argument); },
    [](sqlite3_file* f) { return pass<&M::xSectorSize>(f); },
    [](sqlite3_file* f) { return pass<&M::xDeviceCharacteristics>(f); },
    [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return pass<&M::xShmMap>(f, page, size, extend, out);
    },
    [](sqlite3_file* f, int offset, int count, int flags) { return pass<&M::xShmLock>(f, offset, count, flags); },
    [](sqlite3_file* f) { pass<&M::xShmBarrier>(f); },
    [](sqlite3_file* f, int remove) { return pass<&M::xShmUnmap>(f, remove); },
    [](sqlite3_file* f, sqlite3_int64 at, int count, void** out) { return pass<&M::xFetch>(f, at, count, out); },
    [](sqlite3_file* f, sqlite3_int64 at, void* page) { return pass<&M::xUnfetch>(f, at, page); },
};

int open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  auto* const bounded = new (file) BoundedFile{};
  const int code = below()->xOpen(below(), name, bounded->real(), flags, flags_out);
  if (bounded->real()->pMethods == nullptr) return code;
  bounded->base.pMethods = &kMethods;
  if ((flags & SQLITE_OPEN_WAL) != 0) bounded->limit = sqlite3_uri_int64(name, kLimit, 0);
  return code;
}

}  // namespace

const char* bounded_files() {
  static constexpr const char* kName = "resmon";
  static sqlite3_vfs layer;
  static const int registered = [] {
    layer = *below();
    layer.pNext = nullptr;
    layer.zName = kName;
    layer.szOsFile = static_cast<int>(sizeof(BoundedFile)) + below()->szOsFile;
    layer.xOpen = open;
    return sqlite3_vfs_register(&layer, 0);
  }();
  return registered == SQLITE_OK ? kName : nullptr;
}

std::uint64_t wal_refusals() {
  return refusals;
}

std::string bounded_name(const std::string& path, std::uint64_t wal_limit_bytes) {
  // What a URI would read as something else.
  constexpr std::string_view kSpecial = "%?#";
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = path.starts_with('/') ? "file://" : "file:";
  for (const char c : path) {
    if (kSpecial.find(c) == std::string_view::npos) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += '%';
    name += kDigits[byte >> 4U];
    name += kDigits[byte & 15U];
  }
  return name + "?" + kLimit + "=" + std::to_string(wal_limit_bytes);
}

}  // namespace resmon::store
