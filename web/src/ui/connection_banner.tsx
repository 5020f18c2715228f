import { t } from "../core/texts.ts";
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
          <strong>{t("No live updates:")}</strong>{" "}
          {t("a proxy between this page and the server does not pass WebSocket connections. The page polls every 5 s instead.")}{" "}<span class="quiet">{t("docs/proxies.md has configurations that pass them.")}</span>
        </div>
      )}
      {lost && (
        <div class="banner">
          <strong>{t("Not connected:")}</strong> {state.reason}.{" "}
          {hasData && <>{t("What you see is {duration} old.", { duration: formatDuration((Date.now() - state.since) / 1000) })}{" "}</>}
          <span class="quiet" aria-hidden="true">
            {t("Next try in {seconds} s.", { seconds: Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000)) })}
          </span>{" "}
          <button type="button" onClick={connect}>{t("Try now")}</button>
        </div>
      )}
    </div>
  );
}

const kWords: Record<Connection["kind"], string> = { connecting: t("connecting"), live: t("live"), polling: t("every 5 s"), lost: t("not connected") };

export function ConnectionMark() {
  const state = useObservable(connection);
  const signing = useObservable(signIn);
  const word = signing === "needed" || signing === "refused" ? t("signed out") : kWords[state.kind];
  return (
    <span class={`connection connection-${state.kind}`}>
      <span class="connection-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
