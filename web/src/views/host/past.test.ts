import assert from "node:assert/strict";
import { test } from "node:test";
import type { GridSeries } from "../../core/grid.ts";
import { setZone } from "../../core/format.ts";
import type { PanelData } from "../../net/panel_data.ts";
import { courseOf, pastOf, rangeTitle, restartsOf, spanWords, spellWords } from "./past.ts";
import { pastWindows } from "./use_past.ts";

setZone("utc");
const kMinute = 60_000;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;
const kBegin = Date.UTC(2026, 11, 1);
const window = { from: kBegin, to: kBegin + kDay, step: kHour };
const within = { from: kBegin, to: kBegin + kDay };

const day = (of: (hour: number) => number | null): (number | null)[] => Array.from({ length: 24 }, (_, hour) => of(hour));
const line = (column: string, tags: Record<string, string>, of: (hour: number) => number | null): GridSeries => ({ column, tags, values: day(of) });
const panelsOf = (panels: Record<string, GridSeries[]>): Map<string, PanelData> => new Map(Object.entries(panels).map(([id, series]) =>
  [id, { window, grids: [{ ...window, series }], error: null, hosts: ["db"], intervalSeconds: 5 }]));
const isBusy = (hour: number): boolean => hour >= 14 && hour < 16;
const pastOfPanels = (panels: Record<string, GridSeries[]>) => pastOf(panelsOf(panels), window, within, (value) => value > 20);

test("a course has its mean, its highest point, the time around it, and a peak above it", () => {
  const course = courseOf(day((hour) => (isBusy(hour) ? 90 : 10)), window, within, 3, day(() => 100));
  assert.deepEqual(course, { mean: (22 * 10 + 2 * 90) / 24, highest: 90, peak: 100, spell: { first: 14, last: 15, from: kBegin + 14 * kHour, to: kBegin + 16 * kHour } });
  // Much the same all the time, and nothing at all.
  assert.equal(courseOf(day((hour) => 50 + (hour % 2)), window, within, 3)?.spell, null);
  assert.equal(courseOf(day(() => null), window, within, 3), null);
  // A dip ends no spell, a longer one does; one that begins before the range begins with it.
  const dips = courseOf(day((hour) => (hour < 6 && hour !== 3 ? 90 : hour === 12 ? 89 : 10)), window, { ...within, from: kBegin + 30 * kMinute }, 3);
  assert.deepEqual(dips?.spell, { first: 0, last: 5, from: kBegin + 30 * kMinute, to: kBegin + 6 * kHour });
});

test("what a host did: programs, disks, traffic, waiting", () => {
  const program = (name: string, user: string, of: (hour: number) => number | null): GridSeries => line("cpu", { process_name: name, user }, of);
  const past = pastOfPanels({
    "cpu": [line("active", {}, (hour) => (isBusy(hour) ? 95 : 20)), line("active high", {}, () => 97)],
    // A program of two users is one; those gathered less often than the chart's points are found beside the spell.
    "process-cpu": [program("postgres", "a", (hour) => (isBusy(hour) ? 100 : 1)), program("postgres", "b", (hour) => (isBusy(hour) ? 50 : 1)), program("cron", "root", () => 5), program("other", "", () => 400)],
    "memory": [line("used", {}, () => 30), line("available", {}, () => 70)],
    "disk": [line("used_percent", { path: "/" }, () => 88), line("used_percent", { path: "/var" }, (hour) => (hour < 15 ? 40 + 3 * hour : 41))],
    "disk-busy": [line("io_util", { name: "sda" }, (hour) => (isBusy(hour) ? 99 : 1)), line("io_util", { name: "sda1" }, () => 100), line("io_util", { name: "loop0" }, () => 100)],
    "network": [line("received", { interface: "lo" }, () => 5), line("received", { interface: "eth0" }, () => 1e6), line("sent", { interface: "eth0" }, () => 2e6)],
    "pressure": [line("avg10", { resource: "io", type: "some" }, (hour) => (isBusy(hour) ? 60 : 0)), line("avg10", { resource: "cpu", type: "some" }, () => 5)],
  });
  assert.deepEqual(past.mostCpu.map(({ name }) => name), ["postgres", "cron"]);
  assert.deepEqual(past.mostCpuInSpell[0], { name: "postgres", value: 150 });
  assert.equal(past.memory?.highest, 30);
  assert.deepEqual(past.fullest, { path: "/", first: 88, highest: 88, last: 88 });
  assert.deepEqual(past.filled, [{ path: "/var", first: 40, from: 40, highest: 82, to: 41, at: kBegin + 14 * kHour }]);
  assert.equal(past.busiest?.name, "sda");
  assert.deepEqual([past.received?.name, past.sent?.mean], ["eth0", 2e6]);
  assert.deepEqual(past.waits.map(({ resource, highest }) => [resource, highest]), [["io", 60]]);
  assert.deepEqual(past.silent, []);
});

