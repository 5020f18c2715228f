import { useMemo, useRef, useState } from "preact/hooks";
import { count, t, whole } from "../../core/texts.ts";
import { formatTime } from "../../core/format.ts";
import { kSeverities, stacks, type Histogram, type Severity } from "../../core/log_lines.ts";

const kHeight = 64;
const kSeverityNames: Record<Severity, string> = { error: t("error"), warning: t("warning"), info: t("info"), quiet: t("quiet") };

// Lines over time, stacked by severity. Dragging over it chooses a range.
export function LogHistogram({ histogram, onZoom }: { histogram: Histogram; onZoom: (from: number, to: number) => void }) {
  const bars = useMemo(() => stacks(histogram), [histogram]);
  const most = Math.max(1, ...bars.map((bar) => kSeverities.reduce((sum, one) => sum + bar[one], 0)));
  const box = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const share = (event: PointerEvent): number => {
    const place = box.current?.getBoundingClientRect();
    return place === undefined ? 0 : Math.min(1, Math.max(0, (event.clientX - place.left) / Math.max(1, place.width)));
  };
  const at = (part: number): number => histogram.start + part * histogram.step * histogram.buckets;
  const up = (): void => {
    if (drag !== null && Math.abs(drag.to - drag.from) > 0.005) onZoom(at(Math.min(drag.from, drag.to)), at(Math.max(drag.from, drag.to)));
    setDrag(null);
  };
  const bar = over === null ? undefined : bars[over];
  return (
    <div class="log-histogram">
      <svg ref={box} viewBox={`0 0 ${Math.max(1, bars.length)} ${kHeight}`} preserveAspectRatio="none" role="img"
           aria-label={t("{lines} over time, by level", { lines: count("{n} line|{n} lines", histogram.total) })}
           onPointerDown={(event) => {
             event.currentTarget.setPointerCapture(event.pointerId);
             setDrag({ from: share(event), to: share(event) });
           }}
           onPointerMove={(event) => {
             const part = share(event);
             setOver(Math.min(bars.length - 1, Math.floor(part * bars.length)));
             if (drag !== null) setDrag({ from: drag.from, to: part });
           }}
           onPointerUp={up} onPointerCancel={() => setDrag(null)} onPointerLeave={() => setOver(null)}>
        {bars.map((stack, index) => {
          let top = kHeight;
          return kSeverities.map((severity) => {
            if (stack[severity] === 0) return null;
            const height = Math.max(1, (stack[severity] / most) * kHeight);
            top -= height;
            return <rect key={`${index} ${severity}`} class={`severity-${severity}`} x={index + 0.08} y={Math.max(0, top)} width={0.84} height={height} />;
          });
        })}
        {drag !== null && (
          <rect class="log-drag" x={Math.min(drag.from, drag.to) * bars.length} y={0} width={Math.abs(drag.to - drag.from) * bars.length} height={kHeight} />
        )}
      </svg>
      <p class="log-histogram-text quiet" aria-hidden="true">
        {bar === undefined || over === null ? count("{n} line|{n} lines", histogram.total) : (
          `${formatTime(histogram.start + over * histogram.step)}: ${kSeverities.filter((one) => bar[one] > 0).map((one) => `${whole(bar[one])} ${kSeverityNames[one]}`).join(", ") || t("none")}`
        )}
      </p>
    </div>
  );
}
