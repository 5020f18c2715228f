// A chart's data on one evenly spaced time axis. Query results land in a grid; a live refresh asks only for the newest part and
// is merged into the grid it already has, so an open page costs the server a few rows per interval, not the whole range.

import type { Series } from "./influx_response.ts";
import type { Window } from "./influxql.ts";

export interface GridSeries {
  column: string;
  tags: Record<string, string>;
  values: (number | null)[];
}

export interface Grid extends Window {
  series: GridSeries[];
}

export const pointsIn = (window: Window): number => Math.max(0, Math.round((window.to - window.from) / window.step));

function keyOf(column: string, tags: Record<string, string>): string {
  return JSON.stringify([column, Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

// REQUIRES: window.from and window.to are multiples of window.step. Points outside the window are left out.
export function toGrid(results: readonly Series[], window: Window): Grid {
  const points = pointsIn(window);
  const found = new Map<string, GridSeries>();
  for (const result of results) {
    result.columns.forEach((column, index) => {
      if (index === 0) return;
      const key = keyOf(column, result.tags);
      let series = found.get(key);
      if (series === undefined) {
        series = { column, tags: result.tags, values: new Array<number | null>(points).fill(null) };
        found.set(key, series);
      }
      for (const row of result.values) {
        const time = row[0];
        const value = row[index];
        if (typeof time !== "number" || typeof value !== "number" || !Number.isFinite(value)) continue;
        const at = Math.floor((time - window.from) / window.step);
        if (at >= 0 && at < points) series.values[at] = value;
      }
    });
  }
  const series = [...found.values()].filter((one) => one.values.some((value) => value !== null));
  return { ...window, series };
}

// `old` moved to `window`, with what `fresh` knows laid over it. A null in `fresh` erases nothing: a rate's first bucket is null
// only because the sample before it lies outside the fresh query.
export function mergeGrid(old: Grid, fresh: Grid, window: Window): Grid {
  const points = pointsIn(window);
  const merged = new Map<string, GridSeries>();
  for (const grid of [old, fresh]) {
    const shift = Math.round((grid.from - window.from) / window.step);
    for (const source of grid.series) {
      const key = keyOf(source.column, source.tags);
      let series = merged.get(key);
      if (series === undefined) {
        series = { column: source.column, tags: source.tags, values: new Array<number | null>(points).fill(null) };
        merged.set(key, series);
      }
      for (let index = Math.max(0, -shift); index < source.values.length && index + shift < points; ++index) {
        const value = source.values[index];
        if (value !== null && value !== undefined) series.values[index + shift] = value;
      }
    }
  }
  const series = [...merged.values()].filter((one) => one.values.some((value) => value !== null));
  return { ...window, series };
}

// A collector may be slower than the grid (disks every minute on a 5 s grid). Nulls between two of its regular samples are
// then not a gap. The series' own rhythm is its median distance between samples; a hole longer than one and a half of that is
// a gap and stays null, a shorter one becomes undefined, which uPlot draws through.
export function markGaps(values: readonly (number | null)[]): (number | null | undefined)[] {
  const marked: (number | null | undefined)[] = values.slice();
  // Most series have a sample in most buckets, and so no rhythm of their own.
  let known = 0;
  let beside = 0;
  for (let index = 0; index < values.length; ++index) {
    if (values[index] === null) continue;
    ++known;
    if (index > 0 && values[index - 1] !== null) ++beside;
  }
  if (known < 3 || beside > (known - 1) >> 1) return marked;
  const at: number[] = [];
  values.forEach((value, index) => {
    if (value !== null) at.push(index);
  });
  const distances = at.slice(1).map((index, i) => index - (at[i] ?? 0));
  const sorted = distances.slice().sort((a, b) => a - b);
  const rhythm = sorted[sorted.length >> 1] ?? 1;
  distances.forEach((distance, i) => {
    const start = at[i] ?? 0;
    if (distance <= rhythm * 1.5) marked.fill(undefined, start + 1, start + distance);
  });
  return marked;
}
