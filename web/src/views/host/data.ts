// The host view's data: one request for every panel, then only the newest part of each, merged into what is there.

import { toGrid, mergeGrid, type Grid } from "../../core/grid.ts";
import { select, type Window } from "../../core/influxql.ts";
import { windowOf, type Range } from "../../core/time_range.ts";
import { kPanels, type Panel, type Source } from "../../charts/panels.ts";
import { runEach } from "../../net/query.ts";

export interface PanelData {
  grids: readonly Grid[];
  error: string | null;
}

export interface HostData {
  window: Window;
  panels: ReadonlyMap<string, PanelData>;
}

// How far back a refresh looks: late samples are picked up, and a rate finds the sample before its first bucket.
const kOverlap = 12;

interface Ask {
  panel: Panel;
  source: Source;
  statement: string;
}

function asks(host: string, window: Window): Ask[] {
  return kPanels.flatMap((panel) =>
    panel.sources.map((source) => ({
      panel,
      source,
      statement: select(
        { columns: source.columns, from: source.from, where: [["host", host], ...(source.where ?? [])], by: source.by ?? [] },
        window,
      ),
    })),
  );
}

// The last bucket is still filling. For a mean that is fine; a rate over a part of a bucket comes out too small, so it waits
// for the whole one, except where a bucket holds a single sample anyway.
function cutUnfinished(grid: Grid, intervalMs: number, now: number): Grid {
  if (grid.step <= intervalMs || grid.to <= now) return grid;
  return { ...grid, series: grid.series.map((series) => ({ ...series, values: [...series.values.slice(0, -1), null] })) };
}

async function fetchWindow(host: string, window: Window, intervalSeconds: number, now: number,
                           signal: AbortSignal): Promise<Map<string, PanelData>> {
  const wanted = asks(host, window);
  const results = await runEach(wanted.map((ask) => ask.statement), signal);
  const panels = new Map<string, PanelData>();
  wanted.forEach((ask, index) => {
    const result = results[index];
    const known = panels.get(ask.panel.id) ?? { grids: [], error: null };
    const whole = toGrid(result?.series ?? [], window);
    const grid = ask.source.rates === true ? cutUnfinished(whole, intervalSeconds * 1000, now) : whole;
    panels.set(ask.panel.id, { grids: [...known.grids, grid], error: known.error ?? result?.error ?? null });
  });
  return panels;
}

export async function load(host: string, range: Range, intervalSeconds: number, now: number,
                           signal: AbortSignal): Promise<HostData> {
  const window = windowOf(range, now, intervalSeconds);
  return { window, panels: await fetchWindow(host, window, intervalSeconds, now, signal) };
}

export async function refresh(old: HostData, host: string, range: Range, intervalSeconds: number, now: number,
                              signal: AbortSignal): Promise<HostData> {
  const window = windowOf(range, now, intervalSeconds);
  const from = old.window.to - kOverlap * window.step;
  if (window.step !== old.window.step || from <= window.from) return load(host, range, intervalSeconds, now, signal);
  const tail: Window = { from, to: window.to, step: window.step };
  const fresh = await fetchWindow(host, tail, intervalSeconds, now, signal);
  const panels = new Map<string, PanelData>();
  for (const [id, panel] of fresh) {
    const before = old.panels.get(id);
    const grids = panel.grids.map((grid, index) => {
      const known = before?.grids[index];
      return mergeGrid(known ?? { ...window, series: [] }, grid, window);
    });
    panels.set(id, { grids, error: panel.error });
  }
  return { window, panels };
}
