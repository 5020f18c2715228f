import { useEffect, useMemo, useState } from "preact/hooks";
import { count, t, tx, whole } from "../../core/texts.ts";
import { formatDuration, formatTime, type Unit } from "../../core/format.ts";
import type { Cell, StatementResult } from "../../core/influx_response.ts";
import { numberFormat, sortRows, toPoints, toTable, type ResultTable } from "../../core/result_table.ts";
import { formatRoute, kDefaultRange, type ExploreRoute } from "../../core/route.ts";
import { doubtOf, withSuggestion } from "../../core/nearest.ts";
import { catalog } from "../../net/catalog.ts";
import { serverNow } from "../../net/live.ts";
import { runText } from "../../net/query.ts";
import { AuthRequired } from "../../net/session.ts";
import { ask, wasAsked } from "../../ui/asked.ts";
import { downloadCsv } from "../../ui/download.ts";
import { closeFull, kFullShortcut } from "../../ui/full_screen.ts";
import { useShortcuts } from "../../ui/keyboard.ts";
import { refine } from "../../ui/navigation.ts";
import { ChartPanel } from "../../ui/panel_view.tsx";
import { forgetQuery, savedQueries, saveQuery } from "../../ui/saved_queries.ts";
import { TableBox } from "../../ui/table_box.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { words } from "../../ui/use_panels.ts";
import { dataBegan, kExamples, rangeOf } from "./examples.ts";
import { QueryBox } from "./query_box.tsx";

const kTimeoutMs = 60_000;
const kRowsAtOnce = 200;

interface Answer {
  results: StatementResult[];
  tookMs: number;
}

export function ExploreView({ route }: { route: ExploreRoute }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [running, setRunning] = useState<AbortController | null>(null);
  const [again, setAgain] = useState(0);
  const waiting = route.query.trim() !== "" && !wasAsked(route.query);
  const shortcuts = useMemo(() => [
    { keys: "/", what: t("Go to the query (Ctrl+Enter runs it, Tab completes, Alt+arrows choose)"), run: () => document.getElementById("query")?.focus() },
    kFullShortcut,
    { keys: "Escape", what: t("Leave the full screen"), run: closeFull },
    { keys: "v", what: t("Chart or table"), run: () => refine({ ...route, show: route.show === "chart" ? "table" : "chart" }) },
  ], [formatRoute(route)]);
  useShortcuts(t("Explore"), shortcuts);

  useEffect(() => {
    setAnswer(null);
    setError(null);
    if (route.query.trim() === "" || waiting) return;
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(new DOMException("", "TimeoutError")), kTimeoutMs);
    const began = performance.now();
    setRunning(aborter);
    runText(route.query, aborter.signal)
      .then((results) => setAnswer({ results, tookMs: performance.now() - began }),
        (failure: unknown) => {
          if (failure instanceof AuthRequired || (aborter.signal.aborted && aborter.signal.reason === "left")) return;
          setError(aborter.signal.reason === "stopped" ? t("Stopped.") : words(failure));
        })
      .finally(() => {
        clearTimeout(timer);
        setRunning((now) => (now === aborter ? null : now));
      });
    return () => {
      clearTimeout(timer);
      aborter.abort("left");
    };
  }, [route.query, again]);

  const run = (query: string): void => {
    ask(query === route.query ? route : { ...route, query, sort: "" });
    if (query === route.query) setAgain(again + 1);
  };
  return (
    <>
      <h1 class="view-title">{t("Explore")}</h1>
      <QueryBox query={route.query} busy={running !== null} onRun={run} onStop={() => running?.abort("stopped")} />
      <div class="chips examples" role="group" aria-label={t("Questions")}>
        {kExamples.map((example) => (
          <button key={example.title} type="button" class="chip" onClick={() => ask(example.route(serverNow()))}>{example.title}</button>
        ))}
      </div>
      <Saved query={route.query} onRun={run} />
      {waiting && (
        <p class="notice" role="status">
          {t("This query came with the link; nothing has been asked yet. Read it, then")}{" "}<button type="button" class="primary" onClick={() => run(route.query)}>{t("Run it")}</button>
        </p>
      )}
      {error !== null && <p class="notice error-text" role="alert">{error}</p>}
      {running !== null && <p class="loading" role="status">{t("Asking…")}</p>}
      {answer !== null && answer.results.map((result, index) => (
        <Result key={index} result={result} route={route} tookMs={answer.tookMs} many={answer.results.length > 1} />
      ))}
      {route.query === "" && (
        <p class="quiet notice">
          {t("Query all stored data in InfluxQL, with completion while you type. Or click one of the questions above and change it. Tables sort by any column, and a host in them opens its page over the same time.")}
        </p>
      )}
    </>
  );
}

