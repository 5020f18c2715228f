import { useEffect, useMemo, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { errorMarks, termOf, type Histogram, type LogLine, type Mark } from "../../core/log_lines.ts";
import { formatRoute, type HostRoute } from "../../core/route.ts";
import { rangeMs } from "../../core/time_range.ts";
import { loadHistogram, loadPage, NoLogs } from "../../net/logs.ts";
import { AuthRequired } from "../../net/session.ts";
import { go } from "../../ui/navigation.ts";
import { useSame } from "../../ui/use_same.ts";
import { LogHistogram } from "../logs/histogram.tsx";
import { LineRow } from "../logs/line_list.tsx";
import { wantedOf } from "../logs/use_logs.ts";

const kBuckets = 90;
const kLines = 20;
const kEveryMs = 10_000;

export const logsOf = (route: HostRoute): string =>
  formatRoute({ view: "logs", query: termOf("host", route.host), range: route.range, show: "lines" });

export interface HostLines {
  found: { histogram: Histogram; lines: LogLine[] } | null;
  marks: readonly Mark[];
  error: string;
}

// The host's lines in the range of its charts, asked for again while that moves on.
export function useHostLogs(route: HostRoute): HostLines {
  const [found, setFound] = useState<HostLines["found"]>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = (): void => {
      const wanted = wantedOf({ query: termOf("host", route.host), range: route.range });
      const work = document.visibilityState !== "visible" ? Promise.resolve() : Promise.all([
        loadHistogram(wanted, kBuckets, aborter.signal), loadPage(wanted, kLines, "", aborter.signal),
      ]).then(([histogram, page]) => {
        if (!aborter.signal.aborted) setFound({ histogram, lines: page.lines });
        setError("");
      });
      work.catch((reason: unknown) => {
        if (aborter.signal.aborted || reason instanceof AuthRequired || reason instanceof NoLogs) return;
        setError(reason instanceof Error ? reason.message : String(reason));
      }).finally(() => {
        if (!aborter.signal.aborted && route.range.kind === "last") timer = setTimeout(turn, kEveryMs);
      });
    };
    setFound(null);
    turn();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [formatRoute(route)]);
  const marks = useSame(useMemo(() => (found === null ? [] : errorMarks(found.histogram)), [found]));
  return { found, marks, error };
}

// How many there are over time, the newest, and the way to all of them. Nothing where the server keeps none.
export function HostLogs({ route, lines: { found, error }, onZoom }: { route: HostRoute; lines: HostLines; onZoom: (from: number, to: number) => void }) {
  if (error === "" && (found === null || found.histogram.total === 0)) return null;
  const all = logsOf(route);
  return (
    <section class="section" id="section-logs" aria-label={t("Logs")}>
      <h2>{t("Logs")} <a class="section-link" href={all}>{t("all of this range")}</a></h2>
      {error !== "" && <p class="error-text" role="alert">{error}</p>}
      {found !== null && (
        <div class="panel log-preview">
          <LogHistogram histogram={found.histogram} onZoom={onZoom} />
          {found.lines.map((line, index) => (
            <LineRow key={index} line={line} chosen={false} withDate={rangeMs(route.range) > 86_400_000} withHost={false}
                     onChoose={() => go({ view: "logs", query: termOf("host", route.host), show: "lines",
                                          range: { kind: "absolute", from: line.ms - 300_000, to: line.ms + 300_000 } })} />
          ))}
        </div>
      )}
    </section>
  );
}
