import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { count, t, tx, whole } from "../../core/texts.ts";
import { fixed, format, formatClock, formatDate, formatDuration, formatTime, type Unit } from "../../core/format.ts";
import { kLogLevels, type ServerRoute } from "../../core/route.ts";
import { ratesOf, type Reading, type ServerState } from "../../core/server_state.ts";
import { Meter } from "../../ui/meter.tsx";
import { refine } from "../../ui/navigation.ts";
import { ChartBox } from "../../ui/panel_view.tsx";
import { TableBox } from "../../ui/table_box.tsx";
import { useLog, useServer } from "./use_server.ts";

export function ServerView({ route }: { route: ServerRoute }) {
  const { state, readings, error } = useServer();
  return (
    <>
      <h1 class="view-title">{t("Server")}</h1>
      {error !== null && (
        <div class="banner" role="alert">
          <strong>{t("Not up to date:")}</strong> {error}. {state === null && <>{tx("On the server's machine, {command} says whether it runs.", { command: <code>./resmon status</code> })}</>}
        </div>
      )}
      {state === null ? error === null && <p class="loading" role="status">{t("Asking the server…")}</p> : (
        <>
          {state.journalTrouble !== "" && (
            <p class="notice error-text" role="alert">
              {t("The journal accepts nothing: {reason}. The server acknowledges no sample meanwhile; clients keep their samples.", { reason: state.journalTrouble })}
            </p>
          )}
          <Facts state={state} readings={readings} />
          <Rates readings={readings} />
          <div class="columns">
            <Store state={state} />
            <Sinks state={state} />
          </div>
        </>
      )}
      <Log route={route} />
    </>
  );
}

const share = (part: number | null, whole: number | null): number | null =>
  part === null || whole === null || whole <= 0 ? null : (100 * part) / whole;

function Facts({ state, readings }: { state: ServerState; readings: readonly Reading[] }) {
  const samples = ratesOf(readings, (one) => one.samples).at(-1) ?? null;
  const bytes = ratesOf(readings, (one) => one.bytes).at(-1) ?? null;
  return (
    <dl class="facts">
      <div><dt>{t("Clients")}</dt><dd>{format(state.clients, "count")}{state.maxClients !== null && <>{" "}<span class="quiet nowrap">{t("of {n}", { n: whole(state.maxClients) })}</span></>}</dd></div>
      <div><dt>{t("Samples received")}</dt><dd>{format(samples, "per_second")}</dd></div>
      <div><dt>{t("Bytes per sample")}</dt><dd>{samples === null || samples === 0 || bytes === null ? "–" : `${fixed(bytes / samples, 2)} B`}</dd></div>
      <div><dt>{t("Journal")}</dt><dd>{format(state.journalBytes, "bytes")}{state.journalLimitBytes !== null && <>{" "}<span class="quiet nowrap">{t("of {n}", { n: format(state.journalLimitBytes, "bytes") })}</span></>}</dd></div>
      <div title={t("Batches that are in the journal and not in the store yet")}><dt>{t("Store backlog")}</dt><dd>{(state.storeBacklog ?? 0) === 0 ? t("none") : <>{t("{n} batches", { n: format(state.storeBacklog, "count") })}<span class="quiet"> {formatDuration(state.storeLagSeconds)}</span></>}</dd></div>
      <div class={(state.missingBatches ?? 0) > 0 ? "fact-warning" : ""} title={t("Batches whose number was skipped")}><dt>{t("Lost batches")}</dt><dd>{format(state.missingBatches, "count")}</dd></div>
      <div title={t("Batches that came twice and were stored once")}><dt>{t("Repeated batches")}</dt><dd>{format(state.duplicateBatches, "count")}</dd></div>
      <div><dt>{t("Refused connections")}</dt><dd>{format(state.refusedConnections, "count")}</dd></div>
      {(state.rateLimited ?? 0) > 0 && <div class="fact-warning"><dt>{t("Rate limited")}</dt><dd>{format(state.rateLimited, "count")}<span class="quiet">{" "}{t("times")}</span></dd></div>}
      {(state.skewedClients ?? 0) > 0 && <div class="fact-warning"><dt>{t("Wrong clocks")}</dt><dd>{format(state.skewedClients, "count")}<span class="quiet">{" "}{t("clients")}</span></dd></div>}
      <div><dt>{t("Uptime")}</dt><dd>{formatDuration(state.uptimeSeconds)}</dd></div>
      <div><dt>{t("Listens for clients")}</dt><dd>{state.listenAddress || "–"}{" "}<span class="quiet nowrap">{state.listenTls ? "TLS" : t("no TLS")}</span></dd></div>
      <div><dt>{t("Serves the page")}</dt><dd>{state.httpAddress || "–"}{" "}<span class="quiet nowrap">{state.httpTls ? "TLS" : t("no TLS")}</span></dd></div>
      <div><dt>resmon-server</dt><dd>{state.version}<span class="quiet">{" "}{`pid ${state.pid ?? "–"}`}</span></dd></div>
    </dl>
  );
}

