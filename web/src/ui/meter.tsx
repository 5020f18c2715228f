import { format } from "../core/format.ts";

export function level(percent: number | null): "none" | "calm" | "raised" | "high" {
  if (percent === null) return "none";
  return percent >= 90 ? "high" : percent >= 75 ? "raised" : "calm";
}

// A percentage with its bar. The number carries the meaning; the bar is for the eye that runs down the column.
export function Meter({ percent }: { percent: number | null }) {
  const filled = Math.min(100, Math.max(0, percent ?? 0));
  return (
    <span class={`meter level-${level(percent)}`}>
      <span class="meter-value">{format(percent, "percent")}</span>
      <span class="meter-track" aria-hidden="true">
        <span class="meter-fill" style={{ width: `${filled.toFixed(1)}%` }} />
      </span>
    </span>
  );
}
