// What differs from the same hour of yesterday and of a week ago, in words.

import { t } from "./texts.ts";
import { format, formatNumber, type Unit } from "./format.ts";

export interface Figure {
  title: string;
  unit: Unit;
  least: number;  // a smaller difference is not worth a word
  now: number | null;
  yesterday: number | null;
  weekAgo: number | null;
}

const kMuchMore = 1.5;
const kMuchLess = 0.5;

const times = (ratio: number): string => (ratio >= 9.95 ? ratio.toFixed(0) : formatNumber(Number(ratio.toFixed(1))));

// Null where it is as usual, or where nothing is known to compare with. `ended`: `now` is a time of the past, and the
// others are before it.
export function unusualWords({ title, unit, least, now, yesterday, weekAgo }: Figure, ended = false): string | null {
  const past = [yesterday, weekAgo].filter((value): value is number => value !== null);
  if (now === null || past.length === 0) return null;
  const usual = past.reduce((a, b) => a + b, 0) / past.length;
  // Outside of both days, and by so much that it shows.
  const apart = Math.min(...past.map((value) => Math.abs(now - value)));
  if (apart < least || (now > usual * kMuchLess && now < usual * kMuchMore)) return null;
  const dayValue = { value: format(yesterday, unit) };
  const weekValue = { value: format(weekAgo, unit) };
  const before = [
    yesterday === null ? "" : ended ? t("the day before {value}", dayValue) : t("yesterday {value}", dayValue),
    weekAgo === null ? "" : ended ? t("a week before {value}", weekValue) : t("a week ago {value}", weekValue),
  ].filter((part) => part !== "").join(", ");
  const ratio = usual > 0 ? now / usual : Infinity;
  const compared = ratio > 100 ? t("far above its usual") : ratio < 0.05 ? t("far below its usual") : t("{ratio} × its usual", { ratio: times(ratio) });
  const said = { title, value: format(now, unit), compared, before };
  return ended ? t("{title} {value}, {compared} ({before})", said) : t("{title} {value}, {compared} for this hour ({before})", said);
}

export const isComparable = (figure: Figure): boolean => figure.now !== null && (figure.yesterday !== null || figure.weekAgo !== null);
