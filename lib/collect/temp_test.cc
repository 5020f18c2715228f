#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

void chip(Machine& machine, const std::string& hwmon, const std::string& name, const std::string& device = "") {
  machine.write("sys/class/hwmon/" + hwmon + "/name", name + "\n");
  if (device.empty()) return;
  std::filesystem::create_directories(machine.path("sys/devices/" + hwmon + "/" + device));
  std::filesystem::create_symlink(machine.path("sys/devices/" + hwmon + "/" + device),
                                  machine.path("sys/class/hwmon/" + hwmon + "/device"));
}

TEST(Temp, NamesAreTelegrafsAndChipsOfOneNameAreToldApart) {
  Machine machine;
  for (const std::string socket : {"0", "1"}) {
    chip(machine, "hwmon" + socket, "coretemp", "coretemp." + socket);
    machine.write("sys/class/hwmon/hwmon" + socket + "/temp2_label", "Core 0\n")
        .write("sys/class/hwmon/hwmon" + socket + "/temp2_input", "4" + socket + "500\n");
  }
  chip(machine, "hwmon2", "nvme", "nvme0");
  machine.write("sys/class/hwmon/hwmon2/temp1_label", "Composite\n")
      .write("sys/class/hwmon/hwmon2/temp1_input", "38850\n");
  for (const std::string disk : {"a", "b"}) {
    const std::string hwmon = disk == "a" ? "hwmon3" : "hwmon10";
    chip(machine, hwmon, "drivetemp", disk == "a" ? "0:0:0:0" : "1:0:0:0");
    machine.write("sys/class/hwmon/" + hwmon + "/temp1_input", "31000\n")
        .write("sys/class/hwmon/" + hwmon + "/device/block/sd" + disk + "/size", "1\n");
  }
  chip(machine, "hwmon11", "acpitz");  // no label, no device, and two of them
  machine.write("sys/class/hwmon/hwmon11/temp1_input", "-5000\n").write("sys/class/hwmon/hwmon11/temp2_input", "1\n");
  chip(machine, "hwmon12", "acpitz");
  machine.write("sys/class/hwmon/hwmon12/temp1_input", "28000\n").write("sys/class/hwmon/hwmon12/in0_input", "12000\n");
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(),
            (Lines{"temp,device=coretemp.0,sensor=coretemp_core_0 temp=40.5",
                   "temp,device=coretemp.1,sensor=coretemp_core_0 temp=41.5",
                   "temp,device=nvme0,sensor=nvme_composite temp=38.85", "temp,device=sda,sensor=drivetemp temp=31",
                   "temp,device=sdb,sensor=drivetemp temp=31", "temp,sensor=acpitz temp=-5",
                   "temp,sensor=acpitz_temp2 temp=0.001", "temp,sensor=acpitz_temp1 temp=28"}));
  EXPECT_EQ(probe.error, "");
}

TEST(Temp, ZonesThatHwmonHasAreNotReportedTwice) {
  Machine machine;
  chip(machine, "hwmon0", "cpu_thermal");
  machine.write("sys/class/hwmon/hwmon0/temp1_input", "50000\n");
  machine.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
      .write("sys/class/thermal/thermal_zone0/temp", "50000\n");
  machine.write("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n")
      .write("sys/class/thermal/thermal_zone1/temp", "51000\n");
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(),
            (Lines{"temp,sensor=cpu_thermal temp=50", "temp,device=thermal_zone1,sensor=x86_pkg_temp temp=51"}));
}

TEST(Temp, AbsurdValuesAreLeftOutAndCounted) {
  Machine machine;
  chip(machine, "hwmon0", "nct6775");
  const char* values[] = {"-128000", "255000", "65261800", "nan", "36000", "18446744073709551616"};
  for (std::size_t i = 0; i < std::size(values); ++i)
    machine.write("sys/class/hwmon/hwmon0/temp" + std::to_string(i + 1) + "_input", values[i] + std::string("\n"));
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(), (Lines{"temp,sensor=nct6775_temp5 temp=36"}));
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 5U);
}

