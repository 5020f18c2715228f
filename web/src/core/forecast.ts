// When a share that grows steadily reaches 100 %. A straight line by least squares: a disk that fills does so because something
// writes at a pace, and a model with more parameters would only fit the noise.

export interface Forecast {
  percentPerDay: number;
  fullInMs: number | null;  // after the last sample; null: it does not grow, or the date would be guesswork
}

const kLeastPoints = 24;
const kDayMs = 86_400_000;

// Null where there is too little to say anything. No date when the growth is noise (it explains less than half of the variance), or
// when the date would be further away than ten times the span it was learned from.
export function forecast(values: readonly (number | null)[], stepMs: number): Forecast | null {
  const points = values.flatMap((y, x) => (y === null ? [] : [{ x, y }]));
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < kLeastPoints) return null;
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
  const slope = xy / xx;
  const percentPerDay = (slope * kDayMs) / stepMs;
  const steady = yy > 0 && (xy * xy) / (xx * yy) >= 0.5;
  if (!steady || slope <= 0 || last.y >= 100) return { percentPerDay: steady ? percentPerDay : 0, fullInMs: null };
  const steps = (100 - last.y) / slope;
  return { percentPerDay, fullInMs: steps > 10 * (last.x - first.x) ? null : steps * stepMs };
}
