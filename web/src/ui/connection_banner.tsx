import { formatDuration } from "../core/format.ts";
import { connect, connection, loaded, type Connection } from "../net/live.ts";
import { signIn } from "../net/session.ts";
import { useSecond } from "./clock.ts";
import { useObservable } from "./use_observable.ts";

export function ConnectionBanner() {
  const state = useObservable(connection);
  const signing = useObservable(signIn);
  const hasData = useObservable(loaded);
  useSecond();
  const lost = state.kind === "lost" && signing === "not-needed";
  return (
    <div class="banner-place" role="status" aria-live="polite">
      {state.kind === "polling" && signing === "not-needed" && (
        <div class="banner banner-quiet">
          <strong>No live updates:</strong> a proxy between this page and the server does not pass WebSocket connections. The page polls every
          5 s instead. <span class="quiet">docs/proxies.md has configurations that pass them.</span>
        </div>
      )}
      {lost && (
        <div class="banner">
          <strong>Not connected:</strong> {state.reason}.{" "}
          {hasData && <>What you see is {formatDuration((Date.now() - state.since) / 1000)} old. </>}
          <span class="quiet" aria-hidden="true">
            Next try in {Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000))} s.
          </span>{" "}
          <button type="button" onClick={connect}>Try now</button>
        </div>
      )}
    </div>
  );
}

const kWords: Record<Connection["kind"], string> = { connecting: "connecting", live: "live", polling: "every 5 s", lost: "not connected" };

export function ConnectionMark() {
  const state = useObservable(connection);
  const signing = useObservable(signIn);
  const word = signing === "needed" || signing === "refused" ? "signed out" : kWords[state.kind];
  return (
    <span class={`connection connection-${state.kind}`}>
      <span class="connection-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
