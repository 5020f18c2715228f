import { formatDuration } from "../core/format.ts";
import { connect, connection, loaded } from "../net/live.ts";
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

export function ConnectionMark() {
  const state = useObservable(connection);
  const signing = useObservable(signIn);
  const word = signing === "needed" || signing === "refused" ? "signed out" : state.kind === "live" ? "live" : state.kind === "lost" ? "not connected" : "connecting";
  return (
    <span class={`connection connection-${state.kind}`}>
      <span class="connection-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
