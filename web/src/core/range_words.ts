// A range as a person says it: "yesterday", "last Tuesday afternoon", "last Tuesday 14:00–15:00", "3 days", "since 9:30", "2026-11-24 22:00 – 2:00".
// All in the chosen zone (format.ts), in 24 hours.

import { partsOf, timeOf } from "./format.ts";
import { timeInEnglish } from "./texts.ts";
import { kMinimumSpanMs, kPresets, type Range } from "./time_range.ts";

const kMinute = 60_000;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;
const kUnits: Record<string, number> = { s: 1000, second: 1000, m: kMinute, min: kMinute, minute: kMinute, h: kHour, hour: kHour, d: kDay, day: kDay, w: 7 * kDay, week: 7 * kDay };
const kWeekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const kMonths = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

// The hours of a part of the day.
const kParts: Record<string, readonly [number, number]> = { night: [0, 6], morning: [6, 12], afternoon: [12, 18], evening: [18, 24] };

interface Moment {
  from: number;
  to: number;      // the end of what was named: a day's, or an hour's of a clock
  clock: boolean;
}

const dayOf = (now: number, offset: number): { from: number; to: number } => {
  const { year, month, day } = partsOf(now);
  return { from: timeOf(year, month, day + offset), to: timeOf(year, month, day + offset + 1) };
};

// The index of the only name that begins with `word`; -1: none. Three letters are enough.
const named = (names: readonly string[], word: string): number => (word.length < 3 ? -1 : names.findIndex((name) => name.startsWith(word)));

