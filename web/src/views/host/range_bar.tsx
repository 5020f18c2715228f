import { formatClock, formatDate, formatDuration, formatTime } from "../../core/format.ts";
import { kPresets, rangeMs, type Range } from "../../core/time_range.ts";

interface Props {
  range: Range;
  busy: boolean;
  onRange: (range: Range) => void;
  onPan: (fraction: number) => void;
}

function spanText(range: Range): string {
  if (range.kind === "last") return range.preset.name;
  const sameDay = formatDate(range.from) === formatDate(range.to);
  const end = sameDay ? formatClock(range.to, true) : formatTime(range.to);
  return `${formatTime(range.from)} – ${end} (${formatDuration(rangeMs(range) / 1000)})`;
}

export function RangeBar({ range, busy, onRange, onPan }: Props) {
  return (
    <div class="toolbar range-bar">
      <div class="segments" role="group" aria-label="Time range">
        {kPresets.map((preset, index) => (
          <button key={preset.id} type="button" title={`Show ${preset.name} (${index + 1})`}
                  aria-pressed={range.kind === "last" && range.preset.id === preset.id}
                  onClick={() => onRange({ kind: "last", preset })}>
            {preset.label}
          </button>
        ))}
      </div>
      <div class="segments" role="group" aria-label="Move in time">
        <button type="button" aria-label="Earlier" title="Earlier (←)" onClick={() => onPan(-0.5)}>◂</button>
        <button type="button" aria-label="Later" title="Later (→)" disabled={range.kind === "last"} onClick={() => onPan(0.5)}>▸</button>
      </div>
      <span class="range-text" role="status">{spanText(range)}</span>
      <span class={`busy${busy ? " is-busy" : ""}`} aria-hidden="true" />
    </div>
  );
}
