// What a host did in a range of the past, from what its charts were asked for: nothing is asked of the server again. Highest is the highest
// mean of one point of the charts; single samples that were higher are the peak. A spell is the time around the highest point in which values
// stayed nearer to it than to the mean of the range.

import { meansOf, wholeDisk, type Values } from "../../charts/panel.ts";
import { t } from "../../core/texts.ts";
import { formatClock, formatDate, formatDay, isoDate, partsOf } from "../../core/format.ts";
import type { GridSeries } from "../../core/grid.ts";
import { highOf, type Window } from "../../core/influxql.ts";
import type { PanelData, Panels } from "../../net/panel_data.ts";

export interface Span { from: number; to: number }  // ms since the epoch

// The points from `first` to `last`, both inclusive.
export interface Spell extends Span { first: number; last: number }

export interface Course {
  mean: number;
  highest: number;
  peak: number | null;   // the highest single sample, where it is above the highest point
  spell: Spell | null;   // null: values were much the same all the time
}

export interface Program { name: string; value: number }

export interface Past {
  cpu: Course | null;
  memory: Course | null;
  fullest: { path: string; first: number; highest: number; last: number } | null;
  filled: readonly { path: string; from: number; highest: number; to: number; at: number }[];  // percent; the one that grew most comes first
  busiest: ({ name: string } & Course) | null;
  received: ({ name: string } & Course) | null;  // bits a second, of the interface with most traffic
  sent: ({ name: string } & Course) | null;
  waits: readonly ({ resource: string } & Course)[];
  mostCpu: readonly Program[];          // of the whole range
  mostCpuInSpell: readonly Program[];
  mostMemory: readonly Program[];       // when memory was fullest
  mostDisk: readonly Program[];         // bytes a second, while the busiest disk was busiest
  silent: readonly Span[];
}

const kMostDip = 2;        // so many points below the limit do not end a spell
const kNearProgram = 12;   // so many points around a spell may have its programs, which are gathered less often
const kPrograms = 3;
const kShare = 0.2;        // a highest value this much above the mean has a time
const kGrown = 2;          // percent of a file system
const kSilentPoints = 2;

const known = (values: Values): number[] => values.filter((value): value is number => value !== null);
const meanOf = (values: Values): number | null => {
  const some = known(values);
  return some.length === 0 ? null : some.reduce((a, b) => a + b, 0) / some.length;
};

export function courseOf(values: Values, window: Window, within: Span, least: number, high?: Values): Course | null {
  const mean = meanOf(values);
  if (mean === null) return null;
  const highest = known(values).reduce((a, b) => Math.max(a, b));
  const top = high === undefined ? highest : known(high).reduce((a, b) => Math.max(a, b), highest);
  const peak = top - highest >= least ? top : null;
  if (highest - mean < Math.max(least, kShare * mean)) return { mean, highest, peak, spell: null };
  const limit = (mean + highest) / 2;
  const begin = values.indexOf(highest);
  const end = (step: 1 | -1): number => {
    let reached = begin;
    for (let at = begin + step, dip = 0; at >= 0 && at < values.length && dip <= kMostDip; at += step) {
      if ((values[at] ?? -Infinity) >= limit) [reached, dip] = [at, 0];
      else ++dip;
    }
    return reached;
  };
  const [first, last] = [end(-1), end(1)];
  return { mean, highest, peak, spell: { first, last, from: Math.max(within.from, window.from + first * window.step), to: Math.min(within.to, window.from + (last + 1) * window.step) } };
}

const seriesOf = (data: PanelData | undefined): GridSeries[] => (data?.grids ?? []).flatMap((grid) => grid.series);
const column = (series: readonly GridSeries[], name: string): GridSeries | undefined => series.find((one) => one.column === name);

