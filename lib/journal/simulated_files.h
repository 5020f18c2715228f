#pragma once

// A file system in memory for tests: it writes short, fails, runs full, forgets at a crash what was not synced, in any
// order, torn at sectors, and after a failed sync believes pages to be clean that never reached the device. One thread.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "journal/file_system.h"

namespace resmon::journal {

class SimulatedFiles : public FileSystem {
 public:
  static constexpr std::size_t kSector = 512;
  struct Inode {
    std::string data;             // as processes see it
    std::string device;           // as a crash leaves it, at worst
    std::set<std::size_t> dirty;  // sectors
    std::uint64_t allocated = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  explicit SimulatedFiles(unsigned seed) : random(seed) {}

  std::mt19937 random;
  double fail_ratio = 0;       // of operations that may fail
  double short_ratio = 0.1;    // of writes
  int fail_syncs = 0;          // of the next ones, of files; nothing of theirs reaches the device
  std::int64_t crash_in = -1;  // operations until the machine stops; -1: never
  bool crashed = false;
  std::uint64_t capacity = ~std::uint64_t{0};
  std::uint64_t highest_usage = 0;
  std::uint64_t operations = 0;
  std::string unreadable;  // a file with a sector that the device cannot read, and where that begins
  std::uint64_t unreadable_at = 0;

  std::uint64_t usage() const {
    std::uint64_t bytes = 4096;
    for (const auto& inode : inodes_)
      if (const auto held = inode.lock())
        bytes += (std::max<std::uint64_t>(held->data.size(), held->allocated) + 4095) / 4096 * 4096;
    return bytes;
  }

  // The machine starts again with what the device has.
  void recover() {
    for (auto& change : pending_)
      if (chance(0.5)) change(device_names_);
    pending_.clear();
    for (auto& [name, inode] : device_names_) {
      std::string after = inode->device;
      if (chance(0.5)) after.resize(inode->data.size(), '\0');
      for (const std::size_t sector : inode->dirty) {
        if (chance(0.5)) continue;
        const std::size_t begin = sector * kSector;
        std::size_t end = std::min({begin + kSector, inode->data.size(), after.size()});
        if (chance(0.1) && end > begin) end = begin + random() % (end - begin);
        if (end > begin) after.replace(begin, end - begin, inode->data, begin, end - begin);
      }
      inode->data = inode->device = after;
      inode->dirty.clear();
      inode->allocated = after.size();
    }
    names = device_names_;
    crashed = false;
    crash_in = -1;
  }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    RESMON_TRY(operate(path));
    if (names.contains(path)) return fail(system_error(path, EEXIST));
    auto inode = std::make_shared<Inode>();
    inodes_.push_back(inode);
    change([path, inode](Names& all) { all[path] = inode; });
    return handle(inode, path);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    RESMON_TRY(operate(path));
    const auto at = names.find(path);
    if (at == names.end()) return fail(system_error(path, ENOENT));
    return handle(at->second, path);
  }
  Status remove(const std::string& path) override {
    RESMON_TRY(operate(path));
    if (!names.contains(path)) return fail(system_error(path, ENOENT));
    change([path](Names& all) { all.erase(path); });
    return {};
  }
  Status rename(const std::string& from, const std::string& to) override {
    RESMON_TRY(operate(from));
    const auto inode = names[from];
    change([from, to, inode](Names& all) { all.erase(from), all[to] = inode; });
    return {};
  }
  Status make_directory(const std::string&) override { return {}; }
  Status sync_directory(const std::string& path) override {
    RESMON_TRY(operate(path));
    device_names_ = names;
    pending_.clear();
    return {};
  }
  Result<std::vector<Entry>> list(const std::string& directory) override {
    if (crashed) return fail(system_error(directory, EIO));
    std::vector<Entry> entries;
    for (const auto& [path, inode] : names) entries.push_back({path.substr(directory.size() + 1), inode->data.size()});
    return entries;
  }
  Result<std::unique_ptr<Lock>> lock(const std::string&) override { return std::make_unique<Lock>(); }

  Names names;

