// What the collectors of hardware make of machines that do not exist: good ones, absurd ones, and ones that are asleep.

#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "collect/fixture_test.h"
#include "collect/nvidia.h"
#include "collect/timex.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

// A symbolic link as sysfs has them: what `path` is of.
void link(Machine& machine, const std::string& path, const std::string& target) {
  std::filesystem::create_directories(machine.path(target));
  std::filesystem::create_directories(std::filesystem::path(machine.path(path)).parent_path());
  std::filesystem::create_symlink(machine.path(target), machine.path(path));
}

TEST(Bond, StatesOfBondsAndTheirInterfaces) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/1/net/bonding/bond1", *read_file((testing::kFixtures / "bonding/lacp").string()));
  Probe probe(machine, make_bond);
  EXPECT_EQ(probe.gather(),
            (Lines{"bond,bond=bond0 active_slave=\"eth0\",status=1i",
                   "bond_slave,bond=bond0,interface=eth0 failures=2i,status=1i",
                   "bond_slave,bond=bond0,interface=eth1 failures=17i,status=0i", "bond_slave,bond=bond0 count=2i",
                   "bond,bond=bond1 status=1i",
                   "bond_slave,bond=bond1,interface=eno1 failures=0i,status=1i,actor_churned=3i,partner_churned=4i,"
                   "total_churned=7i",
                   "bond_slave,bond=bond1 count=1i"}));
  EXPECT_EQ(probe.error, "");
  machine.remove("proc/1/net/bonding");
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.error, "");
}

TEST(Wireless, QualityAndWhatWasDropped) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_wireless);
  EXPECT_EQ(probe.gather(),
            (Lines{"wireless,interface=wlan0 status=0i,link=58i,level=-52i,noise=-256i,nwid=0i,crypt=1i,"
                   "frag=2i,retry=3i,misc=441i,beacon=5i",
                   "wireless,interface=wlp2s0 status=16i,link=70i,level=-40i,noise=-95i,nwid=6i,"
                   "crypt=7i,frag=8i,retry=9i,misc=10i,beacon=11i"}));
  machine.remove("proc/1/net/wireless");
  Probe without(machine, make_wireless);
  EXPECT_EQ(without.gather(), Lines{});
  EXPECT_EQ(without.error, "");
}

TEST(NfsClient, EachMountsReadingAndWriting) {
  Machine machine;
  machine.capture("host");
  CollectorOptions options;
  options.filter.exclude = {"/home"};
  Probe probe(machine, make_nfsclient, options);
  const std::string tags = ",mountpoint=/mnt/nfs\\ one,operation=";
  EXPECT_EQ(probe.gather(),
            (Lines{"nfsstat" + tags +
                       "READ,serverexport=192.0.2.9:/export ops=1298i,retrans=3i,bytes=1428604i,rtt=649i,"
                       "exe=682i,rtt_per_op=0.5",
                   "nfsstat" + tags +
                       "WRITE,serverexport=192.0.2.9:/export ops=40i,retrans=0i,bytes=92480i,rtt=80i,"
                       "exe=90i,rtt_per_op=2"}));
  EXPECT_EQ(probe.error, "");
}

TEST(NfsServer, RequestsAndBytes) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_nfsserver);
  EXPECT_EQ(probe.gather(),
            Lines{"nfsd read_bytes=1482391552i,written_bytes=80412672i,calls=550808i,bad_calls=3i,cache_hits=7i,"
                  "cache_misses=98611i,packets=551201i,tcp_connections=41i,threads=8i"});
  EXPECT_EQ(probe.error, "");
  machine.write("proc/1/net/rpc/nfsd", "rc 0 0 0\nth 0 0\nio 0 0\n");
  EXPECT_EQ(probe.gather(), Lines{}) << "the module is loaded, and serves nothing";
  machine.remove("proc/1/net/rpc");
  Probe without(machine, make_nfsserver);
  EXPECT_EQ(without.gather(), Lines{});
  EXPECT_EQ(without.error, "");
}

