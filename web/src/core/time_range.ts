// Which span of time the host view shows, and how finely it is asked for.

import { t, timeInEnglish } from "./texts.ts";
import { partsOf, timeOf } from "./format.ts";
import type { Window } from "./influxql.ts";

export interface Preset {
  id: string;
  label: string;
  name: string;
  ms: number;
}

const kMinute = 60_000;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;

export const kPresets: readonly Preset[] = [
  { id: "live", label: t("Live"), name: t("the last 5 minutes"), ms: 5 * kMinute },
  { id: "15m", label: t("15 min"), name: t("the last 15 minutes"), ms: 15 * kMinute },
  { id: "1h", label: t("1 h"), name: t("the last hour"), ms: kHour },
  { id: "6h", label: t("6 h"), name: t("the last 6 hours"), ms: 6 * kHour },
  { id: "24h", label: t("24 h"), name: t("the last 24 hours"), ms: kDay },
  { id: "7d", label: t("7 d"), name: t("the last 7 days"), ms: 7 * kDay },
  { id: "30d", label: t("30 d"), name: t("the last 30 days"), ms: 30 * kDay },
];

export const kDefaultPreset: Preset = kPresets.find((one) => one.id === "15m")!;

export type Range = { kind: "last"; preset: Preset } | { kind: "absolute"; from: number; to: number };

export function rangeMs(range: Range): number {
  return range.kind === "last" ? range.preset.ms : range.to - range.from;
}

const kSteps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

// The width of a bucket: about `points` of them in the range, at least one sampling interval wide and a whole number of
// intervals, because a bucket that holds now one sample and now two draws a saw that is not in the data.
export function chooseStep(spanMs: number, intervalSeconds: number, points = 360): number {
  const wanted = spanMs / 1000 / points;
  const nice = kSteps.find((step) => step >= wanted * 0.8) ?? 86400;
  const interval = Number.isFinite(intervalSeconds) && intervalSeconds > 0 ? intervalSeconds : 1;
  const step = Math.max(nice, interval);
  const whole = Math.ceil(step / interval - 1e-9) * interval;
  return Math.max(1000, Math.round(whole * 1000));
}

export function windowOf(range: Range, now: number, intervalSeconds: number): Window {
  const span = rangeMs(range);
  const step = chooseStep(span, intervalSeconds);
  if (range.kind === "absolute") {
    return { from: Math.floor(range.from / step) * step, to: Math.ceil(range.to / step) * step, step };
  }
  const to = (Math.floor(now / step) + 1) * step;
  return { from: to - Math.ceil(span / step) * step, to, step };
}

const kMostGathers = 5000;

// The stretch that a band's single rates are taken over: from gather to gather where a range has no more of them than are read in
// milliseconds; over longer ones whole minutes, of which the store keeps the counters whatever becomes of the rows.
export function bandStep(window: Window, intervalMs: number): number {
  return (window.to - window.from) / intervalMs <= kMostGathers ? intervalMs : Math.max(intervalMs, kMinute);
}

// The interval by which a host's data are asked for, so that a chart is not read again for a difference that nobody sees. A bucket of so many
// samples need not be a whole number of intervals: there the usual interval does, which is known before the host. The server reckons the interval
// of a host without a resmon-client from its samples: 9.98 s are 10.
const kUsualSeconds = 5;
const kManySamples = 20;
const kNearly = 0.05;

export function paceOf(range: Range, intervalSeconds: number | undefined): number {
  if (intervalSeconds === undefined || chooseStep(rangeMs(range), kUsualSeconds) >= kManySamples * 1000 * intervalSeconds) return kUsualSeconds;
  return kSteps.find((step) => Math.abs(step - intervalSeconds) <= kNearly * step) ?? intervalSeconds;
}

export const kMinimumSpanMs = 10_000;

export function pan(range: Range, now: number, fraction: number): Range {
  const span = rangeMs(range);
  const end = range.kind === "absolute" ? range.to : now;
  const to = Math.round(end + span * fraction);
  if (to >= now) {
    const preset = kPresets.find((one) => Math.abs(one.ms - span) < 1000);
    if (preset !== undefined) return { kind: "last", preset };
  }
  return { kind: "absolute", from: to - Math.round(span), to };
}

// What a person types or a date field holds ("2026-11-24T08:30", a space for the T, seconds or no time at all), in the chosen zone.
export function parseLocalTime(text: string): number | null {
  const found = /^\s*(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?\s*$/.exec(timeInEnglish(text));
  if (found === null) return null;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = found.slice(1).map((part) => Number(part ?? 0));
  const time = timeOf(year, month, day, hour, minute, second);
  // 31 February and the like roll over to another day.
  const made = partsOf(time);
  return made.month === month && made.day === day && hour < 24 && minute < 60 && second < 60 ? time : null;
}

// A whole day of the chosen zone, `back` days before the one that holds `now`.
export function localDay(now: number, back: number): { from: number; to: number } {
  const { year, month, day } = partsOf(now);
  const start = (offset: number): number => timeOf(year, month, day - back + offset);
  return { from: start(0), to: start(1) };
}
