// Numbers as people read them. Units follow the field's habit: memory, files and disk traffic in powers of 1024 (KiB), network
// in powers of 1000 (kbit/s), a space between number and unit. Three significant digits: more only flickers.

import { language, point, t } from "./texts.ts";


export type Unit =
  | "percent"
  | "whole_percent"
  | "bytes"
  | "bytes_per_second"
  | "bits_per_second"
  | "per_second"
  | "count"
  | "load"
  | "milliseconds"
  | "seconds"
  | "celsius"
  | "number";

export const kNothing = "–";

const localised = (text: string): string => (point === "." ? text : text.replace(".", point));
// With that many decimals, as the language writes them.
export const fixed = (value: number, decimals: number): string => localised(value.toFixed(decimals));
export const formatNumber = (value: number): string => localised(String(value));

const kBinary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const kDecimal = ["", "k", "M", "G", "T", "P", "E"];

function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95 || value === 0) return value.toFixed(0);
  return size >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function scaled(value: number, base: number): { text: string; power: number } {
  let power = 0;
  let rest = value;
  // 999.5 rounds to "1000", which is the next prefix's "1.00"; the same for 1023.5 bytes.
  while (Math.abs(rest) >= base - 0.5 && power < 6) {
    rest /= base;
    ++power;
  }
  return { text: power === 0 && Number.isInteger(rest) ? String(rest) : threeDigits(rest), power };
}

function binary(value: number): string {
  const { text, power } = scaled(value, 1024);
  return `${text} ${kBinary[power]}`;
}

function decimal(value: number, unit: string): string {
  const { text, power } = scaled(value, 1000);
  const suffix = `${kDecimal[power]}${unit}`;
  return suffix === "" ? text : `${text} ${suffix}`;
}

function percent(value: number): string {
  return `${Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1)} %`;
}

// What a person chose (settings.ts): networks in bits or bytes, temperatures in °C or °F.
let networkInBytes = false;
let inFahrenheit = false;
export function setUnits(network: "bits" | "bytes", temperature: "celsius" | "fahrenheit"): void {
  networkInBytes = network === "bytes";
  inFahrenheit = temperature === "fahrenheit";
}

function celsius(value: number): string {
  return inFahrenheit ? `${(value * 1.8 + 32).toFixed(1)} °F` : `${value.toFixed(1)} °C`;
}

function load(value: number): string {
  return Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(2);
}

export const format = (value: number | null | undefined, unit: Unit): string =>
  value === null || value === undefined || !Number.isFinite(value) ? kNothing : localised(plain(value, unit));

function plain(value: number, unit: Unit): string {
  switch (unit) {
    case "percent":
      return percent(value);
    case "whole_percent":
      return `${Math.floor(value + 0.5)} %`;
    case "bytes":
      return binary(value);
    case "bytes_per_second":
      return `${binary(value)}/s`;
    case "bits_per_second":
      return networkInBytes ? decimal(value / 8, "B/s") : decimal(value, "bit/s");
    case "per_second":
      return decimal(value, "/s");
    case "count":
      // There is no half of a thing; a mean of counts is rounded.
      return decimal(Math.abs(value) < 1000 ? Math.round(value) : value, "");
    case "load":
      return load(value);
    case "seconds":
      return Math.abs(value) < 1 ? plain(value * 1000, "milliseconds") : `${threeDigits(value)} s`;
    case "celsius":
      return celsius(value);
    case "number":
      if (Math.abs(value) >= 100_000) return decimal(value, "");
      return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
    case "milliseconds":
      return Math.abs(value) >= 1000 ? `${threeDigits(value / 1000)} s` : `${threeDigits(value)} ms`;
  }
}

// An axis label: as short as can be, so no trailing zeros ("1 GiB", "50 %").
export function formatTick(value: number, unit: Unit): string {
  return localised(plainTick(value, unit));
}

function plainTick(value: number, unit: Unit): string {
  if (unit === "percent") return `${Number(value.toFixed(2))} %`;
  if (unit === "count" && !Number.isInteger(value) && Math.abs(value) < 1000) return "";
  if (unit === "load") return String(Number(value.toFixed(2)));
  return plain(value, unit).replace(/\.0+(?=\D|$)/, "").replace(/(\.\d*[1-9])0+(?=\D|$)/, "$1");
}

