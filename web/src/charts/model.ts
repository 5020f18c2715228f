// From a panel's lines to the columns that uPlot draws: stacked sums, mirrored signs, gaps marked. Pure.

import { markGaps } from "../core/grid.ts";
import type { Window } from "../core/influxql.ts";
import type { Line, Style } from "./panels.ts";

export type Column = (number | null | undefined)[];

export interface Model {
  times: number[];
  drawn: Column[];   // in the order of `lines`; what is put on the canvas
  values: Column[];  // what the legend says
}

export function toModel(lines: readonly Line[], style: Style, window: Window, hidden: ReadonlySet<string>): Model {
  const points = Math.max(0, Math.round((window.to - window.from) / window.step));
  const times = Array.from({ length: points }, (_, index) => window.from + index * window.step);
  const values = lines.map((line) => markGaps(line.values));
  if (style !== "stack") {
    const drawn = values.map((column, index) =>
      lines[index]?.below ? column.map((value) => (typeof value === "number" ? -value : value)) : column,
    );
    return { times, drawn, values };
  }
  let floor: Column = new Array<number | null>(points).fill(null);
  const drawn = values.map((column, index) => {
    if (hidden.has(lines[index]?.key ?? "")) return column.map(() => null);
    const below = floor;
    const sum = column.map((value, at) => {
      const base = below[at];
      if (typeof value === "number") return value + (base ?? 0);
      // A part that is missing alone counts as nothing; where every part is missing there is a gap.
      return base ?? value;
    });
    floor = sum;
    return sum;
  });
  return { times, drawn, values };
}

// Samples with a gap on either side: a line has no length there, so they are drawn as points.
export function isolated(column: Column): number[] {
  const found: number[] = [];
  let before: number | null = null;
  column.forEach((value, at) => {
    if (typeof value !== "number") return;
    const gapBefore = before === null || column.slice(before + 1, at).includes(null);
    let next = at + 1;
    while (next < column.length && column[next] === undefined) ++next;
    const gapAfter = typeof column[next] !== "number";
    if (gapBefore && gapAfter) found.push(at);
    before = at;
  });
  return found;
}

export function lastValue(column: Column): number | null {
  for (let at = column.length - 1; at >= 0; --at) {
    const value = column[at];
    if (typeof value === "number") return value;
  }
  return null;
}
