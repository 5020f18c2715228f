import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { termOf, type LogLine } from "../../core/log_lines.ts";
import { formatRoute } from "../../core/route.ts";
import { loadContext } from "../../net/logs.ts";
import { LineRow } from "./line_list.tsx";

const kAroundMs = 5 * 60_000;

// One line: all of it, its fields, what was written before and after it, and the way back to the charts of its host.
export function LineDetail({ line, onClose, onTerm, onChoose }: {
  line: LogLine; onClose: () => void; onTerm: (term: string, not: boolean) => void; onChoose: (line: LogLine) => void;
}) {
  const [context, setContext] = useState<LogLine[] | null>(null);
  const [error, setError] = useState("");
  const place = useRef<HTMLElement>(null);
  useEffect(() => setContext(null), [line]);
  // The list is as high as the window, so that what is below it would not be seen.
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), [line, context]);
  const show = (): void => {
    setError("");
    loadContext(line, AbortSignal.timeout(15_000)).then(setContext, (reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason)));
  };
  const rows: (readonly [string, string])[] = [
    ["host", line.host], ["source", line.source], ["unit", line.unit], ["level", line.level], ["pid", line.pid === null ? "" : String(line.pid)], ...line.fields,
  ];
  const charts = formatRoute({ view: "host", host: line.host, range: { kind: "absolute", from: line.ms - kAroundMs, to: line.ms + kAroundMs } });
  return (
    <section class="panel log-detail" aria-label={t("Line")} ref={place}>
      <header>
        <h2>{line.time}</h2>
        <span class="grow" />
        <button type="button" onClick={() => void navigator.clipboard?.writeText(line.message)}>{t("Copy")}</button>
        <button type="button" onClick={show}>{t("Context")}</button>
        <a class="button" href={charts}>{t("Charts of {host}", { host: line.host })}</a>
        <button type="button" class="icon" aria-label={t("Close")} onClick={onClose}>×</button>
      </header>
      <pre class="log-text">{line.message}{line.cut && <span class="quiet">{" "}{t("… it was longer; the rest was cut")}</span>}</pre>
      <dl class="log-fields">
        {rows.filter(([, value]) => value !== "").map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span>{value}</span>
              <button type="button" title={t("Only lines with this {name}", { name })} aria-label={t("Only {name} {value}", { name, value })} onClick={() => onTerm(termOf(name, value), false)}>+</button>
              <button type="button" title={t("No lines with this {name}", { name })} aria-label={t("Not {name} {value}", { name, value })} onClick={() => onTerm(termOf(name, value), true)}>−</button>
            </dd>
          </div>
        ))}
      </dl>
      {error !== "" && <p class="error-text" role="alert">{error}</p>}
      {context !== null && (
        <div class="log-context" aria-label={t("Context")}>
          {context.map((one, index) => (
            <LineRow key={index} line={one} chosen={one.time === line.time && one.message === line.message} withDate={false} withHost={false} onChoose={onChoose} />
          ))}
        </div>
      )}
    </section>
  );
}