const kMinute = 60;
const kHour = 3600;
const kDay = 86400;

// The two largest parts: "3 d 4 h", "12 min 5 s".
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return kNothing;
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
  if (whole < kMinute) return `${whole} s`;
  if (whole < kHour) return pair(Math.floor(whole / kMinute), "min", whole % kMinute, "s");
  if (whole < kDay) return pair(Math.floor(whole / kHour), "h", Math.floor((whole % kHour) / kMinute), "min");
  return pair(Math.floor(whole / kDay), "d", Math.floor((whole % kDay) / kHour), "h");
}

// One part only, for a column that is read at a glance: "now", "42 s", "3 h".
export function formatSpan(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return kNothing;
  if (seconds < 1) return t("now");
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 100 * kMinute) return `${Math.floor(seconds / kMinute)} min`;
  if (seconds < 48 * kHour) return `${Math.floor(seconds / kHour)} h`;
  return `${Math.floor(seconds / kDay)} d`;
}

// "now", "42 s ago".
export function formatAgo(seconds: number | null | undefined): string {
  const span = formatSpan(seconds);
  return span === kNothing || (seconds ?? 0) < 1 ? span : t("{span} ago", { span });
}

const two = (n: number): string => String(n).padStart(2, "0");

// The zone of every time that the page shows and reads: the browser's, or UTC.
let inUtc = false;
export function setZone(zone: "browser" | "utc"): void {
  inUtc = zone === "utc";
}

export interface DateParts {
  year: number;
  month: number;  // 1 … 12
  day: number;
  hour: number;
  minute: number;
  second: number;
  weekday: number;  // 0: Sunday
}

export function partsOf(ms: number): DateParts {
  const t = new Date(ms);
  return inUtc
    ? { year: t.getUTCFullYear(), month: t.getUTCMonth() + 1, day: t.getUTCDate(), hour: t.getUTCHours(), minute: t.getUTCMinutes(), second: t.getUTCSeconds(), weekday: t.getUTCDay() }
    : { year: t.getFullYear(), month: t.getMonth() + 1, day: t.getDate(), hour: t.getHours(), minute: t.getMinutes(), second: t.getSeconds(), weekday: t.getDay() };
}

// The time of a date and clock in the chosen zone; days and hours beyond their ends roll over.
export function timeOf(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  return inUtc ? Date.UTC(year, month - 1, day, hour, minute, second) : new Date(year, month - 1, day, hour, minute, second).getTime();
}

// "UTC", "UTC+2", "UTC−3:30": the zone at that time.
export function zoneName(ms: number): string {
  const minutes = inUtc ? 0 : -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest === 0 ? "" : `:${two(rest)}`}`;
}

// The same in each language: "2026-11-24".
export function isoDate(ms: number): string {
  const { year, month, day } = partsOf(ms);
  return `${year}-${two(month)}-${two(day)}`;
}

// "2026-11-24", "24.11.2026".
export function formatDate(ms: number): string {
  return language === "de" ? `${formatDay(ms)}${partsOf(ms).year}` : isoDate(ms);
}

// Without the year: "11-24", "24.11.".
export function formatDay(ms: number): string {
  const { month, day } = partsOf(ms);
  return language === "de" ? `${two(day)}.${two(month)}.` : `${two(month)}-${two(day)}`;
}

export function formatClock(ms: number, withSeconds: boolean): string {
  const { hour, minute, second } = partsOf(ms);
  return withSeconds ? `${two(hour)}:${two(minute)}:${two(second)}` : `${two(hour)}:${two(minute)}`;
}

export function formatTime(ms: number): string {
  return `${formatDate(ms)} ${formatClock(ms, true)}`;
}

// A moment before `now`, to the minute: the clock, before it the day where that is not today, with its year where that is another one.
export function formatSince(ms: number, now: number): string {
  const clock = formatClock(ms, false);
  if (isoDate(ms) === isoDate(now)) return clock;
  return `${partsOf(ms).year === partsOf(now).year ? formatDay(ms) : formatDate(ms)} ${clock}`;
}
