// Space and inodes of each mount, by Telegraf's rules (plugins/inputs/disk, gopsutil's disk package): every mount but
// the ignored types, bind mounts included; those without blocks (proc, cgroup) are no disks. Where one path is mounted
// over, only the mount on top can be asked, so only it is reported.
//
// With a root prefix (a container that sees its host under /hostfs) a mount point outside the prefix is looked for
// under it, and left out if that path is a mount of its own, which is then listed itself; paths are reported without
// the prefix.
//
// statfs at a mount's path may reach another file system: if the mount was made in a mount namespace that the client's
// does not follow, or if a directory above it was mounted over. Such numbers would be wrong, so the device of the file
// system that statfs reached must be the one in the mount table.
//
// Half of a machine's mounts have no blocks (proc, sysfs, a dozen cgroups), and together they cost more than all real
// disks. A mount without blocks is asked again after a minute, or when the mount table changes.
//
// statfs may hang for ever. File systems that answer from memory are asked directly, in about a microsecond; the rest
// (network, FUSE, and what is mounted inside of one, since the way there leads through it) by a helper thread. Handing
// every mount to a helper was rejected: two thread switches a gather cost as much as all that cpu, mem and net do. A
// direct call that ever took 10 ms makes its mount one for the helpers.
//
// How a helper's mount goes:
//   asked and answered within the patience (50 ms for all together)   its row is written
//   not answered in time       an error that names it; it is never waited for again, until an answer comes
//   answered later             the answer is reported at the next gather, at most an interval old; a server that is
//                              always slow is reported each time in this way, and nothing waits for it

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "collect/collectors.h"
#include "collect/helper_pool.h"
#include "collect/mount_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

// A mount that hangs costs this once; a machine that is too busy to wake a helper sooner would have gaps.
constexpr std::chrono::milliseconds kPatience{200};
constexpr std::chrono::milliseconds kDirectLimit{10};
constexpr std::size_t kHelperThreads = 4;
constexpr std::size_t kUdevBytes = 1U << 20U;
constexpr std::chrono::minutes kWithoutBlocksInterval{1};

enum DiskField : std::size_t {
  kBytesTotal,
  kBytesFree,
  kBytesUsed,
  kInodesTotal,
  kInodesFree,
  kInodesUsed,
  kUsedPercent,
  kInodesUsedPercent
};
constexpr FieldSpec kDiskFields[] = {
    {"total", kInteger},       {"free", kInteger},        {"used", kInteger},       {"inodes_total", kInteger},
    {"inodes_free", kInteger}, {"inodes_used", kInteger}, {"used_percent", kFloat}, {"inodes_used_percent", kFloat},
};

// Types whose statfs sums counters in memory, and whose mount points a path walk passes without asking anyone: the
// kernel keeps the way to a mount point in its cache as long as it is mounted. Not here on purpose: btrfs and zfs,
// whose statfs takes locks that a suspended pool holds.
bool answers_from_memory(std::string_view type) {
  static const std::unordered_set<std::string_view> kTypes = {
      "ext2",      "ext3",  "ext4",   "xfs",     "f2fs",     "jfs",      "vfat",       "msdos",
      "exfat",     "tmpfs", "ramfs",  "rootfs",  "devtmpfs", "overlay",  "squashfs",   "erofs",
      "iso9660",   "udf",   "proc",   "sysfs",   "cgroup",   "cgroup2",  "devpts",     "mqueue",
      "hugetlbfs", "bpf",   "pstore", "debugfs", "tracefs",  "efivarfs", "securityfs", "nsfs"};
  return kTypes.contains(type);
}

