#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

// A statfs that answers from a table, and hangs on chosen paths until it is let go.
class FakeStatfs {
 public:
  StatfsFunction function() {
    return [state = state_](const char* path, struct ::statfs* out) {
      std::unique_lock lock(state->mutex);
      ++state->calls[path];
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return !state->stuck[path]; });
      if (const auto error = state->errors.find(path); error != state->errors.end()) return error->second;
      *out = {};
      out->f_bsize = 4096;
      out->f_blocks = 1000;
      out->f_bfree = 400;
      out->f_bavail = 300;
      out->f_files = 100;
      out->f_ffree = 75;
      return 0;
    };
  }
  ~FakeStatfs() { release_all(); }
  void hang(const std::string& path) {
    set([&] { state_->stuck[path] = true; });
  }
  void release(const std::string& path) {
    set([&] { state_->stuck[path] = false; });
  }
  void release_all() {
    set([&] { state_->stuck.clear(); });
  }
  void error(const std::string& path, int number) {
    set([&] { state_->errors[path] = number; });
  }
  int calls(const std::string& path) {
    const std::lock_guard lock(state_->mutex);
    return state_->calls[path];
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, bool> stuck;
    std::map<std::string, int> errors;
    std::map<std::string, int> calls;
  };
  template <class F>
  void set(F f) {
    const std::lock_guard lock(state_->mutex);
    f();
    state_->changed.notify_all();
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

std::string row(const std::string& tags) {
  return "disk," + tags +
         " total=4096000i,free=1228800i,used=2457600i,inodes_total=100i,inodes_free=75i,inodes_used=25i,"
         "used_percent=66.67,inodes_used_percent=25";
}

TEST(Disk, MountsAsTelegrafNamesThem) {
  Machine machine;
  machine.capture("host");
  machine.roots.root = "";
  FakeStatfs statfs;
  statfs.error("/proc", 0);
  statfs.error("/private", EACCES);
  Probe probe(machine, make_disk, {}, [f = statfs.function()](const char* path, struct ::statfs* out) {
    const int error = f(path, out);
    const std::string_view p(path);
    if (p == "/proc" || p == "/sys" || p.starts_with("/sys/")) out->f_blocks = 0;
    return error;
  });
  Lines lines = probe.gather();
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, (Lines{row("device=files.example:/export,fstype=nfs4,mode=rw,path=/mnt/share"),
                          row("device=sdb1,fstype=xfs,mode=ro,path=/srv/nfs/exports"),
                          row("device=sdb1,fstype=xfs,mode=rw,path=/srv"),
                          row("device=sdc1,fstype=vfat,mode=rw,path=/media/My\\ Disk\\x"),
                          row("device=sdd1,fstype=ext4,mode=rw,path=/mnt/share/local"),
                          row("device=sde2,fstype=ext4,mode=rw,path=/covered"),
                          row("device=vda,fstype=ext4,mode=rw,path=/")}));
  EXPECT_EQ(probe.error, "") << "what we may not see is left out, as Telegraf does";
}

TEST(Disk, TheRootIsPutBeforeMountPointsAndNotShown) {
  Machine machine;
  machine.roots.root = "/hostfs";
  machine.write("proc/1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                "2 1 8:2 / /hostfs rw - ext4 /dev/sdb1 rw\n"
                "3 2 8:3 / /hostfs/home rw - ext4 /dev/sdb2 rw\n"
                "4 1 8:4 / /data rw - ext4 /dev/sdc1 rw\n"
                "5 1 8:4 / /hostfsx rw - ext4 /dev/sdd1 rw\n");
  FakeStatfs statfs;
  Probe probe(machine, make_disk, {}, statfs.function());
  EXPECT_EQ(
      probe.gather(),
      (Lines{row("device=sdb1,fstype=ext4,mode=rw,path=/"), row("device=sdb2,fstype=ext4,mode=rw,path=/home"),
             row("device=sdc1,fstype=ext4,mode=rw,path=/data"), row("device=sdd1,fstype=ext4,mode=rw,path=/hostfsx")}));
  EXPECT_EQ(statfs.calls("/hostfs"), 1);
  EXPECT_EQ(statfs.calls("/hostfs/home"), 1);
  EXPECT_EQ(statfs.calls("/hostfs/data"), 1);
  EXPECT_EQ(statfs.calls("/"), 0);
}

