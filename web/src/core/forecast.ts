// When a share that grows steadily reaches 100 %. A straight line by least squares: a disk that fills does so because something
// writes at a pace, and a model with more parameters would only fit the noise.

export interface Forecast {
  percentPerDay: number;
  fullInMs: number | null;  // after the last sample; null: it does not grow, or the date would be guesswork
}

const kLeastPoints = 24;
const kDayMs = 86_400_000;

interface Fit {
  slope: number;
  explained: number;  // 0 … 1, of the variance
}

function fit(points: readonly { x: number; y: number }[]): Fit {
  const meanX = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const meanY = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const { x, y } of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  return { slope: xx > 0 ? xy / xx : 0, explained: xx > 0 && yy > 0 ? (xy * xy) / (xx * yy) : 0 };
}

// Null where there is too little to say anything. No date when the growth is noise (it explains less than half of the variance), when
// it has ended (the last third grows at less than a third of the whole's pace, or the last sixth at less than a tenth), or when the date
// would be further away than ten times the span it was learned from.
export function forecast(values: readonly (number | null)[], stepMs: number): Forecast | null {
  const points = values.flatMap((y, x) => (y === null ? [] : [{ x, y }]));
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < kLeastPoints) return null;
  const whole = fit(points);
  const latest = (part: number): number => fit(points.slice(-Math.ceil(points.length / part))).slope;
  const ended = latest(3) < whole.slope / 3 || latest(6) < whole.slope / 10;
  const steady = whole.explained >= 0.5;
  const percentPerDay = steady ? (whole.slope * kDayMs) / stepMs : 0;
  if (!steady || whole.slope <= 0 || ended || last.y >= 100) return { percentPerDay, fullInMs: null };
  const steps = (100 - last.y) / whole.slope;
  return { percentPerDay, fullInMs: steps > 10 * (last.x - first.x) ? null : steps * stepMs };
}
