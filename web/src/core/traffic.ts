// Traffic since the last reset day of a contract: which days that is, and how far along.

const kDay = 86_400_000;

export interface Period {
  from: number;  // ms since the epoch, midnight of the reset day where the page is looked at
  to: number;    // the next one
}

const at = (year: number, month: number, day: number): number => {
  // A month without that day begins at its last one.
  const last = new Date(year, month + 1, 0).getDate();
  return new Date(year, month, Math.min(day, last)).getTime();
};

export function periodOf(now: number, resetDay: number): Period {
  const date = new Date(now);
  const [year, month] = [date.getFullYear(), date.getMonth()];
  const thisMonth = at(year, month, resetDay);
  return now >= thisMonth ? { from: thisMonth, to: at(year, month + 1, resetDay) } : { from: at(year, month - 1, resetDay), to: thisMonth };
}

// What it will come to at the end, at the pace so far; null in the first day, which says too little.
export function projected(used: number, period: Period, now: number): number | null {
  const passed = now - period.from;
  return passed < kDay ? null : (used * (period.to - period.from)) / passed;
}

const kUnits: Record<string, number> = { "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

// "500 GB", "1.5TiB"; null: none, or not to be read.
export function parseBytes(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*$/i.exec(text);
  const unit = found?.[2]?.toLowerCase() ?? "";
  const factor = kUnits[unit] ?? kUnits[`${unit}b`];
  return found === null || factor === undefined ? null : Number(found[1]) * factor;
}
