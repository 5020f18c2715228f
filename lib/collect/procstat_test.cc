// procstat, and the accounts that it lives on.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "collect/fixture_test.h"
#include "collect/process_accounts.h"
#include "collect/process_groups.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

struct Task {
  std::uint32_t id;
  std::uint32_t parent = 1;
  std::uint64_t own = 0;       // ticks
  std::uint64_t children = 0;  // ticks
  std::uint64_t start = 7;
};

std::vector<ProcessTable::Process> tasks(const std::vector<Task>& all) {
  std::vector<ProcessTable::Process> out;
  for (const Task& task : all) {
    ProcessTable::Process& process = out.emplace_back();
    process.id = task.id;
    process.usage.parent_id = task.parent;
    process.usage.start_ticks = task.start;
    process.usage.user_ticks = task.own;
    process.usage.system_ticks = 0;
    process.usage.children_user_ticks = 0;
    process.usage.children_system_ticks = task.children;
  }
  return out;
}

class AccountsTest : public ::testing::Test {
 protected:
  // id → ticks by itself and by children.
  std::map<std::uint32_t, std::uint64_t> used(const std::vector<Task>& all) {
    accounts_.update(tasks(all), 1000);
    std::map<std::uint32_t, std::uint64_t> out;
    for (const auto& account : accounts_.accounts()) out[account.id] = account.used_ticks + account.children_used;
    return out;
  }
  using Used = std::map<std::uint32_t, std::uint64_t>;
  ProcessAccounts accounts_;
};

TEST_F(AccountsTest, WhatWasUsedBeforeTheFirstGatherCountsForNobody) {
  EXPECT_EQ(used({{1, 0, 500, 900}, {20, 1, 300}}), (Used{{1, 0}, {20, 0}}));
  EXPECT_EQ(used({{1, 0, 510, 900}, {20, 1, 300}, {30, 1, 40, 2}}), (Used{{1, 10}, {20, 0}, {30, 42}}))
      << "a new process is counted from its beginning";
}

TEST_F(AccountsTest, AChildThatWasSeenIsNotCountedAgainWithItsParent) {
  used({{1}, {20, 1}});
  EXPECT_EQ(used({{1}, {20, 1}, {30, 20, 50}}), (Used{{1, 0}, {20, 0}, {30, 50}}));
  // It used 8 more before it ended.
  EXPECT_EQ(used({{1}, {20, 1, 0, 58}}), (Used{{1, 0}, {20, 8}}));
}

TEST_F(AccountsTest, AChildThatNobodySawIsItsParents) {
  used({{1}, {20, 1}});
  EXPECT_EQ(used({{1}, {20, 1, 3, 70}}), (Used{{1, 0}, {20, 73}}));
}

TEST_F(AccountsTest, ThePartsOfAFamilyThatWentTogetherAreTakenOffOnce) {
  used({{1}, {20, 1}});
  used({{1}, {20, 1}, {30, 20, 10}, {40, 30, 100}});
  // 40 ended and was waited for by 30 (which then had 12 of its own), which ended and was waited for by 20.
  EXPECT_EQ(used({{1}, {20, 1, 0, 115}}), (Used{{1, 0}, {20, 5}}));
}

TEST_F(AccountsTest, ADebtIsPaidInTheNextGatherToo) {
  used({{1}, {20, 1}});
  used({{1}, {20, 1}, {30, 20, 50}});
  EXPECT_EQ(used({{1}, {20, 1, 0, 0}}), (Used{{1, 0}, {20, 0}})) << "the parent was read before the child went";
  EXPECT_EQ(used({{1}, {20, 1, 0, 52}}), (Used{{1, 0}, {20, 2}}));
}

TEST_F(AccountsTest, AParentThatNeverWaitsOwesNothingForLong) {
  used({{1}, {20, 1}});
  used({{1}, {20, 1}, {30, 20, 50}});
  used({{1}, {20, 1}});
  used({{1}, {20, 1}});
  EXPECT_EQ(used({{1}, {20, 1, 0, 30}}), (Used{{1, 0}, {20, 30}}));
}

// 10 lives on; 20, its child, ended before 30, which then was init's.
TEST_F(AccountsTest, AnOrphanThatInitWaitedForIsNotCountedAgain) {
  used({{1}, {10, 1}, {20, 10, 5}, {30, 20, 500, 40}});
  EXPECT_EQ(used({{1, 0, 0, 543}, {10, 1, 0, 6}}), (Used{{1, 3}, {10, 1}}));
}

