import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart } from "../../charts/chart.ts";
import type { Drawn, Line, Panel } from "../../charts/panels.ts";
import { theme } from "../../charts/theme.ts";
import { format } from "../../core/format.ts";
import type { Window } from "../../core/influxql.ts";
import { useObservable } from "../../ui/use_observable.ts";
import type { PanelData } from "./data.ts";

interface Props {
  panel: Panel;
  data: PanelData | undefined;
  window: Window | undefined;
  failed: string | null;  // why the request as a whole failed, while nothing is on the screen yet
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
  onRetry: () => void;
}

const kNone: ReadonlySet<string> = new Set();
const kNoCells: readonly Line[] = [];

export function PanelView({ panel, data, window, failed, onZoom, onReset, onRetry }: Props) {
  const colours = useObservable(theme);
  const [hidden, setHidden] = useState(kNone);
  const drawn: Drawn = useMemo(() => (data === undefined ? { lines: [] } : panel.draw(data.grids)), [panel, data]);
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const clock = useRef<HTMLSpanElement>(null);
  const chart = useRef<Chart | null>(null);
  const callbacks = useRef({ onZoom, onReset });
  callbacks.current = { onZoom, onReset };
  const canDraw = drawn.lines.length > 0 && window !== undefined;

  useLayoutEffect(() => {
    if (!canDraw || place.current === null || window === undefined) return;
    chart.current = new Chart(place.current, { lines: drawn.lines, window, hidden, cells: drawn.cells ?? kNoCells }, {
      unit: panel.unit,
      style: panel.style,
      ceilings: panel.ceilings,
      theme: colours,
      onZoom: (from, to) => callbacks.current.onZoom(from, to),
      onReset: () => callbacks.current.onReset(),
      onValues: (values, time) => {
        const cells = legend.current?.querySelectorAll(".legend-value");
        cells?.forEach((cell, index) => {
          const text = format(values[index] ?? null, panel.unit);
          if (cell.textContent !== text) cell.textContent = text;
        });
        if (clock.current !== null) clock.current.textContent = time ?? "";
      },
    });
    return () => {
      chart.current?.destroy();
      chart.current = null;
    };
  }, [canDraw, panel, colours]);

  // After the chart is made by the effect above, so that legend rows exist when their values are written.
  useLayoutEffect(() => {
    if (window !== undefined) chart.current?.update({ lines: drawn.lines, window, hidden, cells: drawn.cells ?? kNoCells });
  }, [drawn, window, hidden]);

  useEffect(() => setHidden(kNone), [panel]);

  const toggle = (key: string, only: boolean): void => {
    setHidden((old) => {
      if (only) {
        const others = drawn.lines.filter((line) => line.key !== key).map((line) => line.key);
        return others.every((other) => old.has(other)) && !old.has(key) ? kNone : new Set(others);
      }
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  };

  const error = data?.error ?? (data === undefined ? failed : null);
  return (
    <section class="panel" id={`panel-${panel.id}`} aria-label={panel.title}>
      <header>
        <h3>{panel.title}</h3>
        <span class="panel-clock" ref={clock} aria-hidden="true" />
      </header>
      {canDraw ? (
        <>
          <div class="chart" ref={place} role="img"
               aria-label={`${panel.title}: chart of ${drawn.lines.map((line) => line.label).join(", ")}`} />
          <ul class="legend" ref={legend}>
            {drawn.lines.map((line) => (
              <li key={line.key}>
                <button type="button" aria-pressed={!hidden.has(line.key)} title="Click to hide or show; Shift-click to show it alone"
                        onClick={(event) => toggle(line.key, event.shiftKey)}>
                  <span class={`swatch swatch-${(line.colour % 8) + 1}`} aria-hidden="true" />
                  <span class="legend-label">{line.label}</span>
                  <span class="legend-value" />
                </button>
              </li>
            ))}
          </ul>
          {drawn.note !== undefined && <p class="panel-note">{drawn.note}</p>}
        </>
      ) : error !== null ? (
        <div class="panel-blank" role="alert">
          <p class="error-text">This chart could not be loaded: {error}</p>
          <button type="button" onClick={onRetry}>Try again</button>
        </div>
      ) : data === undefined ? (
        <div class="panel-blank is-loading"><span class="hidden">Loading</span></div>
      ) : (
        <div class="panel-blank"><p class="quiet">{drawn.blank ?? "No data in this range."}</p></div>
      )}
    </section>
  );
}