test("programs that are gathered less often than a chart has points are found beside the spell", () => {
  const past = pastOfPanels({
    "cpu": [line("active", {}, (hour) => (hour === 14 ? 95 : 20))],
    "process-cpu": [line("cpu", { process_name: "cron" }, (hour) => (hour === 12 ? 50 : hour === 1 ? 1 : null))],
  });
  assert.deepEqual(past.mostCpuInSpell, [{ name: "cron", value: 50 }]);
});

test("where no chart has a value the host was silent; of nothing, nothing is told", () => {
  const past = pastOfPanels({ cpu: [line("active", {}, (hour) => (hour >= 3 && hour < 6 ? null : 10))], load: [line("load1", {}, (hour) => (hour === 3 || hour >= 6 ? 1 : null))] });
  assert.deepEqual(past.silent, [{ from: kBegin + 4 * kHour, to: kBegin + 6 * kHour }]);
  const nothing = pastOf(new Map(), window, within, () => true);
  assert.deepEqual([nothing.cpu, nothing.fullest, nothing.busiest, nothing.received, nothing.silent, nothing.mostCpu], [null, null, null, null, [], []]);
});

test("times in words: with the day where the range has several", () => {
  const hours = (from: number, to: number) => ({ from: kBegin + from * kHour, to: kBegin + to * kHour });
  const week = { from: kBegin, to: kBegin + 7 * kDay };
  assert.equal(spanWords(hours(14, 15), within), "14:00–15:00");
  assert.equal(spanWords(hours(22, 24), within), "22:00–24:00");
  assert.equal(spanWords(hours(22, 26), week), "12-01 22:00–12-02 02:00");
  assert.equal(spellWords({ first: 3, last: 3, ...hours(3, 4) }, within), "03:00");
  assert.equal(spanWords({ from: kBegin, to: kBegin + 5000 }, within), "00:00:00–00:00:05");
  assert.equal(rangeTitle(within), "Tuesday, 2026-12-01");
  assert.equal(rangeTitle(hours(14, 15)), "Tuesday, 2026-12-01, 14:00–15:00");
  assert.equal(rangeTitle(week), "Tuesday, 2026-12-01 – Monday, 2026-12-07");
  assert.equal(rangeTitle(hours(20, 27)), "Tuesday, 2026-12-01, 20:00 – Wednesday, 2026-12-02, 03:00");
});

test("starts of the machine are those in the range, each once", () => {
  const begun = kBegin / 1000;
  assert.deepEqual(restartsOf([begun - 900, null, begun + 7200, begun + 7201, begun + 40_000, begun + 90_000], within), [kBegin + 7_200_000, kBegin + 40_000_000]);
});

test("a day is compared with the day and the week before, a week with the week before, more with nothing", () => {
  const [now, before, week] = pastWindows(within);
  assert.deepEqual([now.from, now.to, before?.from, week?.to], [kBegin, kBegin + kDay, kBegin - kDay, kBegin - 6 * kDay]);
  assert.equal(pastWindows({ from: kBegin, to: kBegin + 7 * kDay })[1], null);
  assert.equal(pastWindows({ from: kBegin, to: kBegin + 7 * kDay })[2]?.to, kBegin);
  assert.equal(pastWindows({ from: kBegin, to: kBegin + 30 * kDay })[2], null);
  // Ten minutes are compared with the hour around that time.
  const [short, hour] = pastWindows({ from: kBegin, to: kBegin + 10 * kMinute });
  assert.deepEqual([short.to - short.from, hour === null ? 0 : hour.to - hour.from], [10 * kMinute, 60 * kMinute]);
});