TEST(Zfs, PoolsAreToldByStateAndAnOddStateIsCounted) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/spl/kstat/zfs/old/state", "ONLINE\n").write("proc/spl/kstat/zfs/strange/state", "WELL\n");
  Probe probe(machine, make_zfs);
  const Lines all = probe.gather();
  EXPECT_EQ(
      probe.line(all, "zfs_pool,pool=tank"),
      "zfs_pool,pool=tank health=\"DEGRADED\",health_code=1i,reads=100i,nread=409600i,writes=14i,nwritten=57344i");
  EXPECT_EQ(probe.line(all, "zfs_pool,pool=old"), "zfs_pool,pool=old health=\"ONLINE\",health_code=0i");
  EXPECT_EQ(probe.skipped_lines(), 1U);
  EXPECT_NE(probe.line(all, "zfs ").find("arcstats_size=4290772992i,arcstats_c=4294967296i"), std::string::npos);
  EXPECT_EQ(probe.error, "");
}

TEST(Btrfs, SpaceThatIsLeftGoesByTheProfile) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_btrfs);
  // Two devices of 20 GiB, data twice: 2 GiB of its 10 are free, and half of the 17.9 GiB that are not given away.
  EXPECT_EQ(probe.gather(),
            Lines{"btrfs,label=backup,uuid=0f8a2c1e-5b64-4f0e-9a55-3c0c2b1d7e90 devices=2i,devices_missing=0i,"
                  "device_bytes=42949672960i,unallocated_bytes=19260243968i,usable_bytes=11777605632i,"
                  "data_total=10737418240i,data_used=8589934592i,metadata_total=1073741824i,metadata_used=536870912i,"
                  "system_total=33554432i,system_used=16384i,write_errors=0i,read_errors=1i,flush_errors=0i,"
                  "corruption_errors=6i,generation_errors=0i"});
  const std::string path = "sys/fs/btrfs/0f8a2c1e-5b64-4f0e-9a55-3c0c2b1d7e90/";
  machine.remove(path + "devinfo").remove(path + "label").write(path + "devices/sda3/size", "-1\n");
  const Lines old = probe.gather();
  EXPECT_EQ(probe.line(old, "btrfs,uuid=").find("unallocated"), std::string::npos) << "a device whose size is unknown";
  EXPECT_EQ(probe.line(old, "btrfs,uuid=").find("errors"), std::string::npos) << "before Linux 5.14";
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

TEST(Rapl, PowerIsEnergyByTimeAndTheCountersBeginAnew) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_rapl);
  EXPECT_EQ(probe.gather(), Lines{}) << "nothing to compare with";
  machine.capture("host_later");
  EXPECT_EQ(probe.gather(std::chrono::seconds(10)),
            Lines{"powerstat_package,package_id=0 current_power_consumption_watts=12.35,"
                  "current_dram_power_consumption_watts=2"});
  machine.write("sys/class/powercap/intel-rapl:0/energy_uj", "49000000000\n");
  EXPECT_EQ(probe.gather(std::chrono::seconds(10)),
            Lines{"powerstat_package,package_id=0 current_dram_power_consumption_watts=0"})
      << "no machine uses that much: it was set to another value";
  EXPECT_EQ(probe.error, "");
}

TEST(Sensors, NamesAreThoseOfLmSensors) {
  Machine machine;
  const std::string root = "sys/class/hwmon/";
  const auto chip = [&](const std::string& entry, const std::string& name, const std::string& bus,
                        const std::string& place) {
    machine.write(root + entry + "/name", name + "\n").write(root + entry + "/fan1_input", "1200\n");
    if (bus.empty()) return;
    link(machine, root + entry + "/device", "sys/devices/" + place);
    link(machine, "sys/devices/" + place + "/subsystem", "sys/bus/" + bus);
  };
  chip("hwmon0", "nct6775", "platform", "nct6775.656");
  chip("hwmon1", "lm75", "i2c", "1-004c");
  chip("hwmon2", "amdgpu", "pci", "0000:03:00.0");
  chip("hwmon3", "acpitz", "", "");
  chip("hwmon4", "acpitz", "", "");
  Probe probe(machine, make_sensors);
  EXPECT_EQ(probe.gather(), (Lines{"sensors,chip=nct6775-isa-0290,feature=fan1 fan_input=1200",
                                   "sensors,chip=lm75-i2c-1-4c,feature=fan1 fan_input=1200",
                                   "sensors,chip=amdgpu-pci-0300,feature=fan1 fan_input=1200",
                                   "sensors,chip=acpitz-virtual-0,feature=fan1 fan_input=1200",
                                   "sensors,chip=acpitz-virtual-0-hwmon4,feature=fan1 fan_input=1200"}));
}

