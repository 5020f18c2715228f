// What differs from the same hour of yesterday and of a week ago, in words.

import { format, type Unit } from "./format.ts";

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

const times = (ratio: number): string => (ratio >= 9.95 ? ratio.toFixed(0) : String(Number(ratio.toFixed(1))));

// Null where it is as usual, or where nothing is known to compare with.
export function unusualWords({ title, unit, least, now, yesterday, weekAgo }: Figure): string | null {
  const past = [yesterday, weekAgo].filter((value): value is number => value !== null);
  if (now === null || past.length === 0) return null;
  const usual = past.reduce((a, b) => a + b, 0) / past.length;
  // Outside of both days, and by so much that it shows.
  const apart = Math.min(...past.map((value) => Math.abs(now - value)));
  if (apart < least || (now > usual * kMuchLess && now < usual * kMuchMore)) return null;
  const before = [yesterday === null ? "" : `yesterday ${format(yesterday, unit)}`, weekAgo === null ? "" : `a week ago ${format(weekAgo, unit)}`]
    .filter((part) => part !== "").join(", ");
  const ratio = usual > 0 ? now / usual : Infinity;
  const compared = ratio > 100 ? "far above its usual" : ratio < 0.05 ? "far below its usual" : `${times(ratio)} × its usual`;
  return `${title} ${format(now, unit)}, ${compared} for this hour (${before})`;
}

export const isComparable = (figure: Figure): boolean => figure.now !== null && (figure.yesterday !== null || figure.weekAgo !== null);