// Saved queries, and a form that saves the one that was run.
function Saved({ query, onRun }: { query: string; onRun: (query: string) => void }) {
  const saved = useObservable(savedQueries);
  const [naming, setNaming] = useState(false);
  const canSave = query.trim() !== "" && !saved.some((one) => one.query === query);
  if (saved.length === 0 && !canSave) return null;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get("name") ?? "").trim();
    if (name === "") return;
    saveQuery(name, query);
    setNaming(false);
  };
  return (
    <div class="chips examples" role="group" aria-label={t("Saved queries")}>
      {saved.map((one) => (
        <span key={one.name} class="chip saved" title={one.query}>
          <button type="button" class="plain-button" onClick={() => onRun(one.query)}>{one.name}</button>
          <button type="button" class="plain-button quiet" aria-label={t("Remove {name}", { name: one.name })} onClick={() => forgetQuery(one.name)}>×</button>
        </span>
      ))}
      {canSave && (naming ? (
        <form class="row" onSubmit={submit}>
          <input name="name" aria-label={t("Name of the query")} placeholder={t("Name")} maxLength={60} required autocomplete="off" ref={(field) => field?.focus()} />
          <button type="submit">{t("Save")}</button>
          <button type="button" onClick={() => setNaming(false)}>{t("Cancel")}</button>
        </form>
      ) : <button type="button" class="chip" onClick={() => setNaming(true)}>{t("Save this query…")}</button>)}
    </div>
  );
}

function Result({ result, route, tookMs, many }: { result: StatementResult; route: ExploreRoute; tookMs: number; many: boolean }) {
  const table = useMemo(() => toTable(result.series), [result]);
  const points = useMemo(() => toPoints(result.series), [result]);
  const known = useObservable(catalog);
  const doubt = useMemo(() => (table.rows.length === 0 ? doubtOf(route.query, known) : null), [table, known]);
  const since = useMemo(() => dataBegan(route.query, points?.times[0], serverNow()), [points]);
  if (result.error !== null) return <p class="notice error-text" role="alert">{result.error}</p>;
  if (table.rows.length === 0) {
    return (
      <div class="empty" role="status">
        {doubt === null ? (
          <>
            <p>{t("The query is valid; no rows match it.")}</p>
            <p class="quiet">{t("A longer time range or fewer conditions in WHERE match more.")}</p>
          </>
        ) : (
          <>
            <p>{doubt.of === "" ? tx("No measurement is called {name}.", { name: <code>{doubt.unknown}</code> })
            : tx("{measurement} has no field or tag that is called {name}.", { measurement: doubt.of, name: <code>{doubt.unknown}</code> })}{doubt.suggestion !== null && <>{" "}{tx("Did you mean {name}?", { name: <code>{doubt.suggestion}</code> })}</>}</p>
            {doubt.suggestion !== null && (
              <button type="button" class="primary" onClick={() => ask({ ...route, query: withSuggestion(route.query, doubt) })}>{t("Ask for {name}", { name: doubt.suggestion })}</button>
            )}
          </>
        )}
      </div>
    );
  }
  const show = points === null ? "table" : route.show;
  return (
    <section aria-label={t("Result")}>
      <h2 class="hidden">{t("Result")}</h2>
      <div class="toolbar result-bar">
        <span role="status">
          <strong>{whole(table.rows.length)}</strong> {count("row|rows", table.rows.length)}
          <span class="quiet">{" "}{count("in {n} series|in {n} series", result.series.length)}{many ? "" : `, ${tookMs < 1000 ? `${tookMs.toFixed(0)} ms` : formatDuration(tookMs / 1000)}`}</span>
          {since !== null && <span class="quiet">; {t("data since {time}", { time: formatTime(since) })}</span>}
        </span>
        <span class="grow" />
        <div class="segments" role="group" aria-label={t("Show as")}>
          {(["chart", "table"] as const).map((one) => (
            <button key={one} type="button" aria-pressed={show === one} disabled={one === "chart" && points === null}
                    onClick={() => refine({ ...route, show: one })}>
              {one === "chart" ? t("Chart") : t("Table")}
            </button>
          ))}
        </div>
        <button type="button" onClick={() => downloadCsv("explore", table)}>CSV</button>
      </div>
      {show === "chart" && points !== null ? <ResultChart points={points} query={route.query} /> : <ResultRows table={table} route={route} />}
    </section>
  );
}

