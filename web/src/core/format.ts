// Numbers as people read them. Units follow the field's habit: memory, files and disk traffic in powers of 1024 (KiB), network
// in powers of 1000 (kbit/s), a space between number and unit. Three significant digits: more only flickers.

export type Unit =
  | "percent"
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

function load(value: number): string {
  return Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(2);
}

export function format(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return kNothing;
  switch (unit) {
    case "percent":
      return percent(value);
    case "bytes":
      return binary(value);
    case "bytes_per_second":
      return `${binary(value)}/s`;
    case "bits_per_second":
      return decimal(value, "bit/s");
    case "per_second":
      return decimal(value, "/s");
    case "count":
      return decimal(value, "");
    case "load":
      return load(value);
    case "seconds":
      return Math.abs(value) < 1 ? format(value * 1000, "milliseconds") : `${threeDigits(value)} s`;
    case "celsius":
      return `${value.toFixed(1)} °C`;
    case "number":
      return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
    case "milliseconds":
      return Math.abs(value) >= 1000 ? `${threeDigits(value / 1000)} s` : `${threeDigits(value)} ms`;
  }
}

// An axis label: as short as can be, so no trailing zeros ("1 GiB", "50 %").
export function formatTick(value: number, unit: Unit): string {
  if (unit === "percent") return `${Number(value.toFixed(2))} %`;
  if (unit === "load") return String(Number(value.toFixed(2)));
  return format(value, unit).replace(/\.0+(?=\D|$)/, "").replace(/(\.\d*[1-9])0+(?=\D|$)/, "$1");
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

// One part only, for a column that is read at a glance: "now", "42 s ago", "3 h ago".
export function formatAgo(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return kNothing;
  if (seconds < 1) return "now";
  if (seconds < 100) return `${Math.floor(seconds)} s ago`;
  if (seconds < 100 * kMinute) return `${Math.floor(seconds / kMinute)} min ago`;
  if (seconds < 48 * kHour) return `${Math.floor(seconds / kHour)} h ago`;
  return `${Math.floor(seconds / kDay)} d ago`;
}

const two = (n: number): string => String(n).padStart(2, "0");

export function formatDate(ms: number): string {
  const t = new Date(ms);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

export function formatClock(ms: number, withSeconds: boolean): string {
  const t = new Date(ms);
  const minutes = `${two(t.getHours())}:${two(t.getMinutes())}`;
  return withSeconds ? `${minutes}:${two(t.getSeconds())}` : minutes;
}

export function formatTime(ms: number): string {
  return `${formatDate(ms)} ${formatClock(ms, true)}`;
}
