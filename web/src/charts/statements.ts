// What a chart's source asks the store for. The benches ask the same (bench/page_queries.mjs).

import { select, selectRateBands, withBands, type Select, type Window } from "../core/influxql.ts";
import { bandStep } from "../core/time_range.ts";
import type { Source } from "./panel.ts";

export interface Asked {
  query: Select;
  statement: string;
  bands: string | null;  // of its rates, where it has some (selectRateBands)
}

// `whole`: the view's window, of which `window` may be the newest part only; both are to be asked for in the same way.
export function askFor(source: Source, hosts: readonly string[], window: Window, whole: Window, intervalMs: number): Asked {
  // A bucket of one sample has no lowest and highest.
  const columns = window.step >= 2 * intervalMs ? withBands(source.columns) : [...source.columns];
  const query = { columns, from: source.from, where: [["host", hosts] as const, ...(source.where ?? [])], by: source.by ?? [] };
  return { query, statement: select(query, window), bands: selectRateBands(query, window, bandStep(whole, intervalMs)) };
}