TEST_F(AccountsTest, AnOrphansDebtIsPaidInTheNextGatherToo) {
  used({{1}, {10, 1}, {20, 10, 5}, {30, 20, 500}});
  EXPECT_EQ(used({{1}, {10, 1, 0, 5}}), (Used{{1, 0}, {10, 0}})) << "init was read before the orphan went";
  EXPECT_EQ(used({{1, 0, 0, 502}, {10, 1, 0, 5}}), (Used{{1, 2}, {10, 0}}));
  EXPECT_EQ(used({{1, 0, 0, 902}, {10, 1, 0, 5}}), (Used{{1, 400}, {10, 0}})) << "and only once";
}

TEST_F(AccountsTest, TheDebtOfAParentThatGoesTooGoesOnToItsOwnParent) {
  used({{1}, {10, 1}, {20, 10}, {30, 20, 50}});
  EXPECT_EQ(used({{1}, {10, 1}, {20, 10}}), (Used{{1, 0}, {10, 0}, {20, 0}})) << "20 was read before 30 went";
  EXPECT_EQ(used({{1}, {10, 1, 0, 52}}), (Used{{1, 0}, {10, 2}}));
}

TEST_F(AccountsTest, WhoseParentNobodySawIsInits) {
  used({{1}, {30, 25, 500}});
  EXPECT_EQ(used({{1, 0, 0, 500}}), (Used{{1, 0}}));
}

TEST_F(AccountsTest, AParentsNumberThatLivesOnHasNoPartInItsChildren) {
  used({{1}, {10, 1}, {20, 10, 5}, {30, 20, 500}});
  EXPECT_EQ(used({{1, 0, 0, 500}, {10, 1, 0, 5}, {20, 1, 0, 0, 99}}), (Used{{1, 0}, {10, 0}, {20, 0}}));
}

TEST_F(AccountsTest, AllHaveAtMostWhatTheMachineWorked) {
  used({{1}, {20, 1}, {30, 1}});
  used({{1, 0, 0, 300}, {20, 1, 40, 60}, {30, 1, 50}});
  accounts_.limit(200);
  Used all;
  for (const auto& account : accounts_.accounts()) all[account.id] = account.used_ticks + account.children_used;
  EXPECT_EQ(all, (Used{{1, 50}, {20, 100}, {30, 50}})) << "from the largest of ended children";
  accounts_.limit(10);
  all.clear();
  for (const auto& account : accounts_.accounts()) all[account.id] = account.used_ticks + account.children_used;
  EXPECT_EQ(all, (Used{{1, 0}, {20, 40}, {30, 50}})) << "what was measured stays";
}

TEST_F(AccountsTest, ANumberThatLivesOnIsAnotherProcess) {
  used({{1}, {20, 1, 900}});
  EXPECT_EQ(used({{1}, {20, 1, 4, 0, 99}}), (Used{{1, 0}, {20, 4}}));
}

TEST_F(AccountsTest, NobodyHasMoreThanAllCpusCanDo) {
  used({{1}, {20, 1}});
  EXPECT_EQ(used({{1}, {20, 1, 5000, 7000}}), (Used{{1, 0}, {20, 2000}}));
  EXPECT_EQ(used({{1}, {20, 1, 4000, 7000}}), (Used{{1, 0}, {20, 0}})) << "a counter that goes back";
}

// A machine of which every process is written anew for each gather.
class ProcstatTest : public ::testing::Test {
 protected:
  struct Live {
    std::uint32_t id;
    std::string name;
    std::uint64_t ticks = 0;
    std::uint64_t megabytes = 1;
    std::uint32_t user = 0;
    std::string cgroup = "/";
    std::uint64_t written = 0;
    std::uint32_t parent = 1;
    std::uint64_t children = 0;
    std::uint64_t flags = 0;
  };

  ProcstatTest() {
    machine_.write("root/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n");
    write_stat(0);
    probe_.emplace(machine_, make_procstat);
  }