const kCharts: readonly { title: string; label: string; unit: Unit; colour: number; values: (readings: readonly Reading[]) => (number | null)[] }[] = [
  { title: t("Samples received"), label: t("samples"), unit: "per_second", colour: 0, values: (all) => ratesOf(all, (one) => one.samples) },
  { title: t("Bytes received"), label: t("received"), unit: "bytes_per_second", colour: 3, values: (all) => ratesOf(all, (one) => one.bytes) },
  { title: t("Batches in the store's backlog"), label: t("waiting"), unit: "count", colour: 1, values: (all) => all.map((one) => one.backlog) },
  { title: t("HTTP requests"), label: t("requests"), unit: "per_second", colour: 4, values: (all) => ratesOf(all, (one) => one.requests) },
];

function Rates({ readings }: { readings: readonly Reading[] }) {
  const times = useMemo(() => readings.map((reading) => reading.at), [readings]);
  const first = times[0] ?? 0;
  const end = times.at(-1) ?? 0;
  const window = { from: Math.min(first, end - 60_000), to: end, step: 2000 };
  return (
    <div class="panels is-small">
      <h2 class="hidden">{t("Rates")}</h2>
      {kCharts.map((chart) => (
        <section key={chart.title} class="panel" aria-label={chart.title}>
          {readings.length < 8 ? (
            <>
              <header><h3>{chart.title}</h3></header>
              <div class="panel-blank"><p class="quiet">{t("The first rate is known after ten seconds…")}</p></div>
            </>
          ) : (
            <ChartBox title={chart.title} unit={chart.unit} style="line" window={window} times={times} actions={null} sync="server" height={110}
                      drawn={{ lines: [{ key: chart.label, label: chart.label, colour: chart.colour, values: chart.values(readings) }] }} />
          )}
        </section>
      ))}
    </div>
  );
}

// Settings are in years where they are long.
const kYear = 365 * 86_400;
const kept = (seconds: number | null): string =>
  seconds === 0 ? t("ever") : seconds !== null && seconds >= kYear && seconds % kYear === 0 ? count("{n} y|{n} y", seconds / kYear) : formatDuration(seconds);