 private:
  class SimulatedFile : public File {
   public:
    SimulatedFile(SimulatedFiles& owner, std::shared_ptr<Inode> inode, std::string path)
        : owner_(owner), inode_(std::move(inode)), path_(std::move(path)) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) override {
      RESMON_TRY(owner_.operate(path_));
      if (offset >= inode_->data.size()) return std::size_t{0};
      if (path_ == owner_.unreadable && offset < owner_.unreadable_at + kSector &&
          offset + out.size() > owner_.unreadable_at) {
        // As the kernel does: what is before it is read.
        if (offset >= owner_.unreadable_at) return fail(system_error(path_, EIO));
        out = out.first(static_cast<std::size_t>(owner_.unreadable_at - offset));
      }
      return inode_->data.copy(out.data(), out.size(), static_cast<std::size_t>(offset));
    }
    Result<std::size_t> write_at(std::uint64_t offset, std::string_view bytes) override {
      Status status = owner_.operate(path_);
      std::size_t take = bytes.size();
      if (owner_.crashed) return fail(system_error(path_, EIO));
      if ((!status || owner_.chance(owner_.short_ratio)) && take > 1) take = 1 + owner_.random() % (take - 1);
      const std::uint64_t end = offset + take;
      if (!owner_.grow(*inode_, end)) return fail(system_error(path_, ENOSPC));
      if (inode_->data.size() < end) inode_->data.resize(end, '\0');
      inode_->data.replace(static_cast<std::size_t>(offset), take, bytes.substr(0, take));
      for (std::uint64_t sector = offset / kSector; sector * kSector < end; ++sector) inode_->dirty.insert(sector);
      owner_.highest_usage = std::max(owner_.highest_usage, owner_.usage());
      if (!status) return fail(std::move(status).error());
      return take;
    }
    Status sync() override {
      Status status = owner_.operate(path_);
      if (owner_.crashed) return status;
      if (owner_.fail_syncs > 0) {
        --owner_.fail_syncs;
        inode_->dirty.clear();
        return fail(system_error(path_, EIO));
      }
      if (!status) {
        // Some pages made it, all are now believed to.
        inode_->device.resize(std::max(inode_->device.size(), inode_->data.size()), '\0');
        for (const std::size_t sector : inode_->dirty)
          if (owner_.chance(0.5) && sector * kSector < inode_->data.size())
            inode_->device.replace(sector * kSector, std::min(kSector, inode_->data.size() - sector * kSector),
                                   inode_->data, sector * kSector, kSector);
        inode_->dirty.clear();
        return status;
      }
      // Only what is dirty is written: what a failed sync forgot stays forgotten.
      inode_->device.resize(inode_->data.size(), '\0');
      for (const std::size_t sector : inode_->dirty)
        if (sector * kSector < inode_->data.size())
          inode_->device.replace(sector * kSector, std::min(kSector, inode_->data.size() - sector * kSector),
                                 inode_->data, sector * kSector, kSector);
      inode_->dirty.clear();
      return {};
    }
    Status allocate(std::uint64_t bytes) override {
      RESMON_TRY(owner_.operate(path_));
      if (!owner_.grow(*inode_, bytes)) return fail(system_error(path_, ENOSPC));
      inode_->allocated = std::max(inode_->allocated, bytes);
      if (inode_->data.size() < bytes) inode_->data.resize(bytes, '\0');
      owner_.highest_usage = std::max(owner_.highest_usage, owner_.usage());
      return {};
    }
    Status truncate(std::uint64_t bytes) override {
      RESMON_TRY(owner_.operate(path_));
      inode_->data.resize(bytes, '\0');
      inode_->allocated = bytes;
      return {};
    }
    Result<std::uint64_t> size() override { return inode_->data.size(); }

   private:
    SimulatedFiles& owner_;
    const std::shared_ptr<Inode> inode_;
    const std::string path_;
  };

  bool chance(double ratio) { return std::uniform_real_distribution<>()(random) < ratio; }

  Status operate(const std::string& path) {
    ++operations;
    if (!crashed && crash_in >= 0 && crash_in-- == 0) crashed = true;
    if (crashed || chance(fail_ratio)) return fail(system_error(path, EIO));
    return {};
  }
  bool grow(const Inode& inode, std::uint64_t bytes) const {
    const std::uint64_t have = std::max<std::uint64_t>(inode.data.size(), inode.allocated);
    return bytes <= have || usage() + bytes - have <= capacity;
  }
  void change(std::function<void(Names&)> apply) {
    apply(names);
    pending_.push_back(std::move(apply));
  }
  std::unique_ptr<File> handle(const std::shared_ptr<Inode>& inode, const std::string& path) {
    return std::make_unique<SimulatedFile>(*this, inode, path);
  }

  Names device_names_;
  std::vector<std::function<void(Names&)>> pending_;
  std::vector<std::weak_ptr<Inode>> inodes_;
};

}  // namespace resmon::journal
