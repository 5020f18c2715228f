// What the views of host, comparison and logs do with their range: show, move, zoom, and lead back. Keys included.

import { useMemo, useRef } from "preact/hooks";
import { t } from "../core/texts.ts";
import { formatRoute, kDefaultRange, type CompareRoute, type HostRoute, type LogsRoute } from "../core/route.ts";
import { kMinimumSpanMs, kPresets, pan, rangeMs, type Range } from "../core/time_range.ts";
import { serverNow } from "../net/live.ts";
import type { Shortcut } from "./keyboard.ts";
import { go, refine } from "./navigation.ts";
import { closeFull } from "./full_screen.ts";
import type { PanelActions } from "./panel_view.tsx";

export interface RangeActions extends PanelActions {
  show: (range: Range) => void;
  move: (fraction: number) => void;
  zoomOut: () => void;
  shortcuts: Shortcut[];
}

const kLongestMs = 400 * 86_400_000;

export function useRange(route: HostRoute | CompareRoute | LogsRoute): RangeActions {
  // Where zooming started, so that double-click and Escape lead back to it.
  const before = useRef<Range>(route.range.kind === "last" ? route.range : kDefaultRange);
  if (route.range.kind === "last") before.current = route.range;
  return useMemo(() => {
    const range = route.range;
    const show = (next: Range): void => go({ ...route, range: next });
    const move = (fraction: number): void => refine({ ...route, range: pan(range, serverNow(), fraction) });
    const reset = (): void => {
      if (range.kind === "absolute") show(before.current);
    };
    const zoomOut = (): void => {
      const span = rangeMs(range);
      if (range.kind === "last") {
        const next = kPresets.find((preset) => preset.ms > span);
        if (next !== undefined) show({ kind: "last", preset: next });
      } else if (span < kLongestMs) {
        show({ kind: "absolute", from: Math.round(range.from - span / 2), to: Math.round(Math.min(range.to + span / 2, Math.max(range.to, serverNow()))) });
      }
    };
    return {
      show, move, reset, zoomOut,
      pan: (ms: number): void => move(ms / rangeMs(range)),
      zoom: (from: number, to: number): void => {
        const middle = (from + to) / 2;
        const half = Math.max(to - from, kMinimumSpanMs) / 2;
        show({ kind: "absolute", from: Math.floor(middle - half), to: Math.ceil(middle + half) });
      },
      shortcuts: [
        ...kPresets.map((preset, index) => ({
          keys: String(index + 1), what: t("Show {range}", { range: preset.name }), run: () => show({ kind: "last", preset }),
        })),
        { keys: "ArrowLeft", what: t("Earlier"), run: () => move(-0.5) },
        { keys: "ArrowRight", what: t("Later"), run: () => move(0.5) },
        { keys: "-", what: t("Twice as long"), run: zoomOut },
        { keys: "Escape", what: t("Leave the full screen, then the zoom"), run: () => (closeFull() ? undefined : reset()) },
      ],
    };
  }, [formatRoute(route)]);
}