  void write_stat(std::uint64_t busy) {
    machine_.write("proc/stat", "cpu  " + std::to_string(busy) + " 0 0 1000 0 0 0 0 0 0\ncpu0 " + std::to_string(busy) +
                                    " 0 0 1000 0 0 0 0 0 0\nprocesses " + std::to_string(++forks_) + "\n");
  }
  void write(const Live& one) {
    const std::string folder = "proc/" + std::to_string(one.id) + "/";
    machine_.write(folder + "stat", std::to_string(one.id) + " (" + one.name + ") S " + std::to_string(one.parent) +
                                        " 1 1 0 -1 " + std::to_string(one.flags) + " 5 0 1 0 " +
                                        std::to_string(one.ticks) + " 0 " + std::to_string(one.children) +
                                        " 0 20 0 3 0 " + std::to_string(one.id + 100) + " 1000 " +
                                        std::to_string(one.megabytes * 256) + " 1 1\n");
    const std::string user = std::to_string(one.user);
    machine_.write(folder + "status", "Name:\t" + one.name + "\nUid:\t0\t" + user + "\t0\t0\n");
    machine_.write(folder + "cgroup", "0::" + one.cgroup + "\n");
    machine_.write(folder + "io", "rchar: 9\nread_bytes: 0\nwrite_bytes: " + std::to_string(one.written) + "\n");
  }
  Lines gather(std::uint64_t busy, const std::vector<Live>& all,
               std::chrono::milliseconds later = std::chrono::seconds(1)) {
    // Files are rewritten in place, because the table keeps them open.
    write_stat(busy);
    std::set<std::uint32_t> now;
    for (const Live& one : all) {
      write(one);
      now.insert(one.id);
    }
    for (const std::uint32_t id : there_)
      if (!now.contains(id)) machine_.remove("proc/" + std::to_string(id));
    there_ = std::move(now);
    return probe_->gather(later);
  }
  static double value(const Lines& lines, const std::string& series, const std::string& field) {
    for (const std::string& line : lines) {
      if (!line.starts_with(series + " ")) continue;
      const std::string wanted = field + "=";
      std::size_t at = line.find(" " + wanted);
      if (at == std::string::npos) at = line.find("," + wanted, series.size());
      if (at != std::string::npos) return std::stod(line.substr(at + 1 + wanted.size()));
    }
    return -1;
  }
  static double sum(const Lines& lines, const std::string& field) {
    double all = 0;
    for (const std::string& line : lines) all += std::max(0.0, value({line}, line.substr(0, line.find(' ')), field));
    return all;
  }

  Machine machine_;
  std::optional<Probe> probe_;
  std::uint64_t forks_ = 0;
  std::set<std::uint32_t> there_;
};

TEST_F(ProcstatTest, GroupsByNameUserAndOwner) {
  const auto at = [](std::uint64_t ticks) {
    const std::string id(64, 'a');
    return std::vector<Live>{{1, "systemd", ticks, 9},
                             {20, "web", ticks * 10, 5, 1000, "/system.slice/nginx.service"},
                             {21, "web", ticks * 5, 5, 1000, "/system.slice/nginx.service"},
                             {22, "web", ticks * 2, 5, 1000, "/system.slice/docker-" + id + ".scope"},
                             {23, "web", ticks, 5, 4321, "/user.slice/user-1000.slice/session-3.scope"},
                             {24, "kworker/0:1-x", ticks * 3, 0, 0, "/", 0, 2, 0, procfs::kKernelThread}};
  };
  EXPECT_EQ(gather(0, at(0)), Lines{}) << "a rate needs two readings";
  const Lines lines = gather(30, at(1));
  const std::string nginx = "procstat,process_name=web,systemd_unit=nginx.service,user=ada";
  EXPECT_EQ(value(lines, nginx, "cpu_usage"), 15);
  EXPECT_EQ(value(lines, nginx, "memory_rss"), 10 << 20);
  EXPECT_EQ(value(lines, nginx, "pid"), 20);
  EXPECT_EQ(value(lines, nginx, "num_threads"), 6);
  EXPECT_EQ(value(lines, "procstat,container_name=container,process_name=web,user=ada", "cpu_usage"), 2);
  EXPECT_EQ(value(lines, "procstat,process_name=web,user=4321", "cpu_usage"), 1);
  EXPECT_EQ(value(lines, "procstat,process_name=kworker,user=root", "cpu_usage"), 3);
  EXPECT_EQ(value(lines, "procstat,process_name=other", "cpu_usage"), 8) << "the rest of the machine's 30";
  EXPECT_EQ(sum(lines, "cpu_usage"), 30);
}