function Store({ state }: { state: ServerState }) {
  const store = state.store;
  const since = store.tiers.some((tier) => (tier.oldest ?? 0) > 0);
  return (
    <section class="panel" aria-label={t("Store")}>
      <header><h2>{t("Store")}</h2><span class="panel-clock">{store.directory}</span></header>
      {store.trouble !== "" && <p class="error-text" role="alert">{t("The store accepts nothing: {reason}. Clients keep their samples meanwhile.", { reason: store.trouble })}</p>}
      {(store.missingSamples ?? 0) > 0 && (
        <p class="error-text" role="alert">
          {t("{n} samples are missing because files that contained them were damaged or removed.", { n: format(store.missingSamples, "count") })}
          {store.missingTo !== null && ` ${store.missingFrom === null
            ? t("The newest gap ends at {to}; when it begins is not known.", { to: formatTime(store.missingTo) })
            : t("The newest gap is from {from} to {to}.", { from: formatTime(store.missingFrom), to: formatTime(store.missingTo) })}`}
        </p>
      )}
      <TableBox label={t("Disk use by tier")} bare>
        <table class="plain">
          <caption class="hidden">{t("Disk use and retention by tier")}</caption>
          <thead>
            <tr><th scope="col">{t("Tier")}</th><th scope="col" class="numeric">{t("On disk")}</th><th scope="col" class="numeric rank-2">{t("Share of its limit")}</th>
              <th scope="col" class="numeric">{t("Kept for")}</th>{since && <th scope="col" class="numeric">{t("Since")}</th>}</tr>
          </thead>
          <tbody>
            {store.tiers.map((tier) => (
              <tr key={tier.name}>
                <th scope="row">{tier.name}</th>
                <td class="numeric">{format(tier.diskBytes, "bytes")}</td>
                <td class="numeric rank-2"><Meter percent={share(tier.diskBytes, tier.diskLimitBytes)} /></td>
                <td class="numeric">{kept(tier.retainSeconds)}</td>
                {since && <td class="numeric">{tier.oldest === null || tier.oldest <= 0 ? "–" : formatDate(tier.oldest)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
      <dl class="pairs">
        <div><dt>{t("All files")}</dt><dd>{format(store.diskBytes, "bytes")}{(store.diskLimitBytes ?? 0) > 0 && <>{" "}<span class="quiet nowrap">{t("of {n}", { n: format(store.diskLimitBytes, "bytes") })}</span></>}</dd></div>
        <div><dt>{t("Series groups")}</dt><dd>{format(store.series, "count")}</dd></div>
        <div><dt>{t("Chunks")}</dt><dd>{format(store.chunks, "count")}</dd></div>
        <div><dt>{t("Rows in memory")}</dt><dd>{format(store.headRows, "count")}</dd></div>
        <div><dt>{t("Refused samples")}</dt><dd>{format(store.refusedSamples, "count")}</dd></div>
        <div><dt>{t("Damaged chunks")}</dt><dd class={(store.damagedChunks ?? 0) > 0 ? "over" : ""}>{format(store.damagedChunks, "count")}</dd></div>
        <div><dt>{t("Evicted chunks")}</dt><dd>{format(store.evictedChunks, "count")}</dd></div>
      </dl>
    </section>
  );
}

function Sinks({ state }: { state: ServerState }) {
  return (
    <section class="panel" aria-label={t("Sinks")}>
      <header><h2>{t("Sinks: databases that samples are forwarded to")}</h2></header>
      {state.sinks.length === 0 ? (
        <div class="panel-blank">
          <p>{t("None is configured.")}</p>
          <p class="quiet">{tx("{table} in server.toml, or INFLUX_URL in the environment, adds an InfluxDB.", { table: <code>[sink.influx]</code> })}</p>
        </div>
      ) : (
        <TableBox label={t("List of sinks")} bare>
          <table class="plain">
            <thead>
              <tr><th scope="col">{t("Name")}</th><th scope="col">{t("State")}</th><th scope="col" class="numeric">{t("Lag")}</th><th scope="col" class="numeric">{t("Sent")}</th>
                <th scope="col" class="numeric">{t("Refused")}</th><th scope="col" class="numeric">{t("Lost")}</th></tr>
            </thead>
            <tbody>
              {state.sinks.map((sink) => (
                <tr key={sink.name}>
                  <th scope="row">{sink.name} <span class="quiet">{sink.serverVersion}</span></th>
                  <td class={sink.state === "ok" ? "" : "over"} title={sink.lastError}>{sink.state}</td>
                  <td class="numeric">{formatDuration(sink.lagSeconds)}</td>
                  <td class="numeric">{format(sink.sentSamples, "count")}</td>
                  <td class={`numeric${(sink.refusedSamples ?? 0) > 0 ? " over" : ""}`} title={sink.lastRefusal}>{format(sink.refusedSamples, "count")}</td>
                  <td class={`numeric${(sink.lostSamples ?? 0) > 0 ? " over" : ""}`}>{format(sink.lostSamples, "count")}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {state.sinks.filter((sink) => sink.state !== "ok" && sink.lastError !== "").map((sink) => (
            <p key={sink.name} class="error-text">{sink.name}: {sink.lastError}</p>
          ))}
        </TableBox>
      )}
      {state.removedSinks.map((sink) => (
        <p key={sink.name} class="error-text">
          {t("{name} is no longer configured; {n} journal entries that waited for it were dropped.", { name: sink.name, n: sink.backlogEntries ?? 0 })}
        </p>
      ))}
    </section>
  );
}

function Log({ route }: { route: ServerRoute }) {
  const { lines, error } = useLog(route.level);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [lines]);
  useEffect(() => {
    atEnd.current = true;
  }, [route.level]);
  let day = "";
  return (
    <section class="panel log" aria-label={t("Log")}>
      <header>
        <h2>{t("Log")}</h2>
        <div class="segments" role="group" aria-label={t("Least level")}>
          {kLogLevels.map((level) => (
            <button key={level} type="button" aria-pressed={route.level === level} onClick={() => refine({ ...route, level })}>{level}</button>
          ))}
        </div>
      </header>
      <div class="log-lines" ref={box} tabIndex={0} role="log" aria-live="off" aria-label={t("The newest lines of the server's log")}
           onScroll={(event) => {
             const element = event.currentTarget;
             atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 30;
           }}>
        {error !== null && <p class="error-text">{t("The log cannot be read: {error}", { error })}</p>}
        {error === null && lines.length === 0 && <p class="quiet">{t("No line of this level yet.")}</p>}
        {lines.map((line) => {
          const date = formatDate(line.time);
          const isNew = date !== day;
          day = date;
          return (
            <p key={line.sequence} class={`log-line log-${line.level}`}>
              {isNew && <span class="log-day">{date}</span>}
              <time title={date}>{formatClock(line.time, true)}</time>{" "}
              <span class="log-level">{line.level}</span> <span class="quiet">{line.component}</span> {line.text}
            </p>
          );
        })}
      </div>
    </section>
  );
}

