// What a panel is: which measurements it reads and how their grids become lines. Nothing here touches the page or the network.

import { count, t } from "../core/texts.ts";
import type { Unit } from "../core/format.ts";
import type { Grid, GridSeries } from "../core/grid.ts";
import { highOf, lowOf, type Column } from "../core/influxql.ts";
import { tagLabel } from "../core/tags.ts";
import { pageColours } from "./colours.ts";

export interface Source {
  from: string;
  columns: readonly Column[];
  where?: ReadonlyArray<readonly [string, string]>;
  by?: readonly string[];
  rates?: boolean;  // the columns are rates of counters: an unfinished bucket would show too little
}

export type Values = readonly (number | null)[];

export interface Line {
  key: string;
  label: string;
  values: Values;
  colour: number;   // index into the palette
  below?: boolean;  // mirror style: drawn under the zero line
  low?: Values;     // the band around a mean, where a bucket holds many samples
  high?: Values;
  overlay?: boolean;  // stack style: a line over the stack and no part of it
}

export interface Drawn {
  lines: Line[];
  cells?: Line[];  // heat style: one row of shares (0 … 100) each, drawn instead of the lines, which only the legend tells
  note?: string;   // what was left out
  blank?: string;  // why there is nothing to draw, where that is known
}

export type Style = "line" | "stack" | "mirror" | "heat";

export interface Panel {
  id: string;
  section: string;
  title: string;
  about?: string;  // what the numbers mean, where the title cannot say it
  unit: Unit;
  style: Style;
  ceilings?: readonly number[];  // the axis ends at the first of these that holds the data, so that pictures compare
  optional?: boolean;            // not every client sends it: no data, no panel
  sources: readonly Source[];
  // The grids in the order of `sources`.
  draw: (grids: readonly Grid[]) => Drawn;
}

export interface Wanted {
  column: string;
  label: string;
  colour: number;
  below?: boolean;
  overlay?: boolean;
}

// `low` and `high` where the grid has them for this column and these tags.
export function bandOf(series: readonly GridSeries[], of: GridSeries): Pick<Line, "low" | "high"> {
  const same = (one: GridSeries): boolean => Object.entries(of.tags).every(([key, value]) => one.tags[key] === value);
  const low = series.find((one) => one.column === lowOf(of.column) && same(one));
  const high = series.find((one) => one.column === highOf(of.column) && same(one));
  return low === undefined || high === undefined ? {} : { low: low.values, high: high.values };
}

export function plain(wanted: readonly Wanted[]): Panel["draw"] {
  return (grids) => {
    const all = grids.flatMap((grid) => grid.series);
    return {
      lines: wanted.flatMap((one) => {
        const found = all.find((series) => series.column === one.column);
        return found === undefined ? [] : [{ key: one.column, ...one, values: found.values, ...bandOf(all, found) }];
      }),
    };
  };
}

// The sum of what is there. 0 for a series without values.
export const total = (values: Values): number => values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);

export function combine(a: Values, b: Values, f: (a: number, b: number) => number): Values {
  return a.map((value, index) => {
    const other = b[index] ?? null;
    return value === null || other === null ? null : f(value, other);
  });
}

// A value where either side has one.
export const sum = (a: Values, b: Values): Values =>
  a.map((value, at) => (value === null && (b[at] ?? null) === null ? null : (value ?? 0) + (b[at] ?? 0)));

// The kernel names partition 2 of sda "sda2", and of nvme0n1, whose name ends in a digit, "nvme0n1p2".
export function isPartition(name: string, names: readonly string[]): boolean {
  return names.some((whole) => {
    if (name === whole || !name.startsWith(whole)) return false;
    return (/\d$/.test(whole) ? /^p\d+$/ : /^\d+$/).test(name.slice(whole.length));
  });
}

export const kMostGroups = 6;
const kMostPairs = 4;  // of two colours each

export const any = (): boolean => true;
export const wholeDisk = (name: string, all: string[]): boolean => !isPartition(name, all) && !/^(loop|ram)\d/.test(name);

