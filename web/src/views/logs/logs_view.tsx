import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, t, tx, whole } from "../../core/texts.ts";
import { severityOf, toggleTerm, type LogLine } from "../../core/log_lines.ts";
import { formatRoute, type LogsRoute } from "../../core/route.ts";
import { rangeMs } from "../../core/time_range.ts";
import { downloadLines, kMostDownloaded } from "../../net/log_download.ts";
import { useShortcuts } from "../../ui/keyboard.ts";
import { go } from "../../ui/navigation.ts";
import { RangeBar } from "../../ui/range_bar.tsx";
import { TableBox } from "../../ui/table_box.tsx";
import { useRange } from "../../ui/use_range.ts";
import { FacetList } from "./facet_list.tsx";
import { LogHistogram } from "./histogram.tsx";
import { LineDetail } from "./line_detail.tsx";
import { LineList } from "./line_list.tsx";
import { SearchBox } from "./search_box.tsx";
import { useLogs, wantedOf } from "./use_logs.ts";

const kDayMs = 86_400_000;

export function LogsView({ route }: { route: LogsRoute }) {
  const [turn, setTurn] = useState(0);  // of asking the same again
  const [follow, setFollow] = useState(false);
  const [paused, setPaused] = useState(false);
  const [chosen, setChosen] = useState<LogLine | null>(null);
  const key = `${formatRoute(route)} ${turn}`;
  const logs = useLogs(route, key, follow && route.show === "lines", paused);
  const actions = useRange(route);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setChosen(null);
  }, [route.query]);
  // What follows lives in the present.
  useEffect(() => {
    if (route.range.kind === "absolute") setFollow(false);
  }, [route.range]);

  const ask = (query: string): void => {
    if (query === route.query) setTurn(turn + 1);
    else go({ ...route, query });
  };
  const onTerm = (term: string, not: boolean): void => ask(toggleTerm(input.current?.value ?? route.query, term, not));
  const shortcuts = useMemo(() => [
    ...(chosen === null ? [] : [{ keys: "Escape", what: t("Close the line"), run: () => setChosen(null) }]),
    ...actions.shortcuts,
    { keys: "/", what: t("Search the lines"), run: () => input.current?.focus() },
    { keys: "f", what: t("Follow live"), run: () => setFollow((old) => !old) },
    { keys: " ", what: t("Pause what follows"), run: () => setPaused((old) => !old) },
  ], [actions, chosen]);
  useShortcuts(t("Logs"), shortcuts);

  return (
    <>
      <h1 class="hidden">{t("Logs")}</h1>
      <form class="log-search" role="search" onSubmit={(event) => {
        event.preventDefault();
        ask(input.current?.value.trim() ?? "");
      }}>
        <SearchBox input={input} query={route.query} facets={logs.facets} />
        <button type="submit" class="primary">{t("Search")}</button>
        <div class="segments" role="group" aria-label={t("Show")}>
          {(["lines", "patterns"] as const).map((show) => (
            <button key={show} type="button" aria-pressed={route.show === show} onClick={() => go({ ...route, show })}>{show === "lines" ? t("Lines") : t("Patterns")}</button>
          ))}
        </div>
        <button type="button" aria-pressed={follow} class={follow ? "is-on" : ""} disabled={route.range.kind === "absolute" || route.show === "patterns"}
                onClick={() => setFollow(!follow)}>{t("Follow")}</button>
        <Download route={route} />
        {follow && (
          <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? t("Go on ({n} new)", { n: whole(logs.waiting) }) : t("Pause")}</button>
        )}
      </form>
      <RangeBar range={route.range} busy={logs.busy} onRange={actions.show} onPan={actions.move} onZoomOut={actions.zoomOut} />
      {logs.error !== "" && <div class="banner" role="alert">{logs.error}</div>}
      {logs.partial !== "" && <p class="notice quiet" role="status">{t("The search is incomplete: {reason}. Scroll on for more, or choose a shorter range.", { reason: logs.partial })}</p>}
      {logs.dropped > 0 && <p class="notice quiet" role="status">{count("{n} live line came too fast to be shown. A search finds it.|{n} live lines came too fast to be shown. A search finds them.", logs.dropped)}</p>}
      {logs.histogram !== null && <LogHistogram histogram={logs.histogram} onZoom={actions.zoom} />}
      <div class="log-columns">
        <FacetList facets={logs.facets} query={route.query} onTerm={onTerm} />
        <div class="log-main">
          {route.show === "patterns" ? (
            logs.patterns !== null && <Patterns patterns={logs.patterns} />
          ) : logs.lines.length === 0 && !logs.busy && logs.error === "" ? (
            <div class="empty" role="status">
              <p>{t("No line matches in this range.")}</p>
              <p class="quiet">{tx("Clients send lines of the sources in their {table} tables. Other programs can push to {one} or {other}.", { table: <code>[logs.NAME]</code>, one: <code>/loki/api/v1/push</code>, other: <code>/insert/jsonline</code> })}</p>
            </div>
          ) : (
            <LineList key={key} lines={logs.lines} chosen={chosen} withDate={rangeMs(route.range) > kDayMs} withHost added={logs.added}
                      onChoose={(line) => setChosen(line === chosen ? null : line)} onEnd={logs.more} />
          )}
          {chosen !== null && <LineDetail line={chosen} onClose={() => setChosen(null)} onTerm={onTerm} onChoose={setChosen} />}
        </div>
      </div>
    </>
  );
}

// All lines of the search as a file.
function Download({ route }: { route: LogsRoute }) {
  const [state, setState] = useState("");
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = (): void => {
    if (running.current !== null) return running.current.abort();
    const mine = new AbortController();
    running.current = mine;
    setState(`${count("{n} line|{n} lines", 0)}…`);
    const wanted = wantedOf(route);
    const name = `logs-${new Date(wanted.from).toISOString().slice(0, 19).replaceAll(":", "")}Z.log`;
    downloadLines(wanted, name, mine.signal, (lines) => setState(`${count("{n} line|{n} lines", lines)}…`)).then(
      (partial) => setState(partial === "" ? "" : t("Not all: {reason}", { reason: partial })),
      (reason: unknown) => setState(mine.signal.aborted ? "" : reason instanceof Error ? reason.message : String(reason)),
    ).finally(() => { running.current = null; });
  };
  return (
    <>
      <button type="button" title={t("The lines of this search as a file, {n} at most", { n: whole(kMostDownloaded) })} onClick={start}>{t("Download")}</button>
      {state !== "" && <span class="quiet" role="status">{state}</span>}
    </>
  );
}

function Patterns({ patterns }: { patterns: ReturnType<typeof useLogs>["patterns"] & object }) {
  return (
    <TableBox label={t("Patterns")}>
      <table class="plain log-patterns">
        <caption class="hidden">{t("Lines that differ only in words with digits count as one; the most frequent first")}</caption>
        <thead><tr><th scope="col" class="numeric">{t("Lines")}</th><th scope="col">{t("Pattern")}</th></tr></thead>
        <tbody>
          {patterns.map((one) => (
            <tr key={one.pattern} class={`severity-${severityOf(one.level)}`}>
              <td class="numeric">{whole(one.lines)}</td>
              <td title={one.example}>{one.isNew && <span class="chip">{t("new")}</span>} {one.pattern === "" ? <span class="quiet">{t("an empty line")}</span> : one.pattern}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

