import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { t, tx } from "../core/texts.ts";
import { Chart, type ChartInput, type ChartSetting } from "../charts/chart.ts";
import type { Drawn, Line, Panel } from "../charts/panel.ts";
import { makeSoon } from "../charts/queue.ts";
import { followTheme, theme } from "../charts/theme.ts";
import type { ChartEvent } from "../core/annotations.ts";
import type { AlertSpan } from "../core/alerts.ts";
import { format, formatTime } from "../core/format.ts";
import { Observable } from "../core/observable.ts";
import type { Mark } from "../core/log_lines.ts";
import { figuresOf } from "../core/legend.ts";
import { queryOf, type PanelData } from "../net/panel_data.ts";
import { ask } from "./asked.ts";
import { downloadCsv, downloadPicture } from "./download.ts";
import { fullPanel } from "./full_screen.ts";
import { Menu } from "./menu.tsx";
import { changeSettings, settings } from "./settings.ts";
import { still } from "./still.ts";
import { useObservable } from "./use_observable.ts";

followTheme();

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
  events?: readonly ChartEvent[] | undefined;
}

const kNone: ReadonlySet<string> = new Set();
const kNoCells: readonly Line[] = [];

function DrawPanel({ panel, data, failed, actions, onRetry, marks, colourOf, spans, events }: Props) {
  const drawn: Drawn = useMemo(() => {
    if (data === undefined) return { lines: [] };
    const made = panel.draw(data.grids);
    if (colourOf === undefined) return made;
    const lines = made.lines.map((line) => ({ ...line, colour: colourOf(line.key) })).sort((a, b) => a.colour - b.colour);
    return { ...made, lines };
  }, [panel, data, colourOf]);
  const error = data?.error ?? (data === undefined ? failed : null);
  if (panel.optional === true && data !== undefined && error === null && drawn.lines.length === 0) return null;
  if (drawn.lines.length > 0 && data !== undefined) {
    return (
      <ChartPanel id={`panel-${panel.id}`} query={() => queryOf(panel, data)} title={panel.title} about={panel.about} unit={panel.unit} style={panel.style}
                  ceilings={panel.ceilings} drawn={drawn} window={data.window} actions={actions} sync="view" marks={marks} spans={spans} events={events} />
    );
  }
  // Nothing to draw is one line, behind the charts of its section.
  return (
    <article class={`panel${error === null && data !== undefined ? " is-blank" : ""}`} id={`panel-${panel.id}`} aria-label={panel.title}>
      <header><h3>{panel.title}</h3></header>
      {error !== null ? (
        <div class="panel-blank" role="alert">
          <p class="error-text">{t("This chart could not be loaded: {error}", { error })}</p>
          <button type="button" onClick={onRetry}>{t("Try again")}</button>
        </div>
      ) : data === undefined ? (
        <div class="panel-blank is-loading"><span class="hidden">{t("Loading")}</span></div>
      ) : (
        <p class="quiet">{drawn.blank ?? t("No data in this range.")}</p>
      )}
    </article>
  );
}

// With thirty of them on a page, what concerns one of them must not draw the others.
export const PanelView = still(DrawPanel);

// Higher where the window is, in steps: each is a new chart.
const chartHeight = (): number => Math.min(230, Math.max(148, 20 * Math.round(innerHeight * 0.008)));
const usualHeight = new Observable(chartHeight());
addEventListener("resize", () => usualHeight.set(chartHeight()));

interface ChartPanelProps extends BoxProps {
  id: string;
  query: () => string;
}