TEST_F(ProcstatTest, TheRowsSumToTheMachinesTotalOverTime) {
  double rows = 0;
  std::uint64_t machine = 0;
  for (std::uint64_t i = 0; i <= 40; ++i) {
    // The machine's ticks come late, then together.
    machine = i % 4 == 0 ? i * 20 : machine + 10;
    const Lines lines = gather(machine, {{1, "init"}, {20, "burn", i * 15}});
    if (i != 0) rows += sum(lines, "cpu_usage");
  }
  EXPECT_NEAR(rows, 800, 30);
}

TEST_F(ProcstatTest, AGatherThatComesLateHasTheSameTicks) {
  gather(0, {{1, "init"}, {20, "burn", 0}});
  std::uint64_t ticks = 0;
  std::chrono::milliseconds before(0);
  for (const int late : {7, 0, 40, 3, 90}) {
    const std::chrono::milliseconds now(late);
    probe_->late = now;
    ticks += 20;
    const Lines lines = gather(ticks + 5, {{1, "init"}, {20, "burn", ticks}}, std::chrono::seconds(1) + now - before);
    before = now;
    // 20 ticks of a second that was 1.09 s long are 18 of one that was not.
    const double cpu = value(lines, "procstat,process_name=burn,user=root", "cpu_usage");
    EXPECT_EQ(cpu, std::round(cpu)) << late;
    EXPECT_NEAR(cpu, 20, 2) << late;
  }
}

TEST_F(ProcstatTest, AfterASetClockTheTimeThatPassedCounts) {
  gather(0, {{1, "init"}, {20, "burn", 0}});
  probe_->late = std::chrono::hours(1);
  Lines lines = gather(50, {{1, "init"}, {20, "burn", 50}});
  EXPECT_EQ(value(lines, "procstat,process_name=burn,user=root", "cpu_usage"), 50);
  probe_->late = std::chrono::hours(0);
  lines = gather(90, {{1, "init"}, {20, "burn", 90}});
  EXPECT_EQ(value(lines, "procstat,process_name=burn,user=root", "cpu_usage"), 40);
}

TEST_F(ProcstatTest, MemoryHasEightSignificantBits) {
  gather(0, {{1, "init"}});
  const Lines lines = gather(9, {{1, "init", 0, 7}, {20, "large", 1, 1001}, {21, "larger", 1, 1003}});
  EXPECT_EQ(value(lines, "procstat,process_name=init,user=root", "memory_rss"), 7 << 20);
  EXPECT_EQ(value(lines, "procstat,process_name=large,user=root", "memory_rss"), 1000 << 20);
  EXPECT_EQ(value(lines, "procstat,process_name=larger,user=root", "memory_rss"), 1004 << 20);
}

TEST_F(ProcstatTest, DetailsComeFirstAndEveryFiveMinutes) {
  std::vector<int> seconds;
  for (int second = 0; second <= 660; second += 10) {
    const auto ticks = static_cast<std::uint64_t>(second / 10 + 1);
    const Lines lines = gather(ticks, {{1, "init"}, {20, "burn", ticks}}, std::chrono::seconds(10));
    const double threads = value(lines, "procstat,process_name=burn,user=root", "num_threads");
    EXPECT_EQ(threads >= 0, value(lines, "procstat,process_name=burn,user=root", "pid") == 20);
    if (threads >= 0) seconds.push_back(second);
  }
  EXPECT_EQ(seconds, (std::vector<int>{10, 310, 610}));
}

TEST_F(ProcstatTest, AStormOfShortProcessesIsTheirParents) {
  gather(0, {{1, "init"}, {20, "make", 0}});
  const Lines lines = gather(90, {{1, "init"}, {20, "make", 2, 1, 0, "/", 0, 1, 88}});
  EXPECT_EQ(value(lines, "procstat,process_name=make,user=root", "cpu_usage"), 90);
  EXPECT_EQ(value(lines, "procstat,process_name=other", "cpu_usage"), 0);
}