// The programs that used most, as means over the points of the spell, or of all. A program without a value in a point used nothing there that
// is worth a row.
function programsOf(means: ReadonlyMap<string, Values>, spell: Spell | null): Program[] {
  const all = [...means].filter(([name]) => name !== "" && name !== "other");
  const points = all[0]?.[1].length ?? 0;
  let [first, last] = spell === null ? [0, points - 1] : [spell.first, spell.last];
  const has = (at: number): boolean => all.some(([, values]) => (values[at] ?? null) !== null);
  for (let near = 0; near < kNearProgram && spell !== null; ++near) {
    let some = false;
    for (let at = first; at <= last && !some; ++at) some = has(at);
    if (some) break;
    [first, last] = [Math.max(0, first - 1), Math.min(points - 1, last + 1)];
  }
  let counted = 0;
  for (let at = first; at <= last; ++at) if (has(at)) ++counted;
  return all.map(([name, values]) => ({ name, value: values.slice(first, last + 1).reduce<number>((sum, value) => sum + (value ?? 0), 0) / Math.max(counted, 1) }))
    .filter(({ value }) => value > 0).sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, kPrograms);
}

function filledOf(series: readonly GridSeries[], window: Window): Pick<Past, "fullest" | "filled"> {
  const paths = series.flatMap(({ column: name, tags, values }) => {
    const some = known(values);
    const path = tags["path"];
    if (name !== "used_percent" || path === undefined || some.length === 0) return [];
    // From the lowest before the highest: one that was emptied and filled again filled up, too.
    const highest = some.reduce((a, b) => Math.max(a, b));
    const at = values.indexOf(highest);
    const from = known(values.slice(0, at + 1)).reduce((a, b) => Math.min(a, b));
    return [{ path, first: some[0] ?? from, from, highest, to: some[some.length - 1] ?? highest, at: window.from + at * window.step }];
  });
  const [fullest = null] = [...paths].sort((a, b) => b.highest - a.highest || (a.path < b.path ? -1 : 1));
  return { fullest: fullest === null ? null : { path: fullest.path, first: fullest.first, highest: fullest.highest, last: fullest.to }, filled: paths.filter(({ from, highest }) => highest - from >= kGrown).sort((a, b) => b.highest - b.from - (a.highest - a.from)) };
}

// The one of a tag's values with most in the range.
function most<Kind extends { name: string } & Course>(courses: readonly Kind[], weight: (one: Kind) => number): Kind | null {
  return courses.reduce<Kind | null>((best, one) => (best === null || weight(one) > weight(best) ? one : best), null);
}

// Where no chart has a value, from the begin of the range or the host's first sample on; to `until`, after which there can be none yet.
function silentOf(panels: Panels, within: Span, step: number): Span[] {
  const grids = ["cpu", "load", "memory", "disk"].flatMap((id) => panels.get(id)?.grids ?? []);
  const points = grids[0]?.series[0]?.values.length ?? 0;
  const begin = grids[0]?.from ?? 0;
  const out: Span[] = [];
  let first: number | null = null;
  for (let at = 0; at <= points; ++at) {
    const quiet = at < points && begin + (at + 1) * step > within.from && begin + (at + 1) * step <= within.to
      && grids.every((grid) => grid.series.every((one) => (one.values[at] ?? null) === null));
    if (quiet) first ??= at;
    if (quiet || first === null) continue;
    if (at - first >= kSilentPoints) out.push({ from: Math.max(within.from, begin + first * step), to: Math.min(within.to, begin + at * step) });
    first = null;
  }
  return out;
}

