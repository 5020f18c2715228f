import assert from "node:assert/strict";
import { test } from "node:test";
import { toGrid } from "../core/grid.ts";
import { timeLabels } from "./axis_time.ts";
import { isolated, latestValues, toModel } from "./model.ts";
import { kComparisons } from "./comparisons.ts";
import { isPartition, type Line } from "./panel.ts";
import { kPanels } from "./panels.ts";
import { Colours } from "./colours.ts";

const window = { from: 0, to: 30, step: 10 };
const line = (key: string, values: (number | null)[], below = false): Line =>
  ({ key, label: key, values, colour: 0, ...(below ? { below: true } : {}) });

test("stacked parts add up, gaps stay gaps, hidden parts leave", () => {
  const lines = [line("a", [1, 2, null]), line("b", [10, null, null]), line("c", [100, 100, null])];
  assert.deepEqual(toModel(lines, "stack", window, new Set()).drawn, [[1, 2, null], [11, 2, null], [111, 102, null]]);
  assert.deepEqual(toModel(lines, "stack", window, new Set(["a"])).drawn[2], [110, 100, null]);
});

test("in a stack a part that ended or had not begun counts as nothing, below others as well", () => {
  const lines = [line("ended", [5, null, null]), line("lasting", [10, 20, null]), line("begun", [null, 1, null])];
  const model = toModel(lines, "stack", window, new Set());
  assert.deepEqual(model.drawn, [[5, 0, null], [15, 20, null], [15, 21, null]]);
  assert.deepEqual(model.values[0], [5, null, null], "the legend says that there is none");
  assert.deepEqual(toModel(lines, "stack", window, new Set(["lasting"])).drawn[0], [5, 0, null]);
});

test("a part between two of its regular samples is drawn through where no other part has a value", () => {
  const wide = { from: 0, to: 50, step: 10 };
  const model = toModel([line("a", [1, null, 2, null, 3]), line("b", [4, null, 4, null, 4])], "stack", wide, new Set());
  assert.deepEqual(model.drawn, [[1, undefined, 2, undefined, 3], [5, undefined, 6, undefined, 7]]);
});

test("a legend has no value of a line that ended before the newest time", () => {
  const steps = (values: Record<number, number>, length = 20) => Array.from({ length }, (_, at) => values[at] ?? null);
  const all = Array.from({ length: 20 }, (_, at) => at);
  assert.deepEqual(latestValues([all, steps({ 0: 1, 1: 2, 2: 71.8 }), steps({ 5: 7 }), steps({})], 19), [19, null, null, null]);
  assert.deepEqual(latestValues([steps({ 15: 1, 16: 2, 17: 3 })], 19), [3], "the newest steps have no samples yet");
  assert.deepEqual(latestValues([steps({ 0: 1, 1: 2, 2: 3 })], 19), [null], "alone in its chart");
  assert.deepEqual(latestValues([steps({ 0: 1, 1: 2, 2: 3 })], 4), [3], "the rest of the range is in the future");
  assert.deepEqual(latestValues([steps({ 3: 8 })], 19), [8], "of one value no rhythm is known");
  const slow = toModel([line("slow", steps({ 1: 1, 7: 2, 13: 3 }))], "line", { from: 0, to: 200, step: 10 }, new Set());
  assert.deepEqual(latestValues(slow.values, 19), [3]);
});

test("mirrored lines are drawn below zero and told above it", () => {
  const model = toModel([line("in", [1, 2, 3]), line("out", [4, null, 5], true)], "mirror", window, new Set());
  assert.deepEqual(model.drawn[1], [-4, null, -5]);
  assert.deepEqual(model.values[1], [4, null, 5]);
});

test("a sample between gaps is a point", () => {
  assert.deepEqual(isolated([1, null, 2, 3, null, 4]), [0, 5]);
  assert.deepEqual(isolated([1, undefined, 2]), []);
});

