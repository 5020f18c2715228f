import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { formatClock, formatDate, formatDuration, formatTime } from "../core/format.ts";
import { kMinimumSpanMs, kPresets, localDay, parseLocalTime, rangeMs, type Range } from "../core/time_range.ts";
import { serverNow } from "../net/live.ts";
import { Menu } from "./menu.tsx";

interface Props {
  range: Range;
  busy: boolean;
  onRange: (range: Range) => void;
  onPan: (fraction: number) => void;
  onZoomOut: () => void;
  children?: ComponentChildren;
}

function spanText(range: Range): string {
  if (range.kind === "last") return range.preset.name;
  const sameDay = formatDate(range.from) === formatDate(range.to);
  const end = sameDay ? formatClock(range.to, true) : formatTime(range.to);
  return `${formatTime(range.from)} – ${end} (${formatDuration(rangeMs(range) / 1000)})`;
}

const forField = (ms: number): string => `${formatDate(ms)}T${formatClock(ms, true)}`;

// From and to, as a person knows them: dates and local time, or a whole day.
function Absolute({ range, onRange }: { range: Range; onRange: (range: Range) => void }) {
  const [error, setError] = useState("");
  const from = useRef<HTMLInputElement>(null);
  const to = useRef<HTMLInputElement>(null);
  const choose = (next: Range, element: HTMLElement): void => {
    setError("");
    element.closest("details")?.removeAttribute("open");
    onRange(next);
  };
  const end = range.kind === "absolute" ? range.to : serverNow();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const begin = parseLocalTime(from.current?.value ?? "");
    const until = parseLocalTime(to.current?.value ?? "");
    if (begin === null || until === null) return setError("Both times are needed, as 2026-11-24 08:30.");
    if (until - begin < kMinimumSpanMs) return setError("The end must lie at least ten seconds after the begin.");
    choose({ kind: "absolute", from: begin, to: until }, event.currentTarget as HTMLElement);
  };
  const day = (back: number) => (event: MouseEvent) =>
    choose({ kind: "absolute", ...localDay(serverNow(), back) }, event.currentTarget as HTMLElement);
  return (
    <Menu label="From – to" on={range.kind === "absolute"}>
      <form class="range-form" onSubmit={submit}>
        <label>From<input ref={from} type="datetime-local" step="1" defaultValue={forField(end - rangeMs(range))} /></label>
        <label>To<input ref={to} type="datetime-local" step="1" defaultValue={forField(end)} /></label>
        <p class="error-text" role="alert">{error}</p>
        <div class="row">
          <button type="submit" class="primary">Show</button>
          <button type="button" onClick={day(0)}>Today</button>
          <button type="button" onClick={day(1)}>Yesterday</button>
        </div>
      </form>
    </Menu>
  );
}

export function RangeBar({ range, busy, onRange, onPan, onZoomOut, children }: Props) {
  return (
    <div class="toolbar range-bar">
      <div class="segments" role="group" aria-label="Time range">
        {kPresets.map((preset, index) => (
          <button key={preset.id} type="button" title={`Show ${preset.name} (${index + 1})`}
                  aria-pressed={range.kind === "last" && range.preset.id === preset.id}
                  onClick={() => onRange({ kind: "last", preset })}>
            {preset.label}
          </button>
        ))}
      </div>
      <Absolute range={range} onRange={onRange} />
      <div class="segments" role="group" aria-label="Move in time">
        <button type="button" aria-label="Earlier" title="Earlier (←)" onClick={() => onPan(-0.5)}>◂</button>
        <button type="button" aria-label="Zoom out" title="Twice as long (-)" onClick={onZoomOut}>−</button>
        <button type="button" aria-label="Later" title="Later (→)" disabled={range.kind === "last"} onClick={() => onPan(0.5)}>▸</button>
      </div>
      <span class="range-text" role="status">{spanText(range)}</span>
      <span class={`busy${busy ? " is-busy" : ""}`} aria-hidden="true" />
      {children}
    </div>
  );
}
