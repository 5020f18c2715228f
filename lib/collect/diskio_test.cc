#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

TEST(Diskio, CountersThenRates) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_diskio);
  Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 3U) << "loop0 was never used";
  EXPECT_EQ(
      lines[0],
      "diskio,name=vda reads=65133i,writes=62283i,read_bytes=1768469504i,write_bytes=1118691328i,read_time=13973i,"
      "write_time=12969i,io_time=12096i,weighted_io_time=28298i,iops_in_progress=0i,merged_reads=17695i,"
      "merged_writes=14215i");
  machine.capture("host_later");
  lines = probe.gather(std::chrono::seconds(5));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].ends_with("merged_writes=14215i,io_util=50,io_await=3.5,io_svctm=12.5")) << lines[0];
  EXPECT_TRUE(lines[1].ends_with("merged_writes=0i,io_util=0")) << "no request, no time for one: " << lines[1];
  EXPECT_TRUE(lines[2].ends_with("merged_writes=0i")) << "its counters went back: " << lines[2];
}

TEST(Diskio, ADeviceThatCameBackBeginsAnewAndUtilIsAtMost100) {
  Machine machine;
  const auto disk = [](int io_time) {
    return "8 0 sda 1 0 0 0 0 0 0 0 0 " + std::to_string(io_time) + " 0\n8 1 sdb 1 0 0 0 0 0 0 0 0 5 0\n";
  };
  machine.write("proc/diskstats", disk(10));
  Probe probe(machine, make_diskio);
  probe.gather();
  machine.write("proc/diskstats", disk(1020));
  EXPECT_TRUE(probe.gather().at(0).ends_with("io_util=100"));
  machine.write("proc/diskstats", "8 1 sdb 1 0 0 0 0 0 0 0 0 5 0\n");
  EXPECT_EQ(probe.gather().size(), 1U);
  machine.write("proc/diskstats", disk(2000));
  EXPECT_EQ(probe.gather().at(0).find("io_util"), std::string::npos);
}

TEST(Diskio, AnOddValueCostsWhatIsMadeOfIt) {
  Machine machine;
  machine.write("proc/diskstats", "8 0 sda 10 0 0 100 10 0 0 100 0 50 9\n");
  Probe probe(machine, make_diskio);
  probe.gather();
  machine.write("proc/diskstats", "\n8 0 sda 20 -1 0 18446744073709551616 20 0 0 200 0 150 9\n8 1 sdb\n");
  EXPECT_EQ(probe.gather(), Lines{"diskio,name=sda reads=20i,writes=20i,read_bytes=0i,write_bytes=0i,write_time=200i,"
                                  "io_time=150i,weighted_io_time=9i,iops_in_progress=0i,merged_writes=0i,io_util=10,"
                                  "io_svctm=5"});
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 3U);
}

TEST(Diskio, TheWorldWideNameIsATag) {
  Machine machine;
  machine.write("proc/diskstats", "8 0 sda 1 0 0 0 0 0 0 0 0 10 0\n72 0 cciss/c0d0 1 0 0 0 0 0 0 0 0 10 0\n");
  machine.write("sys/block/sda/wwid", "naa.5000c500a1b2c3d4\n").write("sys/block/cciss!c0d0/wwid", "t10.ATA-x_y\n");
  const Lines lines = Probe(machine, make_diskio).gather();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("diskio,name=sda,wwid=naa.5000c500a1b2c3d4 ")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("diskio,name=cciss/c0d0,wwid=t10.ATA-x_y ")) << lines[1];
}

TEST(Diskio, FilterByName) {
  Machine machine;
  machine.capture("host");
  CollectorOptions options;
  options.filter.exclude = {"sd?1", "vd*"};
  Probe probe(machine, make_diskio, options);
  const Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("diskio,name=sdb "));
}

TEST(Diskio, AnOldKernelsPartitionsAreSkipped) {
  Machine machine;
  machine.write("proc/diskstats", *read_file((testing::kFixtures / "old/diskstats").string()));
  Probe probe(machine, make_diskio);
  EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_EQ(probe.error, "");
}

}  // namespace
}  // namespace resmon::collect
