import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { t } from "../core/texts.ts";
import { formatClock, formatDate, formatDuration, formatTime, timeOf, zoneName } from "../core/format.ts";
import { parseRangeWords } from "../core/range_words.ts";
import { kMinimumSpanMs, kPresets, parseLocalTime, rangeMs, type Range } from "../core/time_range.ts";
import { serverNow } from "../net/live.ts";
import { Menu } from "./menu.tsx";
import { changeSettings, settings } from "./settings.ts";
import { useObservable } from "./use_observable.ts";

interface Props {
  range: Range;
  busy: boolean;
  onRange: (range: Range) => void;
  onPan: (fraction: number) => void;
  onZoomOut: () => void;
  began?: number | null;  // when the data begin
  name?: string;  // what it is about, for a window in which little else is seen beside the charts
  children?: ComponentChildren;
}

function spanText(range: Range): string {
  if (range.kind === "last") return range.preset.name;
  const sameDay = formatDate(range.from) === formatDate(range.to);
  const end = sameDay ? formatClock(range.to, true) : formatTime(range.to);
  return `${formatTime(range.from)} – ${end} (${formatDuration(rangeMs(range) / 1000)})`;
}

// A small part without data at the begin needs no word.
const kYoungShare = 0.05;

const forField = (ms: number): string => formatTime(ms);
const kExample = timeOf(2026, 11, 24, 8, 30);

// The words that are offered; they show what else is understood.
const kWords = [t("today"), t("yesterday"), t("this week"), t("last week")];

function spoken(range: Range): string {
  return range.kind === "last" ? range.preset.name : spanText(range);
}

// Where there is a keyboard: on a touch screen it would come up and hide what can be tapped. One function, so that it is called once.
const focusAtOnce = (field: HTMLInputElement | null): void => {
  if (!matchMedia("(pointer: coarse)").matches) field?.focus();
};

// A range in words, or from and to: dates and 24-hour times of the chosen zone.
function Absolute({ range, onRange }: { range: Range; onRange: (range: Range) => void }) {
  const [error, setError] = useState("");
  const [words, setWords] = useState("");
  const { zone } = useObservable(settings);
  const form = useRef<HTMLFormElement>(null);
  const from = useRef<HTMLInputElement>(null);
  const to = useRef<HTMLInputElement>(null);
  const choose = (next: Range): void => {
    setError("");
    const box = form.current?.closest("details");
    box?.querySelector("summary")?.focus({ preventScroll: true });
    box?.removeAttribute("open");
    onRange(next);
  };
  const end = range.kind === "absolute" ? range.to : serverNow();
  const meant = words.trim() === "" ? null : parseRangeWords(words, serverNow());
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (words.trim() !== "") {
      if (meant === null) return setError(t("Not understood. Examples: yesterday, last Tuesday afternoon, yesterday 14:00–15:00, 3 days, since 9:30."));
      return choose(meant);
    }
    const begin = parseLocalTime(from.current?.value ?? "");
    const until = parseLocalTime(to.current?.value ?? "");
    if (begin === null || until === null) return setError(t("Both times are needed, as {example}.", { example: formatTime(kExample).slice(0, -3) }));
    if (until - begin < kMinimumSpanMs) return setError(t("The end must lie at least ten seconds after the begin."));
    choose({ kind: "absolute", from: begin, to: until });
  };
  return (
    <Menu label={t("From – to")} on={range.kind === "absolute"}>
      <form class="range-form" ref={form} onSubmit={submit}>
        <label>{t("In words")}<input ref={focusAtOnce} type="text" value={words} placeholder={t("last Tuesday 14:00–15:00")} autocomplete="off" spellcheck={false}
          onInput={(event) => { setWords(event.currentTarget.value); setError(""); }} /></label>
        {meant !== null && <p class="quiet" role="status">{spoken(meant)}</p>}
        <div class="row">
          {kWords.map((one) => (
            <button key={one} type="button" onClick={() => {
              const known = parseRangeWords(one, serverNow());
              if (known !== null) choose(known);
            }}>{one.replace(/^./, (letter) => letter.toUpperCase())}</button>
          ))}
        </div>
        <label>{t("From")}<input ref={from} key={`from ${zone}`} type="text" placeholder={forField(kExample)} defaultValue={forField(end - rangeMs(range))} autocomplete="off" /></label>
        <label>{t("To")}<input ref={to} key={`to ${zone}`} type="text" placeholder={forField(kExample + 3_600_000)} defaultValue={forField(end)} autocomplete="off" /></label>
        <p class="error-text" role="alert">{error}</p>
        <div class="row">
          <button type="submit" class="primary">{t("Show")}</button>
          <span class="grow" />
          <span class="zone-choice"><span class="quiet">{t("Times in")}</span>{" "}
            <button type="button" title={t("The browser's zone, or UTC")} onClick={() => changeSettings({ zone: zone === "utc" ? "browser" : "utc" })}>{zone === "utc" ? "UTC" : t("the browser's zone ({zone})", { zone: zoneName(serverNow()) })}</button></span>
        </div>
      </form>
    </Menu>
  );
}

export function RangeBar({ range, busy, onRange, onPan, onZoomOut, began = null, name, children }: Props) {
  useObservable(settings);
  const from = range.kind === "absolute" ? range.from : serverNow() - range.preset.ms;
  const isYoung = began !== null && began > from + kYoungShare * rangeMs(range) && began < from + rangeMs(range);
  return (
    <div class="toolbar range-bar">
      <div class="segments" role="group" aria-label={t("Time range")}>
        {kPresets.map((preset, index) => (
          <button key={preset.id} type="button" title={t("Show {range} ({key})", { range: preset.name, key: index + 1 })}
                  aria-pressed={range.kind === "last" && range.preset.id === preset.id}
                  onClick={() => onRange({ kind: "last", preset })}>
            {preset.label}
          </button>
        ))}
      </div>
      <Absolute range={range} onRange={onRange} />
      <div class="segments" role="group" aria-label={t("Move in time")}>
        <button type="button" aria-label={t("Earlier")} title={t("Earlier (←)")} onClick={() => onPan(-0.5)}>◂</button>
        <button type="button" aria-label={t("Zoom out")} title={t("Twice as long (-)")} onClick={onZoomOut}>−</button>
        <button type="button" aria-label={t("Later")} title={t("Later (→)")} disabled={range.kind === "last"} onClick={() => onPan(0.5)}>▸</button>
      </div>
      {name !== undefined && <strong class="bar-name" aria-hidden="true">{name}</strong>}
      <span class="range-text" role="status"><span class={range.kind === "last" ? "hidden" : ""}>{spanText(range)}</span> <span class="zone">{zoneName(range.kind === "last" ? serverNow() : range.to)}</span></span>
      {isYoung && began !== null && (
        <button type="button" class="link" title={t("Show the time since then")} onClick={() => onRange({ kind: "absolute", from: began, to: Math.round(Math.max(serverNow(), began + kMinimumSpanMs)) })}>
          {t("data since {time}", { time: formatDate(began) === formatDate(serverNow()) ? formatClock(began, false) : formatTime(began) })}
        </button>
      )}
      <span class={`busy${busy ? " is-busy" : ""}`} aria-hidden="true" />
      {children}
    </div>
  );
}
