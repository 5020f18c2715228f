import { format } from "../core/format.ts";
import type { Host } from "../core/hosts.ts";
import type { HeatKey } from "../core/route.ts";
import { level } from "./settings.ts";

// A percentage with its bar. The number carries the meaning; the bar is for the eye that runs down the column.
export function Meter({ percent, of = "disk", host }: { percent: number | null; of?: HeatKey; host?: Host }) {
  const filled = Math.min(100, Math.max(0, percent ?? 0));
  return (
    <span class={`meter level-${level(of, percent, host)}`}>
      <span class="meter-value">{format(percent, "percent")}</span>
      <span class="meter-track" aria-hidden="true">
        <span class="meter-fill" style={{ width: `${filled.toFixed(1)}%` }} />
      </span>
    </span>
  );
}