test("partitions are not counted beside their disk", () => {
  const names = ["sda", "sda1", "nvme0n1", "nvme0n1p2", "sdb", "dm-1", "dm-10"];
  assert.deepEqual(names.filter((name) => isPartition(name, names)), ["sda1", "nvme0n1p2"]);
});

const panel = (id: string) => {
  const found = kPanels.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

test("memory's parts fill the machine's memory", () => {
  const grid = toGrid([{ name: "mem", tags: {}, columns: ["time", "used", "available", "free"], values: [[0, 60, 40, 15]] }], window);
  assert.deepEqual(panel("memory").draw([grid]).lines.map((one) => one.values[0]), [60, 25, 15]);
});

test("busy devices only, and a note about the rest", () => {
  const series = (name: string, value: number) =>
    ({ name: "net", tags: { interface: name }, columns: ["time", "received", "sent"], values: [[0, value, value]] });
  const few = panel("network").draw([toGrid([series("eth0", 5), series("idle0", 0)], window)]);
  assert.deepEqual(few.lines.map((one) => one.label), ["eth0 received", "eth0 sent"]);
  const many = Array.from({ length: 9 }, (_, index) => series(`veth${index}`, index + 1));
  const drawn = panel("network").draw([toGrid(many, window)]);
  assert.equal(drawn.lines.length, 8);
  assert.ok(drawn.note?.includes("4 of 9") === true);
  assert.equal(drawn.lines[0]?.label, "veth8 received");
  assert.equal(new Set(drawn.lines.map((one) => one.colour)).size, 4, "one colour for each device, on both sides of zero");
});

test("a device has one colour in all charts, and two in one chart never the same", () => {
  const draw = (id: string, columns: readonly string[], values: Record<string, number>) => {
    const series = Object.entries(values).map(([name, value]) => ({ name: "diskio", tags: { name }, columns: ["time", ...columns], values: [[0, ...columns.map(() => value)]] }));
    return new Map(panel(id).draw([toGrid(series, window)]).lines.map((line) => [line.label, line.colour]));
  };
  const throughput = draw("diskio", ["read", "write"], { sda: 9, sdb: 5 });
  assert.equal(throughput.get("sda read"), throughput.get("sda written"));
  const busy = draw("disk-busy", ["io_util"], { sda: 1, sdb: 7, sdc: 3 });
  assert.equal(busy.get("sda"), throughput.get("sda read"));
  assert.equal(busy.get("sdb"), throughput.get("sdb read"));
  assert.equal(new Set(busy.values()).size, 3);
  const colours = new Colours();
  const many = Array.from({ length: 20 }, (_, index) => `p${index}`);
  const first = many.map((name) => colours.of("process", [name])[0]);
  assert.deepEqual(many.map((name) => colours.of("process", [name])[0]), first, "they stay");
  assert.equal(new Set(first).size, 7);
  for (let at = 0; at + 6 <= many.length; ++at) assert.equal(new Set(colours.of("process", many.slice(at, at + 6))).size, 6);
  assert.equal(new Set(colours.of("process", ["p0", "p7", "p14"])).size, 3);
});

test("programs that come and go lift no stack above the whole", () => {
  const series = (name: string, values: (number | null)[][]) =>
    ({ name: "procstat", tags: { process_name: name, user: "" }, columns: ["time", "cpu", "gathers"], values });
  // Five gathers a bucket of a machine with 200 %; `ld` was there in one of the first five.
  const grid = toGrid([
    series("cc", [[0, 700, 5], [10, 900, 5]]),
    series("ld", [[0, 200, 1], [10, null, null]]),
    series("other", [[0, 100, 5], [10, 100, 5]]),
  ], window);
  const lines = panel("process-cpu").draw([grid]).lines;
  assert.deepEqual(lines.map((one) => [one.label, one.values[0], one.values[1]]), [["cc", 140, 180], ["ld", 40, null], ["all others", 20, 20]]);
  const asked = panel("process-cpu").sources[0]?.columns.map((column) => column.expression);
  assert.deepEqual(asked, ['sum("cpu_usage")', 'count("cpu_usage")']);
  // Of two counters there are rates, which need no count.
  const rates = toGrid([{ name: "procstat", tags: { process_name: "cc" }, columns: ["time", "read", "written"], values: [[0, 5, 7]] }], window);
  assert.equal(panel("process-disk").draw([rates]).lines[0]?.values[0], 12);
});

test("the client's cost is whole: the small collectors are one part", () => {
  const series = Array.from({ length: 9 }, (_, index) =>
    ({ name: "internal_collector", tags: { collector: `c${index}` }, columns: ["time", "seconds", "gathers"], values: [[0, 0.002 * (index + 1), 2]] }));
  const { lines } = panel("client").draw([toGrid(series, window)]);
  assert.deepEqual(lines.map((one) => one.label), ["c8", "c7", "c6", "c5", "c4", "c3", "3 others"]);
  assert.ok(Math.abs(lines.reduce((sum, one) => sum + (one.values[0] ?? 0), 0) - 45) < 1e-9);
});

test("a collector that runs in one gather of six has a sixth of its time in the stack", () => {
  const series = (collector: string, seconds: number, gathers: number) =>
    ({ name: "internal_collector", tags: { collector }, columns: ["time", "seconds", "gathers"], values: [[0, seconds, gathers]] });
  const { lines } = panel("client").draw([toGrid([series("cpu", 0.006, 6), series("disk", 0.012, 1)], window)]);
  assert.deepEqual(lines.map((one) => [one.label, one.values[0]]), [["disk", 2], ["cpu", 1]]);
});

test("panels have ids of their own", () => {
  for (const panels of [kPanels, kComparisons]) assert.equal(new Set(panels.map((one) => one.id)).size, panels.length);
});

test("a peak lies over the stack and is no part of it", () => {
  const peak: Line = { ...line("peak", [50, 60, 70]), overlay: true };
  const model = toModel([line("a", [1, 2, 3]), peak, line("b", [10, 10, 10])], "stack", window, new Set());
  assert.deepEqual(model.drawn, [[1, 2, 3], [50, 60, 70], [11, 12, 13]]);
});

test("a band goes with its line: mirrored below, gone when hidden", () => {
  const banded: Line = { ...line("out", [4, null, 5], true), low: [3, null, 4], high: [9, null, 9] };
  const model = toModel([line("in", [1, 2, 3]), banded], "mirror", window, new Set());
  assert.deepEqual(model.bands, [{ line: 1, low: [-9, null, -9], high: [-3, null, -4] }]);
  assert.deepEqual(toModel([banded], "line", window, new Set(["out"])).bands, []);
});

test("the load's band is found by its column", () => {
  const columns = ["time", "load1", "load1 low", "load1 high"];
  const grid = toGrid([{ name: "system", tags: {}, columns, values: [[0, 2, 1, 9]] }], window);
  const [load] = panel("load").draw([grid]).lines;
  assert.deepEqual([load?.values[0], load?.low?.[0], load?.high?.[0]], [2, 1, 9]);
});

test("comparing: several interfaces of a host are one line", () => {
  const of = (host: string, name: string, value: number) =>
    ({ name: "net", tags: { host, interface: name }, columns: ["time", "received"], values: [[0, value]] });
  const drawn = kComparisons.find((one) => one.id === "received")?.draw([toGrid([of("a", "eth0", 1), of("b", "eth0", 5), of("a", "wg0", 2)], window)]);
  assert.deepEqual(drawn?.lines.map((one) => [one.key, one.values[0]]), [["a", 3], ["b", 5]]);
});

test("the date stands where the day changes", () => {
  const midnight = new Date(2026, 0, 5).getTime();
  const hour = 3_600_000;
  assert.deepEqual(timeLabels([midnight - hour, midnight, midnight + hour], hour), ["23:00", "00:00\n01-05", "01:00"]);
  assert.deepEqual(timeLabels([midnight, midnight + 24 * hour], 24 * hour), ["01-05", "01-06"]);
});