// A chart in its frame, with what can be done with it.
export function ChartPanel({ id, query, height, ...box }: ChartPanelProps) {
  const full = useObservable(fullPanel) === id;
  const own = useObservable(usualHeight);
  const [room, setRoom] = useState(0);
  useEffect(() => {
    if (!full) return undefined;
    const measure = (): void => setRoom(Math.max(160, innerHeight - 150));
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, [full]);
  return (
    <article class={`panel${full ? " is-full" : ""}`} id={id} aria-label={box.title}>
      <ChartBox {...box} height={full && room > 0 ? room : height ?? own} tools={(chart, drawn) => <Tools id={id} title={box.title} query={query} chart={chart} drawn={drawn} unit={box.unit} />} />
    </article>
  );
}

interface ToolsProps {
  id: string;
  title: string;
  query: () => string;
  chart: () => Chart | null;
  drawn: Drawn;
  unit: Panel["unit"];
}

function Tools({ id, title, query, chart, drawn, unit }: ToolsProps) {
  const colours = useObservable(theme);
  const [copied, setCopied] = useState(false);
  const picture = (): void => {
    const canvas = chart()?.canvas;
    if (canvas === undefined) return;
    const style = getComputedStyle(document.documentElement);
    const latest = chart()?.latest ?? [];
    const legend = drawn.lines.map((line, index) => ({
      colour: colours.series[line.colour % colours.series.length] ?? "", text: `${line.label} ${format(latest[index] ?? null, unit)}`,
    }));
    downloadPicture(title, canvas, legend, { text: style.getPropertyValue("--text"), ground: style.getPropertyValue("--raised") });
  };
  const csv = (): void => {
    const times = chart()?.times ?? [];
    const lines = drawn.cells ?? drawn.lines;
    downloadCsv(title, {
      columns: ["time", ...lines.map((line) => line.label)], tagColumns: 0, rows: times.map((time, at) => [time, ...lines.map((line) => line.values[at] ?? null)]),
    });
  };
  const copy = (): void => {
    navigator.clipboard?.writeText(query()).then(() => setCopied(true), () => undefined);
  };
  return (
    <Menu label="⋯" name={t("{title}: more", { title })} on={false} right actions>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={(event) => {
        event.currentTarget.closest("details")?.removeAttribute("open");
        fullPanel.set(fullPanel.value === id ? null : id);
      }}>{tx("Full screen {kbd}", { kbd: <kbd>f</kbd> })}</button>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={() => changeSettings({ legend: settings.value.legend === "table" ? "names" : "table" })}>
        {settings.value.legend === "table" ? t("Legends as names") : t("Legends as tables")}</button>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={picture}>{t("Save as PNG")}</button>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={csv}>{t("Save as CSV")}</button>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={copy}>{copied ? t("Copied") : t("Copy the query")}</button>
      <button type="button" class="menu-item" role="menuitem" tabIndex={-1} onClick={() => ask({ view: "explore", query: query(), show: "chart", sort: "" })}>{t("Open in Explore")}</button>
    </Menu>
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
  events?: readonly ChartEvent[] | undefined;
  legend?: "table";  // whatever the settings say
  tools?: (chart: () => Chart | null, drawn: Drawn) => ComponentChildren;
  spans?: readonly AlertSpan[] | undefined;
}

const kMostNamed = 3;
const kNoSpans: readonly AlertSpan[] = [];

// What the bands are, in words: colours alone say it to nobody.
function spanText(spans: readonly AlertSpan[]): string {
  const named = spans.slice(-kMostNamed).reverse().map((one) => one.to === null ? t("{rule} on {what} since {time}", { rule: one.rule, what: one.what, time: formatTime(one.from) })
    : t("{rule} on {what} from {from} to {to}", { rule: one.rule, what: one.what, from: formatTime(one.from), to: formatTime(one.to) }));
  return t("Alerts: {list}", { list: [...named, ...(spans.length > kMostNamed ? [t("{n} more", { n: spans.length - kMostNamed })] : [])].join("; ") });
}

// A chart with its title and a legend that tells the values under the cursor.
export function ChartBox({ title, about, unit, style, ceilings, drawn, window, times, marks, actions, sync, height = 148, spans, events, legend: wantedLegend, tools }: BoxProps) {
  const colours = useObservable(theme);
  const { legend: legendStyle, zone, network, temperature } = useObservable(settings);
  const asTable = (wantedLegend ?? legendStyle) === "table";
  const [hidden, setHidden] = useState(kNone);
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const clock = useRef<HTMLSpanElement>(null);
  const chart = useRef<Chart | null>(null);
  const callbacks = useRef(actions);
  callbacks.current = actions;
  const within = useMemo(
    () => (spans ?? kNoSpans).filter((one) => one.from < window.to && (one.to ?? Infinity) > window.from), [spans, window]);
  const input: ChartInput = { lines: drawn.lines, window, hidden, cells: drawn.cells ?? kNoCells, times, marks, spans: within, events };
  const latest = useRef(input);
  latest.current = input;

  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const setting: ChartSetting = {
      unit, style, ceilings, theme: colours, height, sync,
      onZoom: (from, to) => callbacks.current?.zoom(from, to),
      onReset: () => callbacks.current?.reset(),
      onPan: actions === null ? null : (ms) => callbacks.current?.pan(ms),
      onNear: (near) => {
        legend.current?.querySelectorAll("li:not(.legend-head)").forEach((item, index) => item.classList.toggle("is-near", index === near));
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
    };
    const takeBack = makeSoon(element, (width) => { chart.current = new Chart(element, width, latest.current, setting); });
    return () => {
      takeBack();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [unit, style, ceilings, colours, height, sync, asTable, zone, network, temperature]);

  // After the chart is made by the effect above, so that legend rows exist when their values are written.
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else chart.current?.update(latest.current);
  }, [drawn, window, hidden, times, marks, within, events]);

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
        {tools?.(() => chart.current, drawn)}
      </header>
      <div class="chart" ref={place} role="img" style={{ height: `${height}px` }}
           aria-label={`${t("{title}: chart of {list}", { title, list: drawn.lines.map((line) => line.label).join(", ") })}${about === undefined ? "" : `. ${about}`}`} />
      {style === "heat" && <div class="cell-scale" aria-hidden="true"><span>0 %</span><i /><span>100 %</span></div>}
      <ul class={`legend${asTable ? " is-table" : ""}`} ref={legend}>
        {asTable && <li class="legend-head" aria-hidden="true"><span />{kHeads.map((head) => <span key={head}>{head}</span>)}</li>}
        {drawn.lines.map((line, index) => (
          <li key={line.key} onMouseEnter={() => chart.current?.emphasise(index)} onMouseLeave={() => chart.current?.emphasise(null)}>
            <button type="button" aria-pressed={!hidden.has(line.key)} title={t("Click to hide or show; Shift-click to show it alone")}
                    onClick={(event) => toggle(line.key, event.shiftKey)}>
              <span class={`swatch swatch-${(line.colour % 8) + 1}${line.overlay === true ? " is-dashed" : style !== "mirror" ? "" : line.below === true ? " is-below" : " is-above"}`} aria-hidden="true" />
              <span class="legend-label">{line.label}</span>
              <span class="legend-value" />
            </button>
            {asTable && <LegendFigures line={line} unit={unit} />}
          </li>
        ))}
      </ul>
      {drawn.note !== undefined && <p class="panel-note">{drawn.note}</p>}
      {within.length > 0 && <p class="panel-note">{spanText(within)}</p>}
    </>
  );
}

const kHeads = [t("now"), t("min"), t("mean"), t("max"), t("last")];

function LegendFigures({ line, unit }: { line: Line; unit: Panel["unit"] }) {
  const { min, mean, max, last } = useMemo(() => figuresOf(line.values, line.low, line.high), [line]);
  return <>{[min, mean, max, last].map((value, at) => <span key={at} class="legend-figure">{format(value, unit)}</span>)}</>;
}