function wholeDay(words: readonly string[], now: number): { from: number; to: number } | null {
  const text = words.join(" ");
  if (text === "today") return dayOf(now, 0);
  if (text === "yesterday") return dayOf(now, -1);
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  const { year, month, day, weekday } = partsOf(now);
  const date = (y: number, m: number, d: number): { from: number; to: number } | null => {
    const from = timeOf(y, m, d);
    return partsOf(from).month === m && partsOf(from).day === d ? { from, to: timeOf(y, m, d + 1) } : null;
  };
  if (iso !== null) return date(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const [first = "", second = ""] = words;
  const last = first === "last";
  const at = named(kWeekdays, last ? second : first);
  if (at >= 0 && words.length === (last ? 2 : 1)) {
    const back = (weekday - at + 7) % 7;
    return dayOf(now, -(back === 0 && last ? 7 : back));
  }
  // "24 nov", "november 24", of the year in which it is not in the future.
  const dayWord = /^\d{1,2}\.?$/.test(first) ? first : second;
  const monthAt = named(kMonths, dayWord === first ? second : first);
  if (words.length === 2 && monthAt >= 0 && /^\d{1,2}\.?$/.test(dayWord)) {
    const inPast = monthAt + 1 < month || (monthAt + 1 === month && parseInt(dayWord, 10) <= day);
    return date(inPast ? year : year - 1, monthAt + 1, parseInt(dayWord, 10));
  }
  return null;
}

function period(text: string, now: number): { from: number; to: number } | null {
  const found = /^(this|last) (week|month|year)$/.exec(text);
  if (found === null) return null;
  const back = found[1] === "last" ? 1 : 0;
  const { year, month, day, weekday } = partsOf(now);
  const begin = (offset: number): number =>
    found[2] === "week" ? timeOf(year, month, day - ((weekday + 6) % 7) + 7 * offset) : found[2] === "month" ? timeOf(year, month + offset, 1) : timeOf(year + offset, 1, 1);
  return { from: begin(-back), to: begin(1 - back) };
}

// "10 minutes ago" is a moment, "2 weeks ago" a day.
function momentAgo(text: string, now: number): Moment | null {
  const found = /^(\d+(?:\.\d+)?|an?) ?(s|m|min|h|d|w|second|minute|hour|day|week)s? ago$/.exec(text);
  if (found === null) return null;
  const unit = kUnits[found[2] ?? ""] ?? 0;
  const from = now - (/^an?$/.test(found[1] ?? "") ? 1 : Number(found[1])) * unit;
  if (from <= 0) return null;
  if (unit < kDay) return { from, to: from, clock: true };
  const { year, month, day } = partsOf(from);
  return { from: timeOf(year, month, day), to: timeOf(year, month, day + 1), clock: false };
}

// "yesterday afternoon", "Tuesday in the morning", "this evening"; the part alone is today's. "Last night" began with today.
function partOfDay(words: readonly string[], now: number): Moment | null {
  const name = words.at(-1) ?? "";
  if (!Object.hasOwn(kParts, name)) return null;
  const [begin = 0, end = 0] = kParts[name] ?? [];
  const rest = words.slice(0, -1).filter((word) => !["at", "in", "the"].includes(word));
  const ofToday = rest.length === 0 || rest.join(" ") === "this" || (rest.join(" ") === "last" && name === "night");
  const on = ofToday ? dayOf(now, 0) : wholeDay(rest, now);
  if (on === null) return null;
  const { year, month, day } = partsOf(on.from);
  return { from: timeOf(year, month, day, begin), to: timeOf(year, month, day, end), clock: false };
}

function moment(text: string, now: number, day: number | null): Moment | null {
  if (text === "now") return { from: now, to: now, clock: true };
  const ago = momentAgo(text, now);
  if (ago !== null) return ago;
  const words = text.split(/\s+/);
  const part = partOfDay(words, now);
  if (part !== null) return part;
  const clock = /^(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?$/.exec(words.at(-1) ?? "");
  const isClock = clock !== null && (clock[2] !== undefined || words.length === 1 || wholeDay(words.slice(0, -1), now) !== null);
  const rest = isClock ? words.slice(0, -1).filter((word) => word !== "at") : words;
  const on = rest.length === 0 ? (day === null ? dayOf(now, 0) : { from: day, to: day + kDay }) : wholeDay(rest, now);
  if (on === null) return null;
  if (!isClock || clock === null) return { ...on, clock: false };
  const [hour, minute, second] = [Number(clock[1]), Number(clock[2] ?? 0), Number(clock[3] ?? 0)];
  if (hour > 24 || minute > 59 || second > 59) return null;
  const { year, month, day: date } = partsOf(on.from);
  const from = timeOf(year, month, date, hour, minute, second);
  return { from, to: from + kHour, clock: true };
}

const startOfDay = (ms: number): number => {
  const { year, month, day } = partsOf(ms);
  return timeOf(year, month, day);
};

const absolute = (from: number, to: number): Range | null => (to - from >= kMinimumSpanMs ? { kind: "absolute", from: Math.round(from), to: Math.round(to) } : null);

// Null: not understood.
export function parseRangeWords(given: string, now: number): Range | null {
  const text = timeInEnglish(given).trim().toLowerCase().replace(/[–—]/g, " – ").replace(/(\d:\d{2}|\s\d{1,2}|^\d{1,2})-(?=\d{1,2}(:|$))/g, "$1 – ").replace(/\s+/g, " ").trim();
  const span = /^(?:the )?(?:last |past )?(\d+(?:\.\d+)?)? ?(s|m|min|h|d|w|second|minute|hour|day|week)s?$/.exec(text);
  if (span !== null && !(span[1] === undefined && (span[2] ?? "").length < 3 && span[2] !== "min")) {
    // "last week" is the calendar's.
    if (!(span[1] === undefined && span[2] === "week")) {
      const ms = Number(span[1] ?? 1) * (kUnits[span[2] ?? ""] ?? 0);
      const preset = kPresets.find((one) => one.ms === ms);
      return preset !== undefined ? { kind: "last", preset } : absolute(now - ms, now);
    }
  }
  const ago = momentAgo(text, now);
  if (ago !== null) return absolute(ago.from, ago.clock ? now : ago.to);
  const whole = period(text, now);
  if (whole !== null) return absolute(whole.from, whole.to);
  const since = /^since (.+)$/.exec(text);
  if (since !== null) {
    const begin = moment(since[1] ?? "", now, null);
    return begin === null ? null : absolute(begin.from > now ? begin.from - kDay : begin.from, now);
  }
  const [left = "", right, more] = text.split(/ (?:–|-|to|until) /);
  if (more !== undefined) return null;
  const begin = moment(left.replace(/^from /, ""), now, null);
  if (begin === null) return null;
  if (right === undefined) return absolute(begin.from, begin.to);
  const end = moment(right, now, startOfDay(begin.from));
  if (end === null) return null;
  // Up to a clock, or to the end of a day. "22:00 – 2:00" ends on the next day.
  const to = end.clock ? end.from : end.to;
  return absolute(begin.from, to <= begin.from && end.clock ? to + kDay : to);
}