TEST(Disk, FiltersAndIgnoredTypes) {
  Machine machine;
  machine.capture("host");
  machine.roots.root = "";
  FakeStatfs statfs;
  CollectorOptions options;
  options.ignore_file_systems = {"xfs", "ext4", "nfs4", "proc", "sysfs", "cgroup2", "overlay", "squashfs"};
  options.filter.exclude = {"/dev", "/dev/*"};
  Probe probe(machine, make_disk, options, statfs.function());
  EXPECT_EQ(probe.gather(), (Lines{row("device=sdc1,fstype=vfat,mode=rw,path=/media/My\\ Disk\\x")}));
  EXPECT_EQ(statfs.calls("/net"), 0) << "autofs is never asked: that would mount it";
}

TEST(Disk, ChangesOfTheMountTableAreSeen) {
  Machine machine;
  machine.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  Probe probe(machine, make_disk, {}, statfs.function());
  EXPECT_EQ(probe.gather().size(), 1U);
  machine.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data ro - ext4 /dev/root rw\n");
  std::filesystem::create_directories(machine.path("sys/dev/block"));
  std::filesystem::create_symlink("../../devices/pci/block/sdx/sdx2", machine.path("sys/dev/block/8:2"));
  EXPECT_EQ(probe.gather().at(1), row("device=sdx2,fstype=ext4,mode=ro,path=/data")) << "the device's real name";
}

TEST(Disk, WhatHasNoBlocksIsAskedOnceAMinute) {
  Machine machine;
  machine.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:4 / /proc rw - proc proc rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  bool blocks = false;
  Probe probe(machine, make_disk, {}, [&, f = statfs.function()](const char* path, struct ::statfs* out) {
    const int error = f(path, out);
    if (std::string_view(path) == "/proc" && !blocks) out->f_blocks = 0;
    return error;
  });
  for (int i = 0; i < 60; ++i) EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_EQ(statfs.calls("/proc"), 1);
  EXPECT_EQ(statfs.calls("/"), 60);
  blocks = true;
  EXPECT_EQ(probe.gather().size(), 2U) << "a minute later it is asked again";
  EXPECT_EQ(probe.gather().size(), 2U);
}

TEST(Disk, AnErrorNamesItsMountAndTheOthersAreReported) {
  Machine machine;
  machine.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / /mnt/nfs rw - nfs server:/ rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  statfs.error("/mnt/nfs", ESTALE);
  Probe probe(machine, make_disk, {}, statfs.function());
  EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_EQ(probe.error, "/mnt/nfs: statfs: Stale file handle");
}

// One mount whose statfs answers with these numbers.
struct Space {
  std::uint64_t frsize, blocks, bfree, bavail, files, ffree;
};

std::string row_of(const Space& space) {
  Machine machine;
  machine.write("proc/1/mountinfo", "300 27 0:55 / /mnt/v rw,relatime - virtiofs virtiofs0 rw\n");
  machine.roots.root = "";
  Probe probe(machine, make_disk, {}, [space](const char*, struct ::statfs* out) {
    *out = {};
    out->f_bsize = 1 << 20;
    out->f_frsize = static_cast<decltype(out->f_frsize)>(space.frsize);
    out->f_blocks = space.blocks;
    out->f_bfree = space.bfree;
    out->f_bavail = space.bavail;
    out->f_files = space.files;
    out->f_ffree = space.ffree;
    return 0;
  });
  const Lines lines = probe.gather();
  EXPECT_EQ(probe.error, "");
  return lines.size() == 1 ? lines[0].substr(lines[0].find(' ') + 1) : std::string();
}

