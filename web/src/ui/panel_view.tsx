import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart, type ChartInput } from "../charts/chart.ts";
import type { Drawn, Line, Panel } from "../charts/panel.ts";
import { theme } from "../charts/theme.ts";
import type { AlertSpan } from "../core/alerts.ts";
import { format, formatTime } from "../core/format.ts";
import type { Mark } from "../core/log_lines.ts";
import type { PanelData } from "../net/panel_data.ts";
import { useObservable } from "./use_observable.ts";

export interface PanelActions {
  zoom: (from: number, to: number) => void;
  reset: () => void;
  pan: (ms: number) => void;
}

interface Props {
  panel: Panel;
  data: PanelData | undefined;
  failed: string | null;  // why the request as a whole failed, while nothing is on the screen yet
  actions: PanelActions;
  onRetry: () => void;
  marks?: readonly Mark[] | undefined;
  // The colours of lines that mean the same in all panels (hosts); without it each panel has its own.
  colourOf?: (key: string) => number;
  spans?: readonly AlertSpan[] | undefined;
}

const kNone: ReadonlySet<string> = new Set();
const kNoCells: readonly Line[] = [];

export function PanelView({ panel, data, failed, actions, onRetry, marks, colourOf, spans }: Props) {
  const drawn: Drawn = useMemo(() => {
    if (data === undefined) return { lines: [] };
    const made = panel.draw(data.grids);
    if (colourOf === undefined) return made;
    const lines = made.lines.map((line) => ({ ...line, colour: colourOf(line.key) })).sort((a, b) => a.colour - b.colour);
    return { ...made, lines };
  }, [panel, data, colourOf]);
  const error = data?.error ?? (data === undefined ? failed : null);
  if (panel.optional === true && data !== undefined && error === null && drawn.lines.length === 0) return null;
  return (
    <section class="panel" id={`panel-${panel.id}`} aria-label={panel.title}>
      {drawn.lines.length > 0 && data !== undefined ? (
        <ChartBox title={panel.title} about={panel.about} unit={panel.unit} style={panel.style} ceilings={panel.ceilings} drawn={drawn}
                  window={data.window} actions={actions} sync="view" marks={marks} spans={spans} />
      ) : (
        <>
          <header><h3>{panel.title}</h3></header>
          {error !== null ? (
            <div class="panel-blank" role="alert">
              <p class="error-text">This chart could not be loaded: {error}</p>
              <button type="button" onClick={onRetry}>Try again</button>
            </div>
          ) : data === undefined ? (
            <div class="panel-blank is-loading"><span class="hidden">Loading</span></div>
          ) : (
            <div class="panel-blank"><p class="quiet">{drawn.blank ?? "No data in this range."}</p></div>
          )}
        </>
      )}
    </section>
  );
}

interface BoxProps {
  title: string;
  about?: string | undefined;
  unit: Panel["unit"];
  style: Panel["style"];
  ceilings?: readonly number[] | undefined;
  drawn: Drawn;
  window: ChartInput["window"];
  times?: readonly number[] | undefined;
  marks?: readonly Mark[] | undefined;
  actions: PanelActions | null;
  sync: string | null;
  height?: number;
  spans?: readonly AlertSpan[] | undefined;
}

const kMostNamed = 3;
const kNoSpans: readonly AlertSpan[] = [];

// What the bands are, in words: colours alone say it to nobody.
function spanText(spans: readonly AlertSpan[]): string {
  const named = spans.slice(-kMostNamed).reverse().map((one) => `${one.rule} on ${one.what} ${one.to === null ? `since ${formatTime(one.from)}` : `from ${formatTime(one.from)} to ${formatTime(one.to)}`}`);
  return `Alerts: ${named.join("; ")}${spans.length > kMostNamed ? `; ${spans.length - kMostNamed} more` : ""}`;
}

// A chart with its title and a legend that tells the values under the cursor.
export function ChartBox({ title, about, unit, style, ceilings, drawn, window, times, marks, actions, sync, height = 148, spans }: BoxProps) {
  const colours = useObservable(theme);
  const [hidden, setHidden] = useState(kNone);
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const clock = useRef<HTMLSpanElement>(null);
  const chart = useRef<Chart | null>(null);
  const callbacks = useRef(actions);
  callbacks.current = actions;
  const within = useMemo(
    () => (spans ?? kNoSpans).filter((one) => one.from < window.to && (one.to ?? Infinity) > window.from), [spans, window]);
  const input: ChartInput = { lines: drawn.lines, window, hidden, cells: drawn.cells ?? kNoCells, times, marks, spans: within };
  const latest = useRef(input);
  latest.current = input;

  useLayoutEffect(() => {
    if (place.current === null) return;
    const made = new Chart(place.current, latest.current, {
      unit, style, ceilings, theme: colours, height, sync,
      onZoom: (from, to) => callbacks.current?.zoom(from, to),
      onReset: () => callbacks.current?.reset(),
      onPan: actions === null ? null : (ms) => callbacks.current?.pan(ms),
      onNear: (near) => {
        legend.current?.querySelectorAll("li").forEach((item, index) => item.classList.toggle("is-near", index === near));
      },
      // Written straight into the text nodes: with thirty charts following one cursor a re-render would be felt.
      onValues: (values, time) => {
        const cells = legend.current?.querySelectorAll(".legend-value");
        cells?.forEach((cell, index) => {
          const text = format(values[index] ?? null, unit);
          if (cell.textContent !== text) cell.textContent = text;
        });
        if (clock.current !== null) clock.current.textContent = time ?? "";
      },
    });
    chart.current = made;
    return () => {
      made.destroy();
      chart.current = null;
    };
  }, [unit, style, ceilings, colours, height, sync]);

  // After the chart is made by the effect above, so that legend rows exist when their values are written.
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else chart.current?.update(latest.current);
  }, [drawn, window, hidden, times, marks, within]);

  useEffect(() => setHidden(kNone), [title]);

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

  return (
    <>
      <header>
        <h3 title={about}>{title}</h3>
        <span class="panel-clock" ref={clock} aria-hidden="true" />
      </header>
      <div class="chart" ref={place} role="img" style={{ height: `${height}px` }}
           aria-label={`${title}: chart of ${drawn.lines.map((line) => line.label).join(", ")}${about === undefined ? "" : `. ${about}`}`} />
      <ul class="legend" ref={legend}>
        {drawn.lines.map((line, index) => (
          <li key={line.key} onMouseEnter={() => chart.current?.emphasise(index)} onMouseLeave={() => chart.current?.emphasise(null)}>
            <button type="button" aria-pressed={!hidden.has(line.key)} title="Click to hide or show; Shift-click to show it alone"
                    onClick={(event) => toggle(line.key, event.shiftKey)}>
              <span class={`swatch swatch-${(line.colour % 8) + 1}${line.overlay === true ? " is-dashed" : ""}`} aria-hidden="true" />
              <span class="legend-label">{line.label}</span>
              <span class="legend-value" />
            </button>
          </li>
        ))}
      </ul>
      {drawn.note !== undefined && <p class="panel-note">{drawn.note}</p>}
      {within.length > 0 && <p class="panel-note">{spanText(within)}</p>}
    </>
  );
}
