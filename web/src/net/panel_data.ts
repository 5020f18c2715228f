// The data of a view full of panels: a request for each part of the view, then only the newest stretch of each, merged into what
// is there. Parts rather than one request, so that the upper charts do not wait for the lower ones.

import { mergeGrid, toGrid, type Grid } from "../core/grid.ts";
import type { Window } from "../core/influxql.ts";
import { windowOf, type Range } from "../core/time_range.ts";
import type { Panel } from "../charts/panel.ts";
import { askFor } from "../charts/statements.ts";
import { beforeOthers, runEachNow } from "./query.ts";

export interface PanelData {
  window: Window;
  grids: readonly Grid[];
  error: string | null;
  hosts: readonly string[];
  intervalSeconds: number;
}

export type Panels = ReadonlyMap<string, PanelData>;

export interface Wanted {
  panels: readonly Panel[];
  hosts: readonly string[];
  intervalSeconds: number;
}

// How far back a refresh looks: late samples are picked up, and a rate finds the sample before its first bucket.
const kOverlap = 12;

// The last bucket is still filling. For a mean that is fine; a rate over a part of a bucket comes out too small, so it waits
// for the whole one, except where a bucket holds a single sample anyway.
function cutUnfinished(grid: Grid, intervalMs: number, now: number): Grid {
  if (grid.step <= intervalMs || grid.to <= now) return grid;
  return { ...grid, series: grid.series.map((series) => ({ ...series, values: [...series.values.slice(0, -1), null] })) };
}

// `whole`: the view's window, of which `window` may be the newest part.
async function fetchPart(wanted: Wanted, panels: readonly Panel[], window: Window, whole: Window, now: number,
                         signal: AbortSignal): Promise<Map<string, PanelData>> {
  const intervalMs = Math.round(wanted.intervalSeconds * 1000);  // 2.018 s would be 2017.9999…, which no query may say
  const asks = panels.flatMap((panel) => panel.sources.map((source) => ({ panel, source })));
  const statements: string[] = [];
  const places = asks.map(({ source }) => {
    const { statement, bands } = askFor(source, wanted.hosts, window, whole, intervalMs);
    const first = statements.push(statement) - 1;
    return bands === null ? [first] : [first, statements.push(bands) - 1];
  });
  const results = await runEachNow(statements, signal);
  const found = new Map<string, PanelData>();
  asks.forEach(({ panel, source }, index) => {
    const told = (places[index] ?? []).flatMap((place) => results[place] ?? []);
    const known = found.get(panel.id) ?? { window, grids: [], error: null, hosts: wanted.hosts, intervalSeconds: wanted.intervalSeconds };
    const all = toGrid(told.flatMap((result) => result.series), window);
    const grid = source.rates === true ? cutUnfinished(all, intervalMs, now) : all;
    found.set(panel.id, { ...known, grids: [...known.grids, grid], error: known.error ?? told.find((result) => result.error !== null)?.error ?? null });
  });
  return found;
}

// What a panel asked for, as a person would ask it in Explore.
export const queryOf = (panel: Panel, { window, hosts, intervalSeconds }: PanelData): string =>
  panel.sources.map((source) => askFor(source, hosts, window, window, Math.round(intervalSeconds * 1000)).statement).join(";\n");

// A part a section, in order. A heat map's answer is as large as that of all others together on a machine with many cores: it comes last,
// and the charts beside it do not wait for it.
function inParts(panels: readonly Panel[]): Panel[][] {
  const parts = new Map<string, Panel[]>();
  for (const heat of [false, true]) {
    for (const panel of panels.filter((one) => (one.style === "heat") === heat)) {
      const key = `${heat} ${panel.section}`;
      parts.set(key, [...(parts.get(key) ?? []), panel]);
    }
  }
  return [...parts.values()];
}

// `onPart` gets each part as it comes.
export async function load(wanted: Wanted, range: Range, now: number, signal: AbortSignal, onPart: (part: Panels) => void): Promise<Panels> {
  const window = windowOf(range, now, wanted.intervalSeconds);
  const parts = await beforeOthers(() => Promise.all(inParts(wanted.panels).map(async (panels) => {
    const part = await fetchPart(wanted, panels, window, window, now, signal);
    onPart(part);
    return part;
  })));
  return new Map(parts.flatMap((part) => [...part]));
}

export async function refresh(old: Panels, wanted: Wanted, range: Range, now: number, signal: AbortSignal): Promise<Panels> {
  const window = windowOf(range, now, wanted.intervalSeconds);
  const before = [...old.values()][0]?.window;
  const from = (before?.to ?? 0) - kOverlap * window.step;
  if (before === undefined || window.step !== before.step || from <= window.from) return load(wanted, range, now, signal, () => undefined);
  const tail: Window = { from, to: window.to, step: window.step };
  const fresh = await fetchPart(wanted, wanted.panels, tail, window, now, signal);
  const panels = new Map<string, PanelData>();
  for (const [id, panel] of fresh) {
    const known = old.get(id);
    const grids = panel.grids.map((grid, index) => mergeGrid(known?.grids[index] ?? { ...window, series: [] }, grid, window));
    panels.set(id, { ...panel, window, grids });
  }
  return panels;
}
