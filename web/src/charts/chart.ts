// One uPlot chart, kept in step with a panel's data. The legend's numbers are written straight into their text nodes: with
// sixteen charts following one cursor, a re-render per mouse move would be the slowest thing on the page.

import uPlot from "uplot";
import { count } from "../core/texts.ts";
import type { ChartEvent } from "../core/annotations.ts";
import type { AlertSpan } from "../core/alerts.ts";
import { formatTick, formatTime, type Unit } from "../core/format.ts";
import type { Window } from "../core/influxql.ts";
import { markGaps } from "../core/grid.ts";
import type { Mark } from "../core/log_lines.ts";
import { timeLabels } from "./axis_time.ts";
import { isolated, latestValues, toModel, type Model } from "./model.ts";
import type { Line, Style } from "./panel.ts";
import { faded, type Theme } from "./theme.ts";

export interface ChartInput {
  lines: readonly Line[];
  window: Window;
  hidden: ReadonlySet<string>;
  cells: readonly Line[];
  times?: readonly number[] | undefined;  // where the steps are not even
  marks?: readonly Mark[] | undefined;    // errors in the log, along the lower edge
  spans?: readonly AlertSpan[] | undefined;  // drawn behind the lines
  events?: readonly ChartEvent[] | undefined;
}

export interface ChartSetting {
  unit: Unit;
  style: Style;
  ceilings: readonly number[] | undefined;
  theme: Theme;
  height: number;
  sync: string | null;  // charts of one name share their cursor
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
  onPan: ((ms: number) => void) | null;  // by how much the window should move
  // The line next to the cursor, or none.
  onNear: (line: number | null) => void;
  // The values under the cursor, or the latest ones when there is none (time is then null).
  onValues: (values: (number | null)[], time: string | null) => void;
}

const kNearShare = 0.006;  // of the window: so near to an event the pointer tells it
const kAxisWidth = 62;
const kSightMargin = "50%";  // of the window, above and below it: there charts are kept up to date
const kBinarySteps = Array.from({ length: 60 }, (_, power) => 2 ** power);
const kFont = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

// The edges of a band are not drawn; what lies between them is.
const kEdge: uPlot.Series = { width: 0, stroke: "transparent", points: { show: false } };