TEST(Sensors, UnitsLabelsAndAbsurdValues) {
  Machine machine;
  const std::string chip = "sys/class/hwmon/hwmon0/";
  machine.write(chip + "name", "board\n");
  machine.write(chip + "in0_input", "12096\n").write(chip + "in0_label", "+12V\n");
  machine.write(chip + "in1_input", "-5020\n").write(chip + "in1_label", "+12V\n");  // two of one label
  machine.write(chip + "curr1_input", "1500\n").write(chip + "power1_average", "35120000\n");
  machine.write(chip + "energy1_input", "1000000\n").write(chip + "humidity1_input", "45500\n");
  machine.write(chip + "fan1_input", "0\n").write(chip + "fan2_input", "65535\n").write(chip + "fan3_input", "-128\n");
  machine.write(chip + "humidity2_input", "255000\n").write(chip + "in2_input", "65261800\n");
  machine.write(chip + "in3_input", "nan\n").write(chip + "intrusion0_alarm", "1\n").write(chip + "fan1_min", "300\n");
  Probe probe(machine, make_sensors);
  const std::string tags = "sensors,chip=board-virtual-0,feature=";
  Lines got = probe.gather();
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, (Lines{tags + "+12v in_input=12.096", tags + "+12v_in1 in_input=-5.02", tags + "curr1 curr_input=1.5",
                        tags + "energy1 energy_input=1", tags + "fan1 fan_input=0",
                        tags + "humidity1 humidity_input=45.5", tags + "power1 power_average=35.12"}));
  EXPECT_EQ(probe.skipped_lines(), 5U);
  EXPECT_EQ(probe.error, "");
}