// A program and what it had started are killed together, and init waits for what became its own.
TEST_F(ProcstatTest, AKilledTreeIsNotCountedAgainWithInit) {
  gather(0, {{1, "init"}, {10, "runner"}, {20, "make", 5, 1, 0, "/", 0, 10}, {30, "cc", 9000, 1, 0, "/", 0, 20}});
  const Lines lines =
      gather(40, {{1, "init", 3, 1, 0, "/", 0, 0, 9020}, {10, "runner", 1, 1, 0, "/", 0, 1, 6}, {40, "burn", 15}});
  EXPECT_EQ(value(lines, "procstat,process_name=init,user=root", "cpu_usage"), 23);
  EXPECT_EQ(value(lines, "procstat,process_name=runner,user=root", "cpu_usage"), 2);
  EXPECT_EQ(value(lines, "procstat,process_name=burn,user=root", "cpu_usage"), 15);
  EXPECT_EQ(sum(lines, "cpu_usage"), 40);
}

TEST_F(ProcstatTest, EndedChildrenHaveNoMoreThanTheMachineWorked) {
  gather(0, {{1, "init"}, {20, "burn"}});
  const Lines lines = gather(20, {{1, "init", 0, 1, 0, "/", 0, 0, 90}, {20, "burn", 15}});
  EXPECT_EQ(value(lines, "procstat,process_name=burn,user=root", "cpu_usage"), 15);
  EXPECT_LE(sum(lines, "cpu_usage"), 22) << "two ticks a CPU are rounding";
}

TEST_F(ProcstatTest, DiskUseOfThoseThatWorked) {
  constexpr std::uint64_t kStep = 65'536;
  gather(0, {{1, "init"}, {20, "db", 1, 8, 0, "/", 7000}});
  gather(9, {{1, "init"}, {20, "db", 2, 8, 0, "/", 8000}});
  Lines lines = gather(9, {{1, "init"}, {20, "db", 3, 8, 0, "/", 9000}});
  const std::string db = "procstat,process_name=db,user=root";
  const double before = value(lines, db, "disk_write_bytes");
  EXPECT_GE(before, 0);
  lines = gather(9, {{1, "init"}, {20, "db", 3, 8, 0, "/", 9000 + 3 * kStep}});
  EXPECT_EQ(value(lines, db, "disk_write_bytes"), before) << "it used no CPU, so it was not asked";
  lines = gather(9, {{1, "init"}, {20, "db", 4, 8, 0, "/", 9000 + 4 * kStep}});
  EXPECT_EQ(value(lines, db, "disk_write_bytes"), before + 4 * kStep);
}

TEST_F(ProcstatTest, DiskUseIsCountedInWholeSteps) {
  constexpr std::uint64_t kStep = 65'536;
  const std::string db = "procstat,process_name=db,user=root";
  gather(0, {{1, "init"}, {20, "db", 1, 8, 0, "/", 0}});
  const double before = value(gather(9, {{1, "init"}, {20, "db", 2, 8, 0, "/", 1}}), db, "disk_write_bytes");
  double last = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    last = value(gather(9, {{1, "init"}, {20, "db", 2 + i, 8, 0, "/", i * kStep / 3}}), db, "disk_write_bytes");
    EXPECT_EQ(static_cast<std::uint64_t>(last) % kStep, 0U);
  }
  EXPECT_NEAR(last - before, 100.0 / 3 * kStep, kStep) << "what is left of a step counts later";
}

TEST_F(ProcstatTest, AGatherHasAtMostSixtyValues) {
  std::vector<Live> all = {{1, "init"}};
  for (std::uint32_t i = 0; i < 100; ++i) all.push_back({100 + i, "p" + std::to_string(i), 0, 100 - i, 0, "/", 0});
  gather(0, all);
  for (int round = 1; round < 20; ++round) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      all[1 + i].ticks += i % 30;
      all[1 + i].written += (i * 7 % 100) * 4096;
    }
    std::size_t values = 0;
    for (const std::string& line : gather(static_cast<std::uint64_t>(round) * 2000, all))
      values += static_cast<std::size_t>(
          std::count(line.begin() + static_cast<std::ptrdiff_t>(line.find(' ')), line.end(), '='));
    EXPECT_LE(values, ProcessGroups::kMostValues);
    EXPECT_GE(values, 40U);
  }
}

TEST_F(ProcstatTest, RandomNamesAreABoundedNumberOfSeries) {
  std::map<std::string, int> series;
  double merged = 0;
  std::uint64_t busy = 0;
  for (std::uint32_t round = 0; round < 300; ++round) {
    std::vector<Live> all = {{1, "init"}};
    for (std::uint32_t i = 0; i < 5; ++i) {
      const std::uint32_t id = 100 + round * 5 + i;
      all.push_back({id, "x" + std::to_string(id * 7919), 50 + i});
    }
    busy += 5 * 52;
    const Lines lines = gather(busy, all);
    for (const std::string& line : lines) ++series[line.substr(0, line.find(' '))];
    merged = std::max(merged, value(lines, "procstat,process_name=other", "merged_groups"));
  }
  EXPECT_LE(series.size(), ProcessGroups::kMostSeriesADay + 1);
  EXPECT_GE(series.size(), ProcessGroups::kMostSeriesADay);
  EXPECT_GT(merged, 0);
}