// A pixel for each value, the first row at the bottom, which the browser stretches: sixty cores over a day are twenty thousand rectangles, and
// a tenth of a second to draw them one by one.
function cellPicture(cells: readonly Line[], colour: string): HTMLCanvasElement | null {
  const width = cells[0]?.values.length ?? 0;
  const picture = document.createElement("canvas");
  picture.width = width;
  picture.height = cells.length;
  const ctx = picture.getContext("2d");
  if (ctx === null || width === 0) return null;
  const image = ctx.createImageData(width, cells.length);
  const pixels = image.data;
  const [red = 0, green = 0, blue = 0] = (/^#(..)(..)(..)$/.exec(colour) ?? []).slice(1).map((part) => parseInt(part, 16));
  cells.forEach((row, index) => {
    let at = 4 * width * (cells.length - 1 - index);
    let shown: number | null = null;
    for (const value of markGaps(row.values)) {
      if (value !== undefined) shown = value;
      if (shown !== null) {
        pixels[at] = red;
        pixels[at + 1] = green;
        pixels[at + 2] = blue;
        // Never quite nothing: an idle core must differ from a core of which nothing is known.
        pixels[at + 3] = 255 * (0.06 + 0.94 * Math.min(1, Math.max(0, shown / 100)));
      }
      at += 4;
    }
  });
  ctx.putImageData(image, 0, 0);
  return picture;
}

export class Chart {
  private plot: uPlot;
  private model: Model;
  private width: number;
  private observer: ResizeObserver;
  private sight: IntersectionObserver;
  private isSeen = true;
  private isOld = false;  // the picture, while nobody sees it
  private isGone = false;

  // `width`: of the element, in pixels.
  constructor(private element: HTMLElement, width: number, private input: ChartInput, private setting: ChartSetting) {
    this.width = width;
    this.model = toModel(input.lines, setting.style, input.window, input.hidden, input.times);
    this.plot = this.build();
    this.observer = new ResizeObserver(() => {
      const width = this.element.clientWidth;
      if (width <= 0 || width === this.plot.width) return;
      this.width = width;
      this.plot.setSize({ width, height: this.setting.height });
    });
    this.observer.observe(element);
    this.sight = new IntersectionObserver((entries) => {
      this.isSeen = entries.at(-1)?.isIntersecting ?? true;
      if (this.isSeen) this.catchUp();
    }, { rootMargin: kSightMargin });
    this.sight.observe(element);
    addEventListener("beforeprint", this.catchUp);
    this.tell(null);
  }

  update(input: ChartInput): void {
    const shape = (one: ChartInput): string =>
      JSON.stringify([one.cells.length, ...one.lines.map((line) => [line.key, one.hidden.has(line.key), line.low === undefined])]);
    const same = shape(input) === shape(this.input);
    this.input = input;
    this.model = toModel(input.lines, this.setting.style, input.window, input.hidden, input.times);
    // Of thirty charts on a page six are seen, and all of them get new data every few seconds.
    this.isOld = same && !this.isSeen;
    if (same) {
      if (!this.isOld) this.plot.setData(this.columns());
    } else {
      this.plot.destroy();
      this.plot = this.build();
    }
    this.tell(this.plot.cursor.idx ?? null);
  }

  private catchUp = (): void => {
    if (!this.isOld) return;
    this.isOld = false;
    this.plot.setData(this.columns());
  };

  get canvas(): HTMLCanvasElement {
    this.catchUp();
    return this.plot.ctx.canvas;
  }

  get times(): readonly number[] {
    return this.model.times;
  }

  // What the legend says of each line while no pointer is on the chart. A range may end in the future.
  get latest(): (number | null)[] {
    const now = Date.now();
    return latestValues(this.model.values, this.model.times.findLastIndex((time) => time <= now));
  }

  // A line brought forward while the others fade, or none.
  emphasise(line: number | null): void {
    this.plot.setSeries(line === null ? null : line + 1, { focus: line !== null }, false);
  }

  private columns(): uPlot.AlignedData {
    const bands = this.model.bands.flatMap((band) => [band.low, band.high]);
    return [this.model.times, ...this.model.drawn, ...bands] as uPlot.AlignedData;
  }

  // Shift and drag moves through time: the canvas follows the pointer, the data when it is let go.
  private startPan(plot: uPlot, event: MouseEvent): void {
    const { onPan } = this.setting;
    if (onPan === null) return;
    const begin = event.clientX;
    const canvas = plot.ctx.canvas;
    const move = (moved: MouseEvent): void => {
      canvas.style.transform = `translateX(${moved.clientX - begin}px)`;
    };
    const up = (let_go: MouseEvent): void => {
      removeEventListener("mousemove", move);
      removeEventListener("mouseup", up);
      canvas.style.transform = "";
      const share = (begin - let_go.clientX) / Math.max(1, plot.over.clientWidth);
      if (Math.abs(let_go.clientX - begin) > 4) onPan(share * (this.input.window.to - this.input.window.from));
    };
    addEventListener("mousemove", move);
    addEventListener("mouseup", up);
  }

  destroy(): void {
    this.isGone = true;
    this.observer.disconnect();
    this.sight.disconnect();
    removeEventListener("beforeprint", this.catchUp);
    this.plot.destroy();
  }

  private tell(at: number | null): void {
    const time = at === null ? undefined : this.model.times[at];
    if (at === null || time === undefined) return this.setting.onValues(this.latest, null);
    const mark = this.input.marks?.find((one) => time + this.input.window.step > one.from && time < one.to);
    const errors = mark === undefined ? "" : `, ${count("{n} error in the log|{n} errors in the log", mark.errors)}`;
    const near = (this.input.events ?? []).filter((one) => Math.abs(one.time - time) <= Math.max(this.input.window.step, kNearShare * (this.input.window.to - this.input.window.from)));
    const events = near.map((one) => `, ${one.words}`).join("");
    this.setting.onValues(this.model.values.map((column) => column[at] ?? null), formatTime(time) + errors + events);
  }

  // Where the log has errors: a stroke under the curves, which hides none of them.
  private drawMarks(plot: uPlot): void {
    const { marks, window } = this.input;
    if (marks === undefined || marks.length === 0) return;
    const { ctx, bbox } = plot;
    const place = (time: number): number => bbox.left + (Math.min(window.to, Math.max(window.from, time)) - window.from) / (window.to - window.from) * bbox.width;
    ctx.save();
    ctx.fillStyle = this.setting.theme.mark;
    for (const { from, to } of marks) {
      if (to <= window.from || from >= window.to) continue;
      ctx.fillRect(Math.round(place(from)), bbox.top + bbox.height - 4 * devicePixelRatio, Math.max(2 * devicePixelRatio, place(to) - place(from)), 4 * devicePixelRatio);
    }
    ctx.restore();
  }

  // When alerts fired: a band over the time, and a mark at its beginning, in the colour of its severity.
  private drawSpans(plot: uPlot): void {
    const { spans, window } = this.input;
    if (spans === undefined || spans.length === 0) return;
    const { ctx, bbox } = plot;
    const { theme } = this.setting;
    const x = (time: number): number => bbox.left + ((Math.min(Math.max(time, window.from), window.to) - window.from) / (window.to - window.from)) * bbox.width;
    ctx.save();
    for (const span of spans) {
      const left = x(span.from);
      const right = Math.max(x(span.to ?? window.to), left + 2 * devicePixelRatio);
      ctx.fillStyle = span.severity === "critical" ? theme.critical : span.severity === "warning" ? theme.warning : theme.text;
      ctx.globalAlpha = 0.12;
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 0.9;
      ctx.fillRect(left, bbox.top, right - left, 2 * devicePixelRatio);
      if (span.from >= window.from) ctx.fillRect(left, bbox.top, devicePixelRatio, bbox.height);
    }
    ctx.restore();
  }

  // What happened: a dashed stroke with a mark on it.
  private drawEvents(plot: uPlot): void {
    const { events, window } = this.input;
    if (events === undefined || events.length === 0) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.setting.theme.text;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    const size = 4 * devicePixelRatio;
    for (const { time } of events) {
      if (time < window.from || time >= window.to) continue;
      const x = Math.round(bbox.left + ((time - window.from) / (window.to - window.from)) * bbox.width) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - size, bbox.top);
      ctx.lineTo(x + size, bbox.top);
      ctx.lineTo(x, bbox.top + 1.5 * size);
      ctx.fill();
    }
    ctx.restore();
  }

  // Rows of rectangles whose strength is their value: a machine's cores at one glance. uPlot has the axes and the cursor.
  private drawCells(plot: uPlot): void {
    const { cells } = this.input;
    const { ctx, bbox } = plot;
    const picture = cellPicture(cells, this.setting.theme.series[0] ?? "#888888");
    if (picture === null) return;
    const height = bbox.height / cells.length;
    ctx.save();
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(picture, bbox.left, bbox.top, bbox.width, bbox.height);
    if (height > 6 * devicePixelRatio) cells.forEach((_, index) => ctx.clearRect(bbox.left, Math.round(bbox.top + index * height), bbox.width, devicePixelRatio));
    ctx.restore();
  }

  // Every row named in its middle, or every second, fourth … where there are many.
  private rowAxis(): Pick<uPlot.Axis, "grid" | "splits" | "values"> {
    const { cells } = this.input;
    const every = Math.max(1, Math.ceil(cells.length / 8));
    const named = cells.map((_, index) => index).filter((index) => index % every === 0);
    return {
      grid: { show: false },
      splits: () => named.map((index) => index + 0.5),
      values: () => named.map((index) => cells[index]?.label ?? ""),
    };
  }

  private verticalRange(low: number | null, high: number | null): [number, number] {
    if (this.setting.style === "heat") return [0, this.input.cells.length];
    const ceilings = this.setting.ceilings;
    if (ceilings !== undefined) return [0, ceilings.find((one) => one >= (high ?? 0)) ?? high ?? 1];
    const top = Math.max(0, high ?? 0);
    const bottom = Math.min(0, low ?? 0);
    if (top === 0 && bottom === 0) return [this.setting.style === "mirror" ? -1 : 0, 1];
    const room = (top - bottom) * 0.06;
    return [bottom < 0 ? bottom - room : 0, top > 0 ? top + room : room];
  }

  private build(): uPlot {
    const { setting, input, model } = this;
    const { theme, unit, style } = setting;
    const colourOf = (line: Line): string => theme.series[line.colour % theme.series.length] ?? "#888888";
    const shown = input.lines.map((line) => !input.hidden.has(line.key));
    // A stacked part is filled down to the next shown part below it; the lowest down to zero.
    const bands: uPlot.Band[] = [];
    if (style === "stack") {
      let below = -1;
      shown.forEach((isShown, index) => {
        if (!isShown || input.lines[index]?.overlay === true) return;
        if (below >= 0) bands.push({ series: [index + 1, below + 1] });
        below = index;
      });
    }
    model.bands.forEach((band, index) => {
      const low = 1 + input.lines.length + 2 * index;
      const line = input.lines[band.line];
      if (line !== undefined) bands.push({ series: [low + 1, low], fill: faded(colourOf(line), model.bands.length > 2 ? 0.13 : 0.2) });
    });
    const alone = input.lines.filter((line) => line.overlay !== true).length === 1;
    const options: uPlot.Options = {
      width: Math.max(120, this.width),
      height: setting.height,
      ms: 1,
      fmtDate: () => () => "",  // its axes and legends of times are not used: thirty patterns a chart
      padding: [8, 30, 0, 0],  // on the right, half a label of the axis: "14:00:05"
      legend: { show: false },
      cursor: {
        ...(setting.sync === null ? {} : { sync: { key: setting.sync, setSeries: false } }),
        drag: { x: true, y: false, setScale: false, dist: 6 },
        points: { size: 6, width: 1.5 },
        ...(style === "line" && input.lines.length > 1 ? { focus: { prox: 16 } } : {}),
        bind: {
          dblclick: () => () => { setting.onReset(); return null; },
          mousedown: (plot, _, handler) => (event) => {
            if (event.shiftKey && event.button === 0) this.startPan(plot, event);
            else handler(event);
            return null;
          },
        },
      },
      focus: { alpha: 0.25 },
      scales: {
        x: { time: true, range: () => [this.input.window.from, this.input.window.to] },
        y: { range: (_, low, high) => this.verticalRange(low, high) },
      },
      axes: [
        {
          stroke: theme.text, font: kFont, space: 64, gap: 6,
          // A second line of text only where a day begins.
          size: (_, labels) => (labels?.some((label) => label.includes("\n")) ? 36 : 22),
          grid: { stroke: theme.grid, width: 1 }, ticks: { show: false },
          values: (_, splits, __, ___, increment) => timeLabels(splits, increment),
        },
        {
          stroke: theme.text, font: kFont, size: kAxisWidth, space: 30, gap: 6,
          grid: { stroke: theme.grid, width: 1 }, ticks: { show: false },
          ...(unit === "bytes" || unit === "bytes_per_second" ? { incrs: kBinarySteps } : {}),
          values: (_, splits) => splits.map((value) => formatTick(Math.abs(value), unit)),
          ...(style === "heat" ? this.rowAxis() : {}),
        },
      ],
      bands,
      series: [
        {},
        ...input.lines.map((line, index): uPlot.Series => ({
          show: shown[index] ?? true,
          label: line.label,
          stroke: colourOf(line),
          // Outlines would give a part of half a percent the weight of a large one.
          width: line.overlay === true ? 1.2 : style === "stack" ? 0 : 1.4,
          ...(line.overlay === true ? { dash: [4, 3] } : line.below === true ? { dash: [6, 2] } : {}),
          ...(style === "heat" ? { paths: () => null } : {}),
          ...(style === "stack" && line.overlay !== true ? { fill: faded(colourOf(line), 0.66) } : {}),
          ...(style === "mirror" || (style === "line" && alone && line.overlay !== true && line.low === undefined) ? { fill: faded(colourOf(line), style !== "mirror" ? 0.14 : line.below === true ? 0.07 : 0.2), fillTo: 0 } : {}),
          points: {
            size: 4,
            show: () => style !== "heat" && isolated(this.model.drawn[index] ?? []).length > 0,
            filter: () => isolated(this.model.drawn[index] ?? []),
          },
        })),
        ...model.bands.flatMap((): uPlot.Series[] => [kEdge, { ...kEdge }]),
      ],
      hooks: {
        drawClear: [(plot) => this.drawSpans(plot)],
        ...(style === "heat" ? { drawSeries: [(plot: uPlot, index: number) => index === 1 && this.drawCells(plot)] } : {}),
        draw: [(plot: uPlot) => this.drawMarks(plot), (plot: uPlot) => this.drawEvents(plot)],
        setSeries: [(_, index, options) => {
          const focus = (options as { focus?: boolean }).focus;
          if (focus === undefined) return;
          setting.onNear(index !== null && focus && index >= 1 && index <= input.lines.length ? index - 1 : null);
        }],
        setCursor: [(plot) => this.tell(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 6) return;
            const from = plot.posToVal(plot.select.left, "x");
            const to = plot.posToVal(plot.select.left + plot.select.width, "x");
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            // A synchronised chart gets the same selection; only the one under the pointer speaks.
            if (plot.over.matches(":hover")) setting.onZoom(Math.round(from), Math.round(to));
          },
        ],
      },
    };
    // Drawn before it is put into the page: each font that is set on a canvas of the page has the browser reckon the page's styles.
    const plot = new uPlot(options, this.columns());
    plot.batch(() => undefined);  // draws it now rather than in a microtask: who makes charts for so many milliseconds (queue.ts) counts this
    queueMicrotask(() => {
      if (this.plot === plot && !this.isGone) this.element.append(plot.root);
    });
    return plot;
  }
}