TEST(Sensors, OneThatNeverAnswersCostsOnlyItsChip) {
  Machine machine;
  machine.write("sys/class/hwmon/hwmon0/name", "stuck\n");
  ASSERT_EQ(::mkfifo(machine.path("sys/class/hwmon/hwmon0/fan1_input").c_str(), 0600), 0);
  machine.write("sys/class/hwmon/hwmon1/name", "good\n").write("sys/class/hwmon/hwmon1/fan1_input", "900\n");
  Probe probe(machine, make_sensors);
  EXPECT_EQ(probe.gather(), Lines{"sensors,chip=good-virtual-0,feature=fan1 fan_input=900"});
  EXPECT_EQ(probe.error, machine.path("sys/class/hwmon/hwmon0") + ": the sensor does not answer");
  // Lets the helper thread end.
  const Fd writer(::open(machine.path("sys/class/hwmon/hwmon0/fan1_input").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::write(writer.get(), "500\n", 4), 4);
}

TEST(Gpu, ASleepingCardIsNotWoken) {
  Machine machine;
  link(machine, "sys/class/drm/card0/device", "sys/devices/0000:03:00.0");
  link(machine, "sys/devices/0000:03:00.0/driver", "sys/bus/pci/drivers/amdgpu");
  machine.write("sys/class/drm/card0-HDMI-A-1/status", "connected\n");
  const std::string device = "sys/devices/0000:03:00.0/";
  machine.write(device + "gpu_busy_percent", "37\n").write(device + "mem_info_vram_used", "1073741824\n");
  machine.write(device + "mem_info_vram_total", "8589934592\n")
      .write(device + "hwmon/hwmon5/freq1_input", "1500000000\n");
  machine.write(device + "power/runtime_status", "suspended\n");
  Probe probe(machine, make_gpu);
  const std::string tags = "gpu,device=0000:03:00.0,driver=amdgpu,name=card0 ";
  EXPECT_EQ(probe.gather(), Lines{tags + "state=\"suspended\",usage_percent=0"});
  machine.write(device + "power/runtime_status", "active\n");
  EXPECT_EQ(probe.gather(), Lines{tags + "state=\"active\",usage_percent=37,memory_used=1073741824i,"
                                         "memory_total=8589934592i,clock_mhz=1500"});
  machine.write(device + "gpu_busy_percent", "255\n").write(device + "mem_info_vram_used", "-128\n");
  EXPECT_EQ(probe.gather(), Lines{tags + "state=\"active\",memory_total=8589934592i,clock_mhz=1500"});
  EXPECT_EQ(probe.skipped_lines(), 2U);
  EXPECT_EQ(probe.error, "");
}

// A machine with two cards of NVIDIA, and an nvidia-smi on PATH that notes how it was called.
class NvidiaTest : public ::testing::Test {
 protected:
  NvidiaTest() {
    const char* const path = std::getenv("PATH");
    path_before_ = path != nullptr ? path : "/usr/bin:/bin";
    ::setenv("PATH", (machine_.path("bin") + ":" + path_before_).c_str(), 1);
    for (const char* address : {"0000:01:00.0", "0000:0a:00.0"}) {
      link(machine_, std::string("sys/bus/pci/drivers/nvidia/") + address, std::string("sys/devices/") + address);
      power(address, "active", "on");
    }
    machine_.write("sys/bus/pci/drivers/nvidia/bind", "").write("root/dev/nvidiactl", "");
  }
  ~NvidiaTest() override { ::setenv("PATH", path_before_.c_str(), 1); }

  void power(const std::string& address, const std::string& state, const std::string& control) {
    machine_.write("sys/devices/" + address + "/power/runtime_status", state + "\n");
    machine_.write("sys/devices/" + address + "/power/control", control + "\n");
  }
  void program(const std::string& text) {
    machine_.write("bin/nvidia-smi", "#!/bin/sh\necho \"$@\" >>" + machine_.path("calls") + "\n" + text);
    ASSERT_EQ(::chmod(machine_.path("bin/nvidia-smi").c_str(), 0755), 0);
  }
  std::string calls() const {
    const auto text = read_file(machine_.path("calls"));
    return text ? *text : std::string();
  }
  // Gathers until a row begins so, or for ten seconds.
  Lines gather_until(Probe& probe, const std::string& beginning) {
    Lines lines;
    for (int i = 0; i < 1000; ++i) {
      lines = probe.gather(std::chrono::milliseconds(10));
      if (!probe.line(lines, beginning).empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return lines;
  }

  static constexpr const char* kPrint =
      "echo '00000000:01:00.0, 37, 12, 1024, 8192, 1410, 61, 45, 120.35'\n"
      "echo '00000000:0A:00.0, 0, 0, 3, 16384, 210, 255, [N/A], [Not Supported]'\n";
  const std::string first_ = "gpu,device=0000:01:00.0,driver=nvidia,name=nvidia0 ";
  const std::string second_ = "gpu,device=0000:0a:00.0,driver=nvidia,name=nvidia1 ";
  Machine machine_;
  std::string path_before_;
};

TEST_F(NvidiaTest, TheDriversProgramIsKeptRunning) {
  program(std::string(kPrint) + "exec sleep 100\n");
  Probe probe(machine_, make_gpu);
  EXPECT_EQ(probe.gather(), (Lines{first_ + "state=\"active\"", second_ + "state=\"active\""}));
  const Lines lines = gather_until(probe, second_ + "state=\"active\",usage");
  EXPECT_EQ(lines, (Lines{first_ + "state=\"active\",usage_percent=37,memory_usage_percent=12,memory_used=1073741824i,"
                                   "memory_total=8589934592i,clock_mhz=1410,fan_percent=45,power_watts=120.35",
                          "temp,device=0000:01:00.0,sensor=nvidia temp=61",
                          second_ + "state=\"active\",usage_percent=0,memory_usage_percent=0,memory_used=3145728i,"
                                    "memory_total=17179869184i,clock_mhz=210"}));
  EXPECT_EQ(probe.skipped_lines(), 1U) << "255 °C";
  EXPECT_EQ(probe.error, "");
  probe.gather();
  EXPECT_EQ(calls(), std::string("--query-gpu=") + kNvidiaQuery + " --format=csv,noheader,nounits --loop=10\n");
  EXPECT_EQ(probe.gather(std::chrono::seconds(40)), (Lines{first_ + "state=\"active\"", second_ + "state=\"active\""}))
      << "its figures are too old";
  probe.gather(std::chrono::seconds(40));
  EXPECT_EQ(probe.error, "nvidia-smi does not answer");
}

TEST_F(NvidiaTest, ACardThatSleepsIsNotAsked) {
  program(kPrint);
  power("0000:0a:00.0", "suspended", "auto");
  Probe probe(machine_, make_gpu);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(probe.gather(std::chrono::seconds(30)),
              (Lines{first_ + "state=\"active\"", second_ + "state=\"suspended\",usage_percent=0"}));
  EXPECT_EQ(calls(), "");
  power("0000:0a:00.0", "active", "auto");
  probe.gather();
  const Lines lines = gather_until(probe, first_ + "state=\"active\",usage");
  EXPECT_NE(probe.line(lines, first_).find("usage_percent=37"), std::string::npos);
  EXPECT_EQ(calls().find("--loop"), std::string::npos) << "one that may sleep is not held awake";
  EXPECT_EQ(probe.error, "");
}

TEST_F(NvidiaTest, AProgramThatFailsIsLeftAloneForAWhile) {
  program("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.' >&2\nexit 9\n");
  Probe probe(machine_, make_gpu);
  for (int i = 0; i < 1000 && probe.error.empty(); ++i) {
    probe.gather(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(probe.error,
            "nvidia-smi ended: exit code 9: NVIDIA-SMI has failed because it could not communicate with the NVIDIA "
            "driver.");
  const std::string once = calls();
  for (int i = 0; i < 9; ++i) probe.gather(std::chrono::seconds(30));
  EXPECT_EQ(calls(), once);
  program(std::string(kPrint) + "exec sleep 100\n");
  probe.gather(std::chrono::seconds(60));
  gather_until(probe, first_ + "state=\"active\",usage");
  EXPECT_EQ(probe.error, "");
}

TEST_F(NvidiaTest, WithoutItsDevicesNothingIsStarted) {
  program(kPrint);
  machine_.remove("root/dev/nvidiactl");
  Probe probe(machine_, make_gpu);
  EXPECT_EQ(probe.gather(), (Lines{first_ + "state=\"active\"", second_ + "state=\"active\""}));
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(calls(), "");
}

TEST(Nvidia, LinesOfTheProgram) {
  NvidiaFigures figures;
  int absurd = 0;
  EXPECT_TRUE(parse_nvidia_line("00000001:0A:00.0, [N/A], [Unknown Error], , 1, 2, 3, 4, 5\r", figures, absurd));
  EXPECT_EQ(figures.address, "0001:0a:00.0");
  EXPECT_FALSE(figures.usage_percent || figures.memory_usage_percent || figures.memory_used_mib);
  EXPECT_EQ(figures.watts, 5.0);
  EXPECT_EQ(absurd, 0);
  for (const char* line : {"", "NVIDIA-SMI has failed", "No devices were found", "00000000:01:00.0, 1, 2, 3",
                           "00000000:01:00.0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "0000:01:00.?, 1, 2, 3, 4, 5, 6, 7, 8"})
    EXPECT_FALSE(parse_nvidia_line(line, figures, absurd)) << line;
}

TEST(Gpu, OfIntelsTheTimeAsleepIsKnown) {
  Machine machine;
  link(machine, "sys/class/drm/card1/device", "sys/devices/0000:00:02.0");
  link(machine, "sys/devices/0000:00:02.0/driver", "sys/bus/pci/drivers/i915");
  machine.write("sys/class/drm/card1/gt_act_freq_mhz", "350\n");
  machine.write("sys/class/drm/card1/gt/gt0/rc6_residency_ms", "100000\n");
  Probe probe(machine, make_gpu);
  const std::string tags = "gpu,device=0000:00:02.0,driver=i915,name=card1 ";
  EXPECT_EQ(probe.gather(), Lines{tags + "state=\"active\",clock_mhz=350"});
  machine.write("sys/class/drm/card1/gt/gt0/rc6_residency_ms", "107500\n");
  EXPECT_EQ(probe.gather(std::chrono::seconds(10)), Lines{tags + "state=\"active\",usage_percent=25,clock_mhz=350"});
}

TEST(Timex, StatesAndUnits) {
  ::timex answer{};
  answer.offset = -1'500'000;  // ns
  answer.status = STA_NANO | STA_PLL;
  answer.freq = 65536 * 12;
  answer.esterror = 250;
  answer.maxerror = 16'000'000;
  answer.tai = 37;
  const ClockState good = clock_state(answer, TIME_OK);
  EXPECT_TRUE(good.synchronised);
  EXPECT_EQ(good.offset_seconds, -0.0015);
  EXPECT_EQ(good.frequency_ppm, 12);
  EXPECT_EQ(good.estimated_error_seconds, 0.00025);
  EXPECT_EQ(good.maximum_error_seconds, 16);
  EXPECT_EQ(good.tai_offset_seconds, 37);
  answer.status = STA_UNSYNC;  // and then microseconds
  const ClockState bad = clock_state(answer, TIME_ERROR);
  EXPECT_FALSE(bad.synchronised);
  EXPECT_EQ(bad.offset_seconds, -1.5);
}

}  // namespace
}  // namespace resmon::collect
