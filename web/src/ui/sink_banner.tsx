import { useEffect } from "preact/hooks";
import { count, t, tx } from "../core/texts.ts";
import { formatDuration } from "../core/format.ts";
import { formatRoute, kDefaultRange, kServerRoute } from "../core/route.ts";
import { partial, serverNow } from "../net/live.ts";
import { failingScripts, failingWords, watchScripts } from "../net/scripts.ts";
import { failingSinks, watchSinks } from "../net/sinks.ts";
import { useSecond } from "./clock.ts";
import { useObservable } from "./use_observable.ts";

const kMostNamed = 3;

// On every view: a database that gets nothing, a server that does not answer, or a script that fails, must not be found out by chance.
export function SinkBanner() {
  const failing = useObservable(failingSinks);
  const lacking = useObservable(partial);
  const [script, ...others] = useObservable(failingScripts);
  useSecond();
  useEffect(watchSinks, []);
  useEffect(watchScripts, []);
  return (
    <div role="status" aria-live="polite">
      {failing.map((sink) => (
        <div key={sink.name} class="banner">
          <strong>{t("The database {name} gets no samples:", { name: sink.name })}</strong> {sink.lastError}.{" "}
          {sink.failingSince !== null && <span aria-hidden="true">{t("For {duration}.", { duration: formatDuration(Math.max(0, (serverNow() - sink.failingSince) / 1000)) })}{" "}</span>}
          {t("The server keeps them until it does.")} <a href={formatRoute(kServerRoute)}>{t("Server")}</a>
        </div>
      ))}
      {lacking !== "" && (
        <div class="banner">
          <strong>{t("Another server is away:")}</strong> {lacking}. {t("Its hosts are shown as it said last, and charts lack what it has.")}
        </div>
      )}
      {script !== undefined && (
        <div class="banner">
          {tx("The {script} fails on {host}", {
            script: <strong>{failingWords(script)}</strong>, host: <a href={formatRoute({ view: "host", host: script.host, range: kDefaultRange })}>{script.host}</a>,
          })}
          {others.length > 0 && `, ${count("and {n} more: {list}|and {n} more: {list}", others.length, {
            list: others.slice(0, kMostNamed).map((one) => t("{name} on {host}", { name: one.name, host: one.host })).join(", ") + (others.length > kMostNamed ? ", …" : ""),
          })}`}.
        </div>
      )}
    </div>
  );
}
