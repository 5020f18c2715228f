// What uses a host's CPU, under the pointer that rests on the CPU of its row: the five programs that use most now. One small query, and
// only when somebody asks in this way.

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { format } from "../../core/format.ts";
import { identifier, literal } from "../../core/influxql.ts";
import { serverNow } from "../../net/live.ts";
import { runStatements } from "../../net/query.ts";

const kRestMs = 300;
const kLookBackMs = 60_000;
const kPrograms = 5;

interface Hint { host: string; left: number; top: number; lines: string[] }

async function fetchLines(host: string, signal: AbortSignal): Promise<string[]> {
  const end = Math.round(serverNow() + 1000);
  const [result] = await runStatements([
    `SELECT last("cpu_usage") AS "cpu" FROM "procstat" WHERE "host" = ${literal(host)} AND time >= ${end - kLookBackMs}ms AND time < ${end}ms ` +
      `GROUP BY ${["process_name", "user"].map(identifier).join(", ")}`,
  ], signal);
  return (result?.series ?? [])
    .map((series) => ({ name: series.tags["process_name"] ?? "", user: series.tags["user"] ?? "", cpu: Number(series.values[0]?.[series.columns.indexOf("cpu")] ?? 0) }))
    .sort((a, b) => b.cpu - a.cpu)
    .slice(0, kPrograms)
    .map((one) => `${format(one.cpu, "percent")}  ${one.name === "other" ? t("all others") : one.name}${one.user === "" ? "" : ` (${one.user})`}`);
}

export function UsersHint() {
  const [hint, setHint] = useState<Hint | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let aborter = new AbortController();
    let over: Element | null = null;
    const leave = (): void => {
      clearTimeout(timer);
      aborter.abort();
      over = null;
      setHint(null);
    };
    const moved = (event: PointerEvent): void => {
      const cell = event.target instanceof Element ? event.target.closest("tr.host-row td.col-cpu") : null;
      if (cell === over) return;
      leave();
      const host = cell?.closest<HTMLElement>("tr.host-row")?.dataset["host"];
      if (cell === null || host === undefined || event.pointerType === "touch") return;
      over = cell;
      aborter = new AbortController();
      const { signal } = aborter;
      timer = setTimeout(() => {
        fetchLines(host, signal).then((lines) => {
          if (signal.aborted || lines.length === 0) return;
          const box = cell.getBoundingClientRect();
          setHint({ host, left: Math.min(box.left, innerWidth - 280), top: box.bottom + 4, lines });
        }, () => undefined);
      }, kRestMs);
    };
    document.addEventListener("pointerover", moved);
    addEventListener("scroll", leave, { passive: true });
    return () => {
      leave();
      document.removeEventListener("pointerover", moved);
      removeEventListener("scroll", leave);
    };
  }, []);
  if (hint === null) return null;
  return (
    <div class="users-hint" role="tooltip" style={{ left: `${Math.max(4, hint.left)}px`, top: `${hint.top}px` }}>
      <strong>{t("What uses {host}", { host: hint.host })}</strong>
      {hint.lines.map((line) => <span key={line}>{line}</span>)}
      <span class="quiet">{t("100 % is one core")}</span>
    </div>
  );
}
