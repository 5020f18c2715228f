import { useEffect } from "preact/hooks";
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
          <strong>The database {sink.name} gets no samples:</strong> {sink.lastError}.{" "}
          {sink.failingSince !== null && <span aria-hidden="true">For {formatDuration(Math.max(0, (serverNow() - sink.failingSince) / 1000))}. </span>}
          The server keeps them until it does. <a href={formatRoute(kServerRoute)}>Server</a>
        </div>
      ))}
      {lacking !== "" && (
        <div class="banner">
          <strong>Another server is away:</strong> {lacking}. Its hosts are shown as it said last, and charts lack what it has.
        </div>
      )}
      {script !== undefined && (
        <div class="banner">
          <strong>The {failingWords(script)} fails</strong> on <a href={formatRoute({ view: "host", host: script.host, range: kDefaultRange })}>{script.host}</a>
          {others.length > 0 && `, and ${others.length} more ${others.length === 1 ? "fails" : "fail"}: ${others.slice(0, kMostNamed).map((one) => `${one.name} on ${one.host}`).join(", ")}${others.length > kMostNamed ? ", …" : ""}`}.
        </div>
      )}
    </div>
  );
}
