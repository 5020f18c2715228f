#include "collect/smart_report.h"

#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

// As smartctl 7.3 prints them, cut down to what matters, with invented disks.
const std::string kAta = R"j({"json_format_version":[1,0],"smartctl":{"version":[7,3],"exit_status":64},
  "device":{"name":"/dev/sda","type":"sat","protocol":"ATA"},"model_name":"ACME Spinner 4000","serial_number":"AC123",
  "user_capacity":{"blocks":7814037168,"bytes":4000787030016},"smart_status":{"passed":true},
  "ata_smart_attributes":{"revision":10,"table":[
    {"id":5,"name":"Reallocated_Sector_Ct","value":100,"raw":{"value":24,"string":"24"}},
    {"id":9,"name":"Power_On_Hours","value":80,"raw":{"value":17500,"string":"17500"}},
    {"id":194,"name":"Temperature_Celsius","value":31,"raw":{"value":180389511199,"string":"31 (Min/Max 20/42)"}},
    {"id":197,"name":"Current_Pending_Sector","value":100,"raw":{"value":8,"string":"8"}},
    {"id":198,"name":"Offline_Uncorrectable","value":100,"raw":{"value":-1,"string":"-1"}},
    {"id":199,"name":"UDMA_CRC_Error_Count","value":200,"raw":{"value":4294967299,"string":"3"}}]},
  "power_on_time":{"hours":17500},"power_cycle_count":41,"temperature":{"current":31}})j";
const std::string kNvme =
    R"({"smartctl":{"exit_status":8},"device":{"name":"/dev/nvme0","type":"nvme","protocol":"NVMe"},
  "model_name":"ACME Quick 1000","serial_number":"Q7","smart_status":{"passed":false,"nvme":{"value":4}},
  "nvme_smart_health_information_log":{"critical_warning":4,"temperature":255,"available_spare":3,"percentage_used":101,
    "unsafe_shutdowns":9,"media_errors":17},"temperature":{"current":255},"power_on_time":{"hours":900}})";

TEST(Smart, ReportsOfTheHelperBecomeRowsWhenTheyAreNew) {
  Machine machine;
  machine.write("root/run/resmon-smart/sda.json", kAta).write("root/run/resmon-smart/nvme0.json", kNvme);
  machine.write("root/run/resmon-smart/sdb.json.new", "{");  // still being written
  Probe probe(machine, make_smart);
  EXPECT_EQ(probe.gather(),
            (Lines{"smart_device,capacity=4000787030016,device=sda,model=ACME\\ Spinner\\ 4000,serial_no=AC123 "
                   "health_ok=true,exit_status=64i,temp_c=31i,power_on_hours=17500i,power_cycle_count=41i,"
                   "reallocated_sectors_count=24i,pending_sector_count=8i,udma_crc_errors=3i",
                   "smart_device,device=nvme0,model=ACME\\ Quick\\ 1000,serial_no=Q7 health_ok=false,exit_status=8i,"
                   "power_on_hours=900i,percentage_used=101i,available_spare=3i,media_errors=17i,critical_warning=4i,"
                   "unsafe_shutdowns=9i"}));
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.gather(), Lines{}) << "nobody asked the disks since";
  machine.remove("root/run/resmon-smart/sda.json").write("root/run/resmon-smart/sdc.json", "smartctl: not found\n");
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_NE(probe.error.find("sdc.json: not JSON"), std::string::npos) << probe.error;
}

TEST(Smart, WithoutTheHelperThereIsNothing) {
  Machine machine;
  Probe probe(machine, make_smart);
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.error, "");
}

TEST(Smart, WhatIsNoReportIsAnErrorAndWhatIsOddIsLeftOut) {
  for (const std::string text : {"", "[]", "{}", "{\"device\":{\"name\":7}}", "{\"device\":\"/dev/sda\"}"})
    EXPECT_FALSE(parse_smart_report(text)) << text;
  EXPECT_FALSE(parse_smart_report(std::string(100'000, '[')));
  const auto report = parse_smart_report(
      R"({"device":{"name":"/dev/sda"},"smart_status":{"passed":"yes"},"temperature":{"current":-128},)"
      R"("power_on_time":[],"ata_smart_attributes":{"table":{"id":5}}})");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->passed.has_value());
  EXPECT_FALSE(report->temperature.has_value());
  EXPECT_FALSE(report->reallocated_sectors.has_value());
}

}  // namespace
}  // namespace resmon::collect