// As df has it: used = blocks - bfree, in units of f_frsize; use% = used / (used + available).
TEST(Disk, SpaceIsInUnitsOfTheFragmentSize) {
  EXPECT_EQ(row_of({4096, 1000, 400, 300, 100, 75}),
            "total=4096000i,free=1228800i,used=2457600i,inodes_total=100i,inodes_free=75i,inodes_used=25i,"
            "used_percent=66.67,inodes_used_percent=25");
  EXPECT_EQ(row_of({0, 1, 0, 0, 0, 0}),
            "total=1048576i,free=0i,used=1048576i,inodes_total=0i,inodes_free=0i,"
            "inodes_used=0i,used_percent=100,inodes_used_percent=0")
      << "a kernel before 2.6 has no f_frsize";
}

TEST(Disk, WhatRootHasTakenOfTheReserveIsNegative) {
  EXPECT_EQ(row_of({1024, 1000, 10, static_cast<std::uint64_t>(-40), 10, 5}),
            "total=1024000i,free=-40960i,used=1013760i,inodes_total=10i,inodes_free=5i,inodes_used=5i,"
            "used_percent=104.21,inodes_used_percent=50");
}

TEST(Disk, MoreFreeThanThereIsIsNegativeUseAndNoPercentage) {
  EXPECT_EQ(row_of({1024, 100, 150, 150, 10, 20}),
            "total=102400i,free=153600i,used=-51200i,inodes_total=10i,inodes_free=20i,inodes_used=-10i");
  EXPECT_EQ(row_of({4096, 100, 50, UINT64_MAX, UINT64_MAX, UINT64_MAX}), "total=409600i,used=204800i")
      << "what the file system does not know";
}

TEST(Disk, NoRowOfAnotherFileSystemThanTheMounts) {
  Machine machine;
  machine.write("proc/1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /later rw - ext4 /dev/sda2 rw\n"
                "3 1 0:40 /@home /home rw - btrfs /dev/sda3 rw\n4 1 0:41 / /sub rw - btrfs /dev/sda4 rw\n"
                "5 1 0:50 / /mnt/nfs rw - nfs server:/ rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  std::map<std::string, Device> devices = {{"/", {8, 1}}, {"/later", {8, 1}}, {"/home", {0, 44}}, {"/sub", {8, 1}}};
  Probe probe(
      machine, make_disk, {},
      [f = statfs.function()](const char* path, struct ::statfs* out) {
        const int error = f(path, out);
        if (std::string_view(path) == "/home") out->f_type = 0x9123683E;
        return error;
      },
      [&](const char* path) -> std::optional<Device> {
        const auto found = devices.find(path);
        return found == devices.end() ? std::nullopt : std::optional(found->second);
      });
  const auto paths = [&] {
    Lines found;
    for (const std::string& line : probe.gather()) {
      const std::size_t at = line.find("path=") + 5;
      found.push_back(line.substr(at, line.find(' ', at) - at));
    }
    std::sort(found.begin(), found.end());
    return found;
  };
  EXPECT_EQ(paths(), (Lines{"/", "/home", "/mnt/nfs"})) << "a subvolume has a device of its own";
  EXPECT_EQ(probe.error, "") << "that is told once, in the log";
  devices["/later"] = {8, 2};
  EXPECT_EQ(paths(), (Lines{"/", "/home", "/later", "/mnt/nfs"})) << "it can be seen now";
}

TEST(Disk, TheLabelIsTheDeviceMappersNameOrUdevs) {
  Machine machine;
  machine.write("proc/1/mountinfo",
                "1 0 253:0 / / rw - ext4 /dev/dm-0 rw\n2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n"
                "3 1 0:40 / /home rw - btrfs /dev/sda3 rw\n4 1 8:4 / /none rw - ext4 /dev/sda4 rw\n"
                "5 1 0:50 / /mnt/nfs rw - nfs server:/../../x rw\n");
  machine.write("sys/block/dm-0/dm/name", "vg0-root\n").write("sys/class/block/sda3/dev", "8:3\n");
  machine.write("root/run/udev/data/b8:2", "S:disk/by-id/x\nE:ID_FS_LABEL_ENC=My\\x20Data\nE:ID_FS_LABEL=My_Data\n");
  machine.write("root/run/udev/data/b8:3", "E:ID_FS_LABEL=pool");
  machine.write("root/run/udev/data/b8:4", "E:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=\n");
  FakeStatfs statfs;
  Probe probe(machine, make_disk, {}, statfs.function());
  Lines lines = probe.gather();
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, (Lines{row("device=dm-0,fstype=ext4,label=vg0-root,mode=rw,path=/"),
                          row("device=sda2,fstype=ext4,label=My_Data,mode=rw,path=/data"),
                          row("device=sda3,fstype=btrfs,label=pool,mode=rw,path=/home"),
                          row("device=sda4,fstype=ext4,mode=rw,path=/none"),
                          row("device=server:/../../x,fstype=nfs,mode=rw,path=/mnt/nfs")}));
}