// Lines for each value of a tag, the busiest first. Devices that did nothing are left out when others did something.
export function grouped(tag: string, wanted: readonly Omit<Wanted, "colour">[], keep: (name: string, all: string[]) => boolean,
                        quiet: "hide" | "show", what: string): Panel["draw"] {
  return (grids) => {
    const all = grids.flatMap((grid) => grid.series);
    const groups = new Map<string, GridSeries[]>();
    for (const series of all) {
      const name = series.tags[tag];
      if (name === undefined) continue;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [series]);
      else group.push(series);
    }
    const names = [...groups.keys()];
    const ranked = names
      .filter((name) => keep(name, names))
      .map((name) => ({ name, sum: (groups.get(name) ?? []).reduce((sum, series) => sum + total(series.values), 0) }))
      .sort((a, b) => b.sum - a.sum || (a.name < b.name ? -1 : 1));
    const busy = quiet === "hide" ? ranked.filter((one) => one.sum > 0) : ranked;
    const candidates = busy.length > 0 ? busy : ranked;
    const shown = candidates.slice(0, wanted.some((one) => one.below) ? kMostPairs : kMostGroups);
    // What is drawn below zero has the colour of what is above it: the device is the same. On one side each column has its own.
    const side = wanted.map((one, at) => wanted.slice(0, at).filter((before) => before.below === one.below).length);
    const kinds = Math.max(0, ...side) + 1;
    const colours = pageColours.of(tag, shown.flatMap(({ name }) => Array.from({ length: kinds }, (_, at) => (at === 0 ? name : `${name} ${at}`))));
    const lines = shown.flatMap(({ name }, index) =>
      wanted.flatMap((one, column) => {
        const series = (groups.get(name) ?? []).find((candidate) => candidate.column === one.column);
        if (series === undefined) return [];
        const colour = colours[index * kinds + (side[column] ?? 0)] ?? 0;
        const label = one.label === "" ? tagLabel(tag, name) : `${tagLabel(tag, name)} ${one.label}`;
        return [{ key: `${name} ${one.column}`, label, values: series.values, colour, ...(one.below ? { below: true } : {}), ...bandOf(all, series) }];
      }),
    );
    const left = candidates.length - shown.length;
    return left > 0 ? { lines, note: t("The busiest {shown} of {all} {what}.", { shown: shown.length, all: candidates.length, what }) } : { lines };
  };
}

// The row in which clients put what has none of its own.
const kOther = "other";

// The column with how many gathers had a row. A program that was there in one gather of five, and a collector that runs in one of five, has a
// fifth of its mean in the stack: the mean of its own rows would lift the stack above the whole. The client's row `other`, and most
// collectors, are in each gather.
export const kGathers = "gathers";

// Each name's values, of all columns together, as a mean over all gathers of a bucket.
export function meansOf(series: readonly GridSeries[], tag: string): Map<string, Values> {
  const counts = series.filter((one) => one.column === kGathers).map((one) => one.values);
  const gathers = (counts[0] ?? []).map((_, at) => counts.reduce((most, values) => Math.max(most, values[at] ?? 0), 0));
  const means = new Map<string, Values>();
  for (const { tags, column, values } of series) {
    const name = tags[tag];
    if (name === undefined || column === kGathers) continue;
    const own = values.map((value, at) => (value === null ? null : value / Math.max(gathers[at] ?? 1, 1)));
    const before = means.get(name);
    means.set(name, before === undefined ? own : sum(before, own));
  }
  return means;
}

const byTotal = ([a, own]: [string, Values], [b, other]: [string, Values]): number => total(other) - total(own) || (a < b ? -1 : 1);

// A stack of the largest by name, the others as one part, so that its height is the whole.
export function perGather(tag: string, scale: number): Panel["draw"] {
  return ([grid]) => {
    const ranked = [...meansOf(grid?.series ?? [], tag)].sort(byTotal);
    const scaled = (values: Values): Values => values.map((value) => (value === null ? null : value * scale));
    const largest = ranked.slice(0, kMostGroups);
    const colours = pageColours.of(tag, largest.map(([name]) => name));
    const lines: Line[] = largest.map(([name, values], at) => ({ key: name, label: tagLabel(tag, name), colour: colours[at] ?? 0, values: scaled(values) }));
    const [first, ...others] = ranked.slice(kMostGroups).map(([, values]) => values);
    if (first !== undefined) {
      lines.push({ key: " others", label: count("{n} other|{n} others", others.length + 1), colour: 7, values: scaled(others.reduce<Values>(sum, first)) });
    }
    return { lines };
  };
}

// A stack of the largest programs: one part a name, whatever users, services and containers run it; the rest, `other` included, is one part.
export const byProgram: Panel["draw"] = ([grid]) => {
  const programs = meansOf(grid?.series ?? [], "process_name");
  const ranked = [...programs].filter(([name]) => name !== kOther).sort(byTotal);
  const largest = ranked.slice(0, kMostGroups);
  const colours = pageColours.of("process_name", largest.map(([name]) => name));
  const lines: Line[] = largest.map(([name, values], at) => ({ key: name, label: name, colour: colours[at] ?? 0, values }));
  const rest = ranked.slice(kMostGroups).map(([, values]) => values);
  const other = programs.get(kOther);
  if (other !== undefined) rest.push(other);
  const [first, ...more] = rest;
  if (first !== undefined) lines.push({ key: " others", label: t("all others"), colour: 7, values: more.reduce<Values>(sum, first) });
  return { lines };
};