bool is_under(std::string_view path, std::string_view directory) {
  if (directory.empty() || directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

constexpr std::uint64_t kUnknownCount = UINT64_MAX;  // how a file system says that it does not know

std::int64_t in_bytes(std::int64_t blocks, std::uint64_t block_bytes) {
  std::int64_t bytes = 0;
  if (!__builtin_mul_overflow(blocks, block_bytes, &bytes)) return bytes;
  return blocks < 0 ? INT64_MIN : INT64_MAX;
}

std::int64_t difference(std::uint64_t total, std::uint64_t free) {
  return total >= free ? clip(total - free) : -clip(free - total);
}

// The type number of file systems whose directories may have other devices than their mount has; 0 of all others.
std::uint64_t with_own_devices(std::string_view type) {
  if (type == "btrfs") return BTRFS_SUPER_MAGIC;
  if (type == "overlay") return OVERLAYFS_SUPER_MAGIC;
  if (type == "aufs") return 0x61756673;
  return 0;
}

// "254:0"
std::optional<Device> parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  if (colon == std::string_view::npos || !procfs::Fields(text.substr(0, colon)).number(major) ||
      !procfs::Fields(text.substr(colon + 1)).number(minor) || major > UINT32_MAX || minor > UINT32_MAX)
    return {};
  return Device{static_cast<std::uint32_t>(major), static_cast<std::uint32_t>(minor)};
}

struct StatfsAnswer {
  int error_number = 0;
  struct ::statfs value {};
  std::optional<Device> device;
};

StatfsAnswer ask_statfs(const StatfsFunction& statfs_function, const DeviceFunction& device_function,
                        const std::string& path) {
  StatfsAnswer got;
  got.error_number = statfs_function(path.c_str(), &got.value);
  if (got.error_number == 0) got.device = device_function(path.c_str());
  return got;
}

// Outlives the collector where the call never returns, so it has functions of its own.
class StatfsJob final : public HelperPool::Job {
 public:
  StatfsJob(const Shared& shared, std::string path)
      : statfs_function_(shared.statfs_function()),
        device_function_(shared.device_function()),
        path_(std::move(path)) {}
  StatfsAnswer answer;

 private:
  void run() override { answer = ask_statfs(statfs_function_, device_function_, path_); }

  const StatfsFunction statfs_function_;
  const DeviceFunction device_function_;
  const std::string path_;
};

struct Asked {
  std::string path;  // what statfs is given
  RowSchema schema;
  bool direct;
  std::optional<Device> device;  // that the mount table names
  std::uint64_t own_devices;
  std::shared_ptr<StatfsJob> job;               // once a helper has been needed
  std::chrono::steady_clock::time_point again;  // not asked before
};

class DiskCollector final : public Collector {
 public:
  DiskCollector(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : roots_(roots),
        filter_(options.filter),
        ignored_(options.ignore_file_systems.begin(), options.ignore_file_systems.end()),
        schemas_(schemas),
        shared_(shared),
        table_(roots),
        pool_(kHelperThreads) {
    ignored_.insert("autofs");
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_ASSIGN(const bool changed, table_.refresh(context, shared_.buffer()));
    if (changed) rebuild();
    const auto deadline = HelperPool::Clock::now() + kPatience;
    problems_.clear();
    waited_for_.clear();
    for (Asked& asked : asked_)
      if (!asked.direct && context.steady >= asked.again) ask_helper(asked, context, out);
    for (Asked& asked : asked_)
      if (asked.direct && context.steady >= asked.again) ask_directly(asked, context, out);
    for (Asked* asked : waited_for_) {
      if (pool_.wait(*asked->job, deadline)) {
        pool_.take(*asked->job);
        answer(*asked, asked->job->answer, context, out);
      } else {
        no_answer(*asked);
      }
    }
    if (problems_.empty()) return {};
    return fail(ErrorKind::kUnavailable, problems_);
  }

 private:
  void ask_directly(Asked& asked, const GatherContext& context, metric::Batch& out) {
    const auto begin = HelperPool::Clock::now();
    const StatfsAnswer got = ask_statfs(shared_.statfs_function(), shared_.device_function(), asked.path);
    if (HelperPool::Clock::now() - begin > kDirectLimit) asked.direct = false;
    answer(asked, got, context, out);
  }

  void ask_helper(Asked& asked, const GatherContext& context, metric::Batch& out) {
    if (!asked.job) asked.job = std::make_shared<StatfsJob>(shared_, asked.path);
    switch (pool_.state(*asked.job)) {
      case HelperPool::State::kIdle:
        pool_.ask(asked.job);
        waited_for_.push_back(&asked);
        break;
      case HelperPool::State::kDone: {
        const auto took = pool_.take(*asked.job);
        answer(asked, asked.job->answer, context, out);
        if (took > kPatience) pool_.ask(asked.job);
        break;
      }
      case HelperPool::State::kQueued:
      case HelperPool::State::kRunning:
        no_answer(asked);
        break;
    }
  }

  void no_answer(const Asked& asked) {
    problem(asked.path, pool_.state(*asked.job) == HelperPool::State::kQueued
                            ? "not asked for its space: every helper thread waits for another mount"
                            : "statfs does not answer");
  }

  void answer(Asked& asked, const StatfsAnswer& got, const GatherContext& context, metric::Batch& out) {
    switch (got.error_number) {
      case 0:
        break;
      case EACCES:
      case EPERM:
      case ENOENT:
      case ENOTDIR:
        return;  // not for us to see, or covered, or just unmounted: Telegraf leaves such mounts out, too
      default:
        problem(asked.path, system_error("statfs", got.error_number).message);
        return;
    }
    const struct ::statfs& value = got.value;
    if (value.f_blocks == 0) {
      asked.again = context.steady + kWithoutBlocksInterval;
      return;
    }
    if (is_another(asked, got)) {
      context.tell(asked.path,
                   "no row: another file system is found at this mount's path (the mount is covered, or not "
                   "in this client's mount namespace)");
      return;
    }
    if (auto ready = asked.schema.ready(); !ready) return problem(asked.path, ready.error().message);
    write(asked.schema, value, context, out);
  }

  // Whether what was found at the path is not the file system of this mount. The subvolumes of btrfs have devices of
  // their own, which no table lists, and so have files on overlay and aufs: for these it is the type that must be
  // right.
  static bool is_another(const Asked& asked, const StatfsAnswer& got) {
    if (!asked.device || !got.device || *asked.device == *got.device) return false;
    return asked.own_devices == 0 || static_cast<std::uint64_t>(got.value.f_type) != asked.own_devices;
  }

  // Space as df shows it: in units of f_frsize (f_bsize is only the size of a good read, and on some FUSE file systems
  // 256 times as much), and signed where more is free than there is, or less than nothing is left for users.
  static void write(const RowSchema& schema, const struct ::statfs& value, const GatherContext& context,
                    metric::Batch& out) {
    const auto positive = [](auto size) { return size > 0 ? static_cast<std::uint64_t>(size) : 0; };
    const std::uint64_t unit = value.f_frsize > 0 ? positive(value.f_frsize) : positive(value.f_bsize);
    const std::int64_t free = in_bytes(static_cast<std::int64_t>(value.f_bavail), unit);
    const std::int64_t used = in_bytes(difference(value.f_blocks, value.f_bfree), unit);
    metric::RowWriter row = schema.add(out, context.time);
    row.set(kBytesTotal, in_bytes(clip(value.f_blocks), unit));
    row.set(kBytesUsed, used);
    if (value.f_bavail != kUnknownCount) {
      row.set(kBytesFree, free);
      share(row, kUsedPercent, used, static_cast<double>(used) + static_cast<double>(free));
    }
    if (value.f_files == kUnknownCount || value.f_ffree == kUnknownCount) return;
    const std::int64_t inodes_used = difference(value.f_files, value.f_ffree);
    row.set(kInodesTotal, clip(value.f_files));
    row.set(kInodesFree, clip(value.f_ffree));
    row.set(kInodesUsed, inodes_used);
    share(row, kInodesUsedPercent, inodes_used, static_cast<double>(value.f_files));
  }

  // df shows no percentage if it would be negative.
  static void share(metric::RowWriter& row, DiskField field, std::int64_t part, double whole) {
    if (part >= 0 && whole >= 0) row.set(field, percent(static_cast<double>(part), whole));
  }

  void problem(const std::string& path, std::string_view what) {
    if (!problems_.empty()) problems_ += "; ";
    problems_ += path;
    problems_ += ": ";
    problems_ += what;
  }

  void rebuild() {
    const std::vector<procfs::Mount>& mounts = table_.mounts();
    std::unordered_map<std::string_view, std::size_t> on_top;  // by path: a later mount covers an earlier
    for (std::size_t i = 0; i < mounts.size(); ++i) on_top[mounts[i].path] = i;
    std::vector<std::string_view> may_block;
    for (const procfs::Mount& mount : mounts)
      if (!answers_from_memory(mount.type)) may_block.push_back(mount.path);

    std::unordered_map<std::string, Asked*> before;
    for (Asked& asked : asked_) before[asked.path] = &asked;
    std::vector<Asked> fresh;
    std::unordered_set<std::string> reported;
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      const procfs::Mount& mount = mounts[i];
      if (on_top[mount.path] != i || ignored_.contains(mount.type)) continue;
      std::string path = mount.path;
      std::string shown = mount.path;
      if (!roots_.root.empty()) {
        if (is_under(mount.path, roots_.root)) {
          shown = mount.path.substr(roots_.root.size());
          if (shown.empty()) shown = "/";
        } else {
          path = roots_.root + (mount.path == "/" ? "" : mount.path);
          if (on_top.contains(path)) continue;
        }
      }
      if (!filter_.matches(shown) || !reported.insert(shown).second) continue;
      const bool direct = std::none_of(may_block.begin(), may_block.end(),
                                       [&](std::string_view directory) { return is_under(mount.path, directory); });
      const std::string device = device_name(mount);
      // An empty label is no tag.
      RowSchema schema(schemas_, "disk",
                       {{"path", shown},
                        {"device", device},
                        {"fstype", mount.type},
                        {"label", label_of(device, mount.device_number)},
                        {"mode", mount.read_only ? "ro" : "rw"}},
                       kDiskFields);
      Asked asked{path, schema, direct, parse_device(mount.device_number), with_own_devices(mount.type), nullptr, {}};
      if (const auto known = before.find(path); known != before.end()) asked.job = known->second->job;
      fresh.push_back(std::move(asked));
    }
    asked_ = std::move(fresh);
  }

  // "/dev/sda1" as "sda1"; what /dev/mapper links to ("dm-0"); /dev/root by its device number.
  std::string device_name(const procfs::Mount& mount) const {
    std::string device = mount.device;
    if (device.starts_with("/dev/mapper/")) {
      char resolved[PATH_MAX];
      if (::realpath((roots_.root + device).c_str(), resolved) != nullptr) device = base_name(resolved);
    } else if (device == "/dev/root") {
      char target[PATH_MAX];
      const std::string link = roots_.sys + "/dev/block/" + mount.device_number;
      const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
      if (length > 0) device = base_name({target, static_cast<std::size_t>(length)});
    }
    for (std::size_t at = device.find("/dev/"); at != std::string::npos; at = device.find("/dev/")) device.erase(at, 5);
    return device;
  }
  // The device-mapper's name of it ("vg0-home"), or else the label that udev found in the file system. Asked when the
  // mount table changes.
  std::string label_of(const std::string& device, std::string_view device_number) const {
    if (device.empty() || device.find('/') != std::string::npos) return {};  // a server's, or none
    if (std::string name = read_line(roots_.sys + "/block/" + device + "/dm/name"); !name.empty()) return name;
    std::string number(device_number);
    // For a file system on several devices the table has a number that is not a device's.
    if (number.empty() || number.starts_with("0:")) number = read_line(roots_.sys + "/class/block/" + device + "/dev");
    if (!parse_device(number)) return {};
    const auto text = read_once((roots_.root + "/run/udev/data/b" + number).c_str(), shared_.buffer(), kUdevBytes);
    if (!text) return {};
    procfs::Lines lines(*text);
    for (std::string_view line; lines.next(line);) {
      constexpr std::string_view kKey = "E:ID_FS_LABEL=";
      if (line.starts_with(kKey) && procfs::is_name(line.substr(kKey.size())))
        return std::string(line.substr(kKey.size()));
    }
    return {};
  }

  static std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

  Roots roots_;
  Filter filter_;
  std::unordered_set<std::string> ignored_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  MountTable table_;
  HelperPool pool_;
  std::vector<Asked> asked_;
  std::vector<Asked*> waited_for_;
  std::string problems_;
};

}  // namespace

std::unique_ptr<Collector> make_disk(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                     Shared& shared) {
  return std::make_unique<DiskCollector>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
