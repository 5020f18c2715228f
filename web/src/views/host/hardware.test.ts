import assert from "node:assert/strict";
import { test } from "node:test";
import { kKinds, rankOf, thingsOf } from "./hardware.ts";

const series = (tags: Record<string, string>, values: Record<string, unknown>) =>
  ({ name: "x", tags, columns: ["time", ...Object.keys(values)], values: [[0, ...Object.values(values)]] });

// What the list says of these series of one measurement.
function told(from: string, ...all: object[]): string[] {
  const results = kKinds.map((kind) => ({ error: null, series: kind.from === from ? all as never[] : [] }));
  return thingsOf(results).map((thing) => `${thing.kind} ${thing.name}: ${thing.level} ${thing.state}; ${thing.detail}`);
}

test("arrays and pools are told by what is broken", () => {
  const array = (state: string, values: object) => series({ Name: "md0", ActivityState: state, Devices: "sda1,sdb1" }, { DisksTotal: 2, DisksFailed: 0, ...values });
  assert.deepEqual(told("mdstat", array("active", { DisksActive: 2 })), ["RAID md0: good good; 2 of 2 disks, sda1,sdb1"]);
  assert.deepEqual(told("mdstat", array("active", { DisksActive: 2 }), array("recovering", { DisksActive: 1, BlocksSyncedPct: 12.5, BlocksSyncedFinishTime: 90 })),
    ["RAID md0: bad degraded; 1 of 2 disks, sda1,sdb1, recovering 12.5 %, 1 h 30 min left"]);
  assert.deepEqual(told("mdstat", array("checking", { DisksActive: 2, BlocksSyncedPct: 1 })), ["RAID md0: late checking; 2 of 2 disks, sda1,sdb1, checking 1.0 %"]);
  assert.deepEqual(told("zfs_pool", series({ pool: "tank" }, { health: "DEGRADED", health_code: 1 })), ["ZFS pool tank: bad degraded; "]);
  assert.deepEqual(told("btrfs", series({ label: "", uuid: "u" }, { devices: 2, devices_missing: 0, usable_bytes: 1073741824 })),
    ["Btrfs u: good good; 1.00 GiB usable, 2 devices"]);
  assert.deepEqual(told("btrfs", series({ label: "backup", uuid: "u" }, { devices: 2, devices_missing: 0, usable_bytes: 1073741824, read_errors: 3 })),
    ["Btrfs backup: late errors; 1.00 GiB usable, 2 devices, 3 errors of devices"]);
});

test("disks, batteries and the clock in plain words", () => {
  const disk = (values: object) => told("smart_device", series({ device: "sda", model: "M", serial_no: "S" }, { health_ok: true, ...values }));
  assert.deepEqual(disk({ temp_c: 31, power_on_hours: 48 }), ["Disk sda: good good; M, 31.0 °C, 2 d on"]);
  assert.deepEqual(disk({ pending_sector_count: 8 }), ["Disk sda: late ageing; M, 8 bad sectors or errors"]);
  assert.deepEqual(disk({ health_ok: false }), ["Disk sda: bad failing; M"]);
  assert.deepEqual(told("battery", series({ name: "BAT0" }, { capacity: 9, status: "Discharging", energy_full: 30, energy_full_design: 60 })),
    ["Battery BAT0: bad discharging; 9 %, 50 % of its capacity left"]);
  assert.deepEqual(told("timex", series({}, { sync_status: 0, offset_seconds: 0 })), ["Clock system clock: late not synchronised; nothing sets it"]);
});

test("what is broken comes first", () => {
  const levels = ["good", "bad", "quiet", "late"] as const;
  const ranked = levels.map((level) => ({ level })).sort((a, b) => rankOf(a as never) - rankOf(b as never)).map((one) => one.level);
  assert.deepEqual(ranked, ["bad", "late", "good", "quiet"]);
});
