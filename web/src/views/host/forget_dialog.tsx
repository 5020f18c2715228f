// Asks before a host is forgotten.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { kFleetRoute } from "../../core/route.ts";
import { call } from "../../net/session.ts";
import { go } from "../../ui/navigation.ts";

export function Question({ host, onClose }: { host: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [purge, setPurge] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const forget = (): void => {
    setBusy(true);
    call("DELETE", `/api/v1/hosts/${encodeURIComponent(host)}${purge ? "?purge=true" : ""}`).then(
      () => {
        dialog.current?.close();
        go(kFleetRoute);
      },
      (failure: unknown) => {
        setBusy(false);
        setError(failure instanceof Error ? failure.message : String(failure));
      });
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="forget-title" onClose={onClose}>
      <div class="help-body">
        <h2 id="forget-title">{t("Forget {host}?", { host })}</h2>
        <p>{t("It leaves the list of hosts, and comes back by itself when it sends again.")}</p>
        <p><label><input type="checkbox" checked={purge} onChange={(event) => setPurge(event.currentTarget.checked)} />{" "}{t("Delete its stored data, too, for good")}</label></p>
        <p class="error-text" role="alert">{error}</p>
        <div class="row">
          <button type="button" class="danger" disabled={busy} onClick={forget}>{purge ? t("Forget and delete") : t("Forget")}</button>
          <button type="button" onClick={() => dialog.current?.close()}>{t("Cancel")}</button>
        </div>
      </div>
    </dialog>
  );
}