TEST(Temp, ASensorsOwnCriticalTemperatureIsReportedWhereSomebodySetIt) {
  Machine machine;
  chip(machine, "hwmon0", "coretemp", "coretemp.0");
  machine.write("sys/class/hwmon/hwmon0/temp1_input", "40000\n").write("sys/class/hwmon/hwmon0/temp1_crit", "100000\n");
  machine.write("sys/class/hwmon/hwmon0/temp2_input", "41000\n");
  chip(machine, "hwmon1", "nvme", "nvme0");
  machine.write("sys/class/hwmon/hwmon1/temp1_input", "38850\n")
      .write("sys/class/hwmon/hwmon1/temp1_crit", "65261850\n");
  machine.write("sys/class/hwmon/hwmon1/temp2_input", "39850\n").write("sys/class/hwmon/hwmon1/temp2_crit", "odd\n");
  machine.write("sys/class/hwmon/hwmon1/temp3_input", "37850\n").write("sys/class/hwmon/hwmon1/temp3_crit", "84850\n");
  machine.write("sys/class/thermal/thermal_zone0/type", "soc\n")
      .write("sys/class/thermal/thermal_zone0/temp", "50000\n")
      .write("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n")
      .write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "85000\n")
      .write("sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n")
      .write("sys/class/thermal/thermal_zone0/trip_point_1_temp", "115000\n");
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(),
            (Lines{"temp,device=coretemp.0,sensor=coretemp temp=40,temp_crit=100",
                   "temp,device=coretemp.0,sensor=coretemp_temp2 temp=41", "temp,device=nvme0,sensor=nvme temp=38.85",
                   "temp,device=nvme0,sensor=nvme_temp2 temp=39.85",
                   "temp,device=nvme0,sensor=nvme_temp3 temp=37.85,temp_crit=84.85",
                   "temp,device=thermal_zone0,sensor=soc temp=50,temp_crit=115"}));
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 0U);
}

TEST(Temp, ChipsComeAndGo) {
  Machine machine;
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(), Lines{}) << "a machine without sensors, such as a virtual one";
  EXPECT_EQ(probe.error, "");
  machine.write("sys/class/hwmon/hwmon0/temp1_input", "1000\n");
  chip(machine, "hwmon0", "lm75");
  EXPECT_EQ(probe.gather(), Lines{"temp,sensor=lm75 temp=1"});
  machine.remove("sys/class/hwmon/hwmon0");
  EXPECT_EQ(probe.gather(), Lines{});
}

TEST(Temp, ASleepingDeviceIsNotWoken) {
  Machine machine;
  chip(machine, "hwmon0", "amdgpu", "0000:03:00.0");
  machine.write("sys/class/hwmon/hwmon0/temp1_input", "40000\n");
  machine.write("sys/class/hwmon/hwmon0/device/power/runtime_status", "suspended\n");
  Probe probe(machine, make_temp);
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.error, "");
  machine.write("sys/class/hwmon/hwmon0/device/power/runtime_status", "active\n");
  EXPECT_EQ(probe.gather(), Lines{"temp,device=0000:03:00.0,sensor=amdgpu temp=40"});
}

TEST(Temp, ASensorThatNeverAnswersCostsOnlyItself) {
  Machine machine;
  chip(machine, "hwmon0", "stuck");
  const std::string fifo = machine.path("sys/class/hwmon/hwmon0/temp1_input");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);  // its open waits for a writer
  chip(machine, "hwmon1", "good");
  machine.write("sys/class/hwmon/hwmon1/temp1_input", "40000\n");
  Probe probe(machine, make_temp);
  const Lines good = {"temp,sensor=good temp=40"};
  EXPECT_EQ(probe.gather(), good);
  EXPECT_EQ(probe.error, machine.path("sys/class/hwmon/hwmon0") + ": the sensor does not answer");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(probe.gather(), good);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << "it is waited for only once";
  // It answers at last, which is told at the next gather.
  const Fd writer(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::write(writer.get(), "50000\n", 6), 6);
  Lines lines = good;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (lines == good && std::chrono::steady_clock::now() < deadline) lines = probe.gather();
  EXPECT_EQ(lines, (Lines{"temp,sensor=stuck temp=50", "temp,sensor=good temp=40"}));
  // What is read next must end, too, for the thread's sake.
  ASSERT_EQ(::write(writer.get(), "50000\n", 6), 6);
}

}  // namespace
}  // namespace resmon::collect