TEST_F(ProcstatTest, WhatUsedMuchKeepsItsRowForAWhile) {
  std::vector<Live> all = {{1, "init"}};
  for (std::uint32_t i = 0; i < 15; ++i) all.push_back({100 + i, "p" + std::to_string(i), 0, 1});
  all.push_back({200, "burst"});
  gather(0, all);
  all.back().ticks = 80;
  gather(100, all);
  for (int second = 0; second < 30; ++second) {
    for (std::uint32_t i = 0; i < 15; ++i) all[1 + i].ticks += 2;
    const Lines lines = gather(100 + static_cast<std::uint64_t>(second) * 30, all);
    EXPECT_EQ(value(lines, "procstat,process_name=burst,user=root", "cpu_usage"), 0) << second;
  }
}

TEST_F(ProcstatTest, AChangedNameIsAnotherGroup) {
  gather(0, {{1, "init"}, {20, "sh", 10}});
  gather(10, {{1, "init"}, {20, "sh", 20}});
  const Lines lines = gather(20, {{1, "init"}, {20, "burner", 30}});
  EXPECT_EQ(value(lines, "procstat,process_name=burner,user=root", "cpu_usage"), 10);
}

TEST_F(ProcstatTest, AnUnreadableProcessIsPartOfOther) {
  gather(0, {{1, "init"}, {20, "a", 10}});
  machine_.write("proc/stat", "cpu  50 0 0 1000 0 0 0 0 0 0\ncpu0 50 0 0 1000 0 0 0 0 0 0\nprocesses 999\n");
  machine_.write("proc/20/stat", "20 (a) S 1 odd\n");
  const Lines lines = probe_->gather();
  EXPECT_EQ(probe_->error, "");
  EXPECT_EQ(value(lines, "procstat,process_name=other", "cpu_usage"), 50);
  EXPECT_GE(probe_->skipped_lines(), 1U);
}

// A week of a machine that starts a process with a name of its own every six seconds.
TEST(ProcessGroupsTest, AHundredThousandNamesMakeBoundedSeries) {
  constexpr UnixNanos kASecond = 1'000'000'000;
  constexpr UnixNanos kMidnight = 1'795'305'600 * kASecond;  // a day's begin
  ProcessGroups groups;
  std::map<UnixNanos, std::set<std::string>> by_day;
  std::set<std::string> all;
  std::size_t merged = 0;
  std::size_t most_groups = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const UnixNanos time = kMidnight + static_cast<UnixNanos>(i) * 6 * kASecond;
    groups.begin_gather();
    ProcessIdentity identity;
    identity.user = "builder";
    const std::uint32_t group = groups.find("job-" + std::to_string(i * 2654435761U), identity);
    ASSERT_NE(group, ProcessGroups::kNone);
    groups[group].members = 1;
    groups[group].ticks = 600;
    groups[group].pages = 1000;
    groups.choose(6, time);
    merged += groups.merged();
    std::size_t shown = 0;
    for (std::uint32_t one = 0; one < groups.size(); ++one) {
      if (!groups[one].shown) continue;
      ++shown;
      by_day[time / (86'400 * kASecond)].insert(groups[one].name);
      all.insert(groups[one].name);
    }
    ASSERT_LE(shown * 2 + ProcessGroups::kOtherValues, ProcessGroups::kMostValues);
    most_groups = std::max(most_groups, groups.size());
  }
  EXPECT_EQ(by_day.size(), 7U);
  for (const auto& [day, names] : by_day) EXPECT_LE(names.size(), ProcessGroups::kMostSeriesADay) << day;
  EXPECT_LE(all.size(), 7 * ProcessGroups::kMostSeriesADay);
  EXPECT_GT(merged, 90'000U) << "the others are in `other`, and counted";
  EXPECT_LT(most_groups, 1000U) << "what is gone is forgotten";
}

}  // namespace
}  // namespace resmon::collect
