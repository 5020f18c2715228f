// From a panel's lines to the columns that uPlot draws: stacked sums, mirrored signs, gaps marked. Pure.

import { markGaps } from "../core/grid.ts";
import type { Window } from "../core/influxql.ts";
import type { Line, Style } from "./panel.ts";

export type Column = (number | null | undefined)[];

export interface Model {
  times: readonly number[];
  drawn: Column[];   // in the order of `lines`; what is put on the canvas
  values: Column[];  // what the legend says
  bands: { line: number; low: Column; high: Column }[];
}

export function timesOf(window: Window): number[] {
  const points = Math.max(0, Math.round((window.to - window.from) / window.step));
  return Array.from({ length: points }, (_, index) => window.from + index * window.step);
}

// `times`: one for each value of every line; without them the window's own even steps.
export function toModel(lines: readonly Line[], style: Style, window: Window, hidden: ReadonlySet<string>,
                        given?: readonly number[]): Model {
  const times = given ?? timesOf(window);
  const values = lines.map((line) => markGaps(line.values));
  const signed = (column: Column, line: Line | undefined): Column =>
    line?.below === true ? column.map((value) => (typeof value === "number" ? -value : value)) : column;
  const bands = style === "stack" ? [] : lines.flatMap((line, index) =>
    line.low === undefined || line.high === undefined || hidden.has(line.key)
      ? []
      // Under the zero line the highest is the lowest of the picture.
      : [line.below === true
          ? { line: index, low: signed(markGaps(line.high), line), high: signed(markGaps(line.low), line) }
          : { line: index, low: markGaps(line.low), high: markGaps(line.high) }]);
  if (style !== "stack") return { times, drawn: values.map((column, index) => signed(column, lines[index])), values, bands };
  // A part without a value counts as nothing while another part has one: uPlot fills a band only where both of its edges have values. Only where
  // no part has a value there is a gap, or a stretch that is drawn through.
  const parts = lines.flatMap((line, index) => (line.overlay === true || hidden.has(line.key) ? [] : [values[index] ?? []]));
  let floor: Column = times.map((_, at) =>
    parts.some((part) => typeof part[at] === "number") ? 0 : parts.some((part) => part[at] === undefined) ? undefined : null);
  const drawn = values.map((column, index) => {
    if (hidden.has(lines[index]?.key ?? "")) return column.map(() => null);
    if (lines[index]?.overlay === true) return column;
    floor = floor.map((base, at) => (typeof base === "number" ? base + (column[at] ?? 0) : base));
    return floor;
  });
  return { times, drawn, values, bands };
}

// Samples with a gap on either side: a line has no length there, so they are drawn as points.
export function isolated(column: Column): number[] {
  const found: number[] = [];
  let alone = -1;  // the newest sample, where a gap is before it
  let gap = true;
  for (let at = 0; at < column.length; ++at) {
    const value = column[at];
    if (value === undefined) continue;
    if (value === null) {
      if (alone >= 0) found.push(alone);
      alone = -1;
      gap = true;
    } else {
      alone = gap ? at : -1;
      gap = false;
    }
  }
  if (alone >= 0) found.push(alone);
  return found;
}

// So many steps after its last value a line still counts as going on: the newest steps may not have their samples yet.
const kNewestSteps = 3;
const kRhythmKnown = 3;  // from so many values on, as in markGaps

// The newest value of each line, null where the line ended before. It ended if its last value lies a few steps before another line's, or before the
// step `end`, the newest time of the range. Of a line with fewer than three values the rhythm is unknown: only other lines can show its end.
export function latestValues(columns: readonly Column[], end: number): (number | null)[] {
  const isKnown = (value: number | null | undefined): boolean => typeof value === "number";
  const lasts = columns.map((column) => column.findLastIndex(isKnown));
  const newest = Math.max(...lasts, -1);
  return columns.map((column, index) => {
    const last = lasts[index] ?? -1;
    if (last < 0) return null;
    const before = column.slice(0, last);
    const previous = before.findLastIndex(isKnown);
    const rhythm = previous >= 0 && before.slice(previous + 1).every((value) => value === undefined) ? last - previous : 1;
    const hasRhythm = before.filter(isKnown).length >= kRhythmKnown - 1;
    return (hasRhythm ? Math.max(newest, end) : newest) - last <= Math.max(kNewestSteps, 2 * rhythm) ? column[last] ?? null : null;
  });
}