function ResultChart({ points, query }: { points: NonNullable<ReturnType<typeof toPoints>>; query: string }) {
  const drawn = useMemo(() => ({
    lines: points.lines.map((line, index) => ({ key: `${index} ${line.label}`, label: line.label, values: line.values, colour: index })),
    ...(points.left > 0 ? { note: count("{n} more series is in the table and in the CSV.|{n} more series are in the table and in the CSV.", points.left) } : {}),
  }), [points]);
  const first = points.times[0] ?? 0;
  const last = points.times.at(-1) ?? 1;
  const window = useMemo(() => ({ from: first, to: last, step: (last - first) / Math.max(1, points.times.length - 1) }), [points]);
  const unit: Unit = "number";
  return (
    <ChartPanel id="panel-result" query={() => query} title={t("Chart")} unit={unit} style="line" drawn={drawn} window={window} times={points.times} actions={null}
                sync={null} height={320} legend="table" />
  );
}

function ResultRows({ table, route }: { table: ResultTable; route: ExploreRoute }) {
  const [most, setMost] = useState(kRowsAtOnce);
  const descending = route.sort.startsWith("-") && !table.columns.includes(route.sort);
  const column = table.columns.indexOf(descending ? route.sort.slice(1) : route.sort);
  const rows = useMemo(() => (column < 0 ? table.rows : sortRows(table.rows, column, descending)), [table, column, descending]);
  const time = table.columns.indexOf("time");
  // An aggregate without GROUP BY time has one row a series, stamped with the range's begin: a column that says nothing.
  const same = time >= 0 && table.rows.length > 1 && table.rows.every((row) => row[time] === table.rows[0]?.[time]);
  const shown = table.columns.map((_, index) => index).filter((index) => !(same && index === time));
  const numeric = table.columns.map((_, index) => index !== time && table.rows.some((row) => typeof row[index] === "number"));
  const formats = useMemo(() => table.columns.map((_, index) => numberFormat(table.rows, index)), [table]);
  const range = rangeOf(route.query);
  const cell = (value: Cell, index: number) => {
    if (value === null) return <span class="quiet">–</span>;
    if (index === time && typeof value === "number") return formatTime(value);
    if (index < table.tagColumns && table.columns[index] === "host") {
      return <a href={formatRoute({ view: "host", host: String(value), range: range === null ? kDefaultRange : { kind: "absolute", ...range } })}>{String(value)}</a>;
    }
    return typeof value === "number" ? formats[index]?.(value) : String(value);
  };
  return (
    <TableBox label={t("Rows")}>
      <table class="plain">
        <thead>
          <tr>
            {shown.map((index) => {
              const sorted = index === column;
              const name = table.columns[index] ?? "";
              const next = sorted ? (descending ? "" : `-${name}`) : numeric[index] === true ? `-${name}` : name;
              return (
                <th key={index} scope="col" class={numeric[index] === true ? "numeric" : ""} aria-sort={sorted ? (descending ? "descending" : "ascending") : "none"}>
                  <button type="button" class="plain-button" onClick={() => refine({ ...route, show: "table", sort: sorted && descending ? name : next })}>
                    {name}<span class="sort-mark" aria-hidden="true">{sorted ? (descending ? "▾" : "▴") : ""}</span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((row, at) => (
            <tr key={at}>{shown.map((index) => <td key={index} class={numeric[index] === true ? "numeric" : ""}>{cell(row[index] ?? null, index)}</td>)}</tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && (
        <p class="row more"><button type="button" onClick={() => setMost(most + 5 * kRowsAtOnce)}>{t("Show more")}</button>
          <span class="quiet">{t("{shown} of {all}; the CSV has all of them", { shown: whole(most), all: whole(rows.length) })}</span></p>
      )}
    </TableBox>
  );
}