// `within`: the range, without what is before the host's first sample or yet to come. `panels`: those that have their data, all of `window`.
export function pastOf(panels: Panels, window: Window, within: Span, isHigh: (pressure: number) => boolean): Past {
  const named = (id: string, name: string, tag: string, least: number): ({ name: string } & Course)[] =>
    seriesOf(panels.get(id)).flatMap((one) => {
      const course = one.column === name ? courseOf(one.values, window, within, least) : null;
      return course === null ? [] : [{ name: one.tags[tag] ?? "", ...course }];
    });
  const cpus = seriesOf(panels.get("cpu"));
  const active = column(cpus, "active");
  const cpu = active === undefined ? null : courseOf(active.values, window, within, 3, column(cpus, highOf("active"))?.values);
  const [used, available] = ["used", "available"].map((name) => column(seriesOf(panels.get("memory")), name)?.values);
  const share = used?.map((value, at) => {
    const rest = available?.[at] ?? null;
    return value === null || rest === null || value + rest === 0 ? null : (100 * value) / (value + rest);
  });
  const memory = share === undefined ? null : courseOf(share, window, within, 3);
  const disks = named("disk-busy", "io_util", "name", 3);
  const names = disks.map(({ name }) => name);
  const busiest = most(disks.filter(({ name }) => wholeDisk(name, names)), (one) => one.highest);
  const [received, sent] = ["received", "sent"].map((name) => named("network", name, "interface", 1e5));
  const traffic = (name: string): number => [...(received ?? []), ...(sent ?? [])].filter((one) => one.name === name).reduce((sum, one) => sum + one.mean, 0);
  const wire = most(received ?? [], (one) => traffic(one.name))?.name;
  const programs = (id: string): Map<string, Values> => meansOf(seriesOf(panels.get(id)), "process_name");
  const cpuPrograms = programs("process-cpu");
  return {
    cpu, memory, busiest, ...filledOf(seriesOf(panels.get("disk")), window),
    received: received?.find(({ name }) => name === wire) ?? null, sent: sent?.find(({ name }) => name === wire) ?? null,
    waits: seriesOf(panels.get("pressure")).flatMap((one) => {
      const course = one.column === "avg10" && one.tags["type"] === "some" ? courseOf(one.values, window, within, 3) : null;
      return course === null || !isHigh(course.highest) ? [] : [{ resource: one.tags["resource"] ?? "", ...course }];
    }),
    mostCpu: programsOf(cpuPrograms, null), mostCpuInSpell: cpu === null || cpu.spell === null ? [] : programsOf(cpuPrograms, cpu.spell),
    mostMemory: programsOf(programs("process-memory"), memory?.spell ?? null),
    mostDisk: busiest === null || busiest.spell === null ? [] : programsOf(programs("process-disk"), busiest.spell),
    silent: silentOf(panels, within, window.step),
  };
}

// "14:00–15:00", "14:35" of a single point; the day before it where the range has several.
export function spanWords({ from, to }: Span, within: Span, single = false): string {
  const severalDays = isoDate(within.from) !== isoDate(within.to - 1);
  const seconds = to - from < 60_000;
  const moment = (ms: number, withDay: boolean): string => `${withDay ? `${formatDay(ms)} ` : ""}${formatClock(ms, seconds)}`;
  // Midnight is the end of a day as well.
  const end = moment(to, severalDays && isoDate(to - 1) !== isoDate(from));
  return single ? moment(from, severalDays) : `${moment(from, severalDays)}–${end === "00:00" ? "24:00" : end}`;
}

const kWeekdays = [t("Sunday"), t("Monday"), t("Tuesday"), t("Wednesday"), t("Thursday"), t("Friday"), t("Saturday")];

// "Tuesday, 2026-12-01" of a whole day, else with its times; of several days the first and the last, with times where they are not whole.
export function rangeTitle({ from, to }: Span): string {
  const day = (ms: number): string => `${kWeekdays[partsOf(ms).weekday] ?? ""}, ${formatDate(ms)}`;
  const isWhole = formatClock(from, true) === "00:00:00" && formatClock(to, true) === "00:00:00";
  if (isoDate(from) === isoDate(to - 1)) return isWhole ? day(from) : `${day(from)}, ${spanWords({ from, to }, { from, to })}`;
  return isWhole ? `${day(from)} – ${day(to - 1)}` : `${day(from)}, ${formatClock(from, false)} – ${day(to)}, ${formatClock(to, false)}`;
}

export const spellWords = (spell: Spell, within: Span): string => spanWords(spell, within, spell.first === spell.last);

// Starts of the machine in the range, from the times that samples name, in seconds. The kernel's time of its start moves a little when the clock is set.
const kSameStartMs = 120_000;
export function restartsOf(values: readonly (number | null)[], within: Span): number[] {
  return known(values).map((seconds) => seconds * 1000).filter((ms) => ms >= within.from && ms < within.to).sort((a, b) => a - b)
    .filter((ms, at, all) => at === 0 || ms - (all[at - 1] ?? 0) > kSameStartMs);
}
