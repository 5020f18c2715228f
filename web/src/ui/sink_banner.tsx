import { useEffect } from "preact/hooks";
import { formatDuration } from "../core/format.ts";
import { formatRoute, kServerRoute } from "../core/route.ts";
import { serverNow } from "../net/live.ts";
import { failingSinks, watchSinks } from "../net/sinks.ts";
import { useSecond } from "./clock.ts";
import { useObservable } from "./use_observable.ts";

// On every view: a database that gets nothing must not be found out by chance.
export function SinkBanner() {
  const failing = useObservable(failingSinks);
  useSecond();
  useEffect(watchSinks, []);
  return (
    <div role="status" aria-live="polite">
      {failing.map((sink) => (
        <div key={sink.name} class="banner">
          <strong>The database {sink.name} gets no samples:</strong> {sink.lastError}.{" "}
          {sink.failingSince !== null && <span aria-hidden="true">For {formatDuration(Math.max(0, (serverNow() - sink.failingSince) / 1000))}. </span>}
          What it misses is kept for it. <a href={formatRoute(kServerRoute)}>Server</a>
        </div>
      ))}
    </div>
  );
}