using Milliseconds = std::chrono::milliseconds;

Milliseconds timed(Probe& probe, Lines& lines) {
  const auto begin = std::chrono::steady_clock::now();
  lines = probe.gather();
  return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begin);
}

// Gathers until the mount is reported again and nothing is wrong; the answer arrives on another thread.
bool answers_again(Probe& probe, const std::string& path) {
  for (int i = 0; i < 200; ++i) {
    for (const std::string& line : probe.gather())
      if (line.find("path=" + path + " ") != std::string::npos && probe.error.empty()) return true;
    std::this_thread::sleep_for(Milliseconds(5));
  }
  return false;
}

TEST(Disk, AStuckMountDelaysNothingAndIsSkippedUntilItAnswers) {
  Machine machine;
  machine.write("proc/1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / /mnt/dead rw - nfs server:/ rw\n"
                "3 1 0:51 / /mnt/alive rw - cifs //server/x rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  statfs.hang("/mnt/dead");
  Probe probe(machine, make_disk, {}, statfs.function());
  Lines lines;
  EXPECT_LT(timed(probe, lines), Milliseconds(1000)) << "the one time that it is waited for";
  EXPECT_EQ(lines.size(), 2U);
  EXPECT_EQ(probe.error, "/mnt/dead: statfs does not answer");
  // It is not waited for again, whatever the patience: twenty gathers with waiting would take a second.
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(probe.gather().size(), 2U);
    EXPECT_EQ(probe.error, "/mnt/dead: statfs does not answer");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Milliseconds(800));
  EXPECT_EQ(statfs.calls("/mnt/dead"), 1) << "no second call while one is under way";
  statfs.release("/mnt/dead");
  EXPECT_TRUE(answers_again(probe, "/mnt/dead"));
}

TEST(Disk, TheHelpersAreBounded) {
  Machine machine;
  std::string table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
  FakeStatfs statfs;
  for (int i = 0; i < 6; ++i) {
    const std::string path = "/mnt/" + std::to_string(i);
    table += "2 1 0:50 / " + path + " rw - nfs server:/ rw\n";
    statfs.hang(path);
  }
  machine.write("proc/1/mountinfo", table);
  machine.roots.root = "";
  Probe probe(machine, make_disk, {}, statfs.function());
  EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_NE(probe.error.find("/mnt/5: not asked for its space: every helper thread waits for another mount"),
            std::string::npos)
      << probe.error;
  int asked = 0;
  for (int i = 0; i < 6; ++i) asked += statfs.calls("/mnt/" + std::to_string(i));
  EXPECT_EQ(asked, 4);
  statfs.release_all();
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(answers_again(probe, "/mnt/" + std::to_string(i)));
}

TEST(Disk, AMountInsideOfAStuckOneIsAskedByAHelper) {
  Machine machine;
  machine.write("proc/1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / /mnt rw - nfs server:/ rw\n"
                "3 2 8:2 / /mnt/local rw - ext4 /dev/sdb1 rw\n");
  machine.roots.root = "";
  FakeStatfs statfs;
  statfs.hang("/mnt");
  statfs.hang("/mnt/local");
  Probe probe(machine, make_disk, {}, statfs.function());
  EXPECT_EQ(probe.gather(), Lines{row("device=sda1,fstype=ext4,mode=rw,path=/")});
  EXPECT_EQ(probe.error, "/mnt: statfs does not answer; /mnt/local: statfs does not answer");
}

}  // namespace
}  // namespace resmon::collect
