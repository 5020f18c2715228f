import { format } from "../core/format.ts";
import type { HeatKey } from "../core/route.ts";
import { level } from "./settings.ts";

// A percentage with its bar. The number carries the meaning; the bar is for the eye that runs down the column.
export function Meter({ percent, of = "disk" }: { percent: number | null; of?: HeatKey }) {
  const filled = Math.min(100, Math.max(0, percent ?? 0));
  return (
    <span class={`meter level-${level(of, percent)}`}>
      <span class="meter-value">{format(percent, "percent")}</span>
      <span class="meter-track" aria-hidden="true">
        <span class="meter-fill" style={{ width: `${filled.toFixed(1)}%` }} />
      </span>
    </span>
  );
}
