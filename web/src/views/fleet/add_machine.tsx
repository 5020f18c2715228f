// The dialog that adds a machine: makes a token that only this machine's client can use, shows the line to paste there, and waits for its first sample.

import { useEffect, useRef, useState } from "preact/hooks";
import { t, tx } from "../../core/texts.ts";
import { formatRoute, kDefaultRange } from "../../core/route.ts";
import { installLines, type Enrolled, type Line } from "../../core/install.ts";
import { fleet } from "../../net/live.ts";
import { call } from "../../net/session.ts";
import { unbroken } from "../../ui/breaking.tsx";
import { StateMark } from "../../ui/state_mark.tsx";
import { useObservable } from "../../ui/use_observable.ts";

const textOf = (body: unknown, key: string): string => String((body as Record<string, unknown> | null)?.[key] ?? "");

// What the server hands out; nothing where it hands out nothing.
async function downloads(): Promise<string[]> {
  try {
    const { files } = (await call("GET", "/download/")) as { files?: { name?: unknown }[] };
    return (files ?? []).map((file) => String(file.name ?? ""));
  } catch {
    return [];
  }
}

export function AddMachineDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [made, setMade] = useState<Enrolled | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const hosts = useObservable(fleet);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const host = String(new FormData(event.currentTarget as HTMLFormElement).get("host") ?? "").trim();
    setBusy(true);
    setError("");
    Promise.all([call("POST", "/api/v1/client_tokens", { host }), downloads()]).then(([body, files]) => setMade({
      host, token: textOf(body, "token"), address: textOf(body, "address"), tls: textOf(body, "tls") === "true", page: location.origin, downloads: files,
    }), (failure: unknown) => setError(failure instanceof Error ? failure.message : String(failure))).finally(() => setBusy(false));
  };
  const found = made === null ? undefined : hosts.get(made.host);
  return (
    <dialog ref={dialog} class="help add-dialog" aria-labelledby="add-title" onClose={onClose}>
      <div class="help-body">
        <h2 id="add-title">{t("Add a machine")}</h2>
        {made === null ? (
          <form class="stack-form" onSubmit={submit}>
            <label>{t("Name under which it reports")}<input name="host" required maxLength={200} autocomplete="off" autocapitalize="off" spellcheck={false} placeholder="web1" /></label>
            <p class="quiet">{t("Makes a token that only the client of this name can use.")}</p>
            <p class="error-text" role="alert">{error}</p>
            <div class="row"><button type="submit" class="primary" disabled={busy}>{t("Make its token")}</button>
              <button type="button" onClick={() => dialog.current?.close()}>{t("Cancel")}</button></div>
          </form>
        ) : (
          <>
            {installLines(made).map((line) => <Paste key={line.title} line={line} />)}
            <p role="status">{found !== undefined && found.state !== "down" ? (
              <><StateMark state={found.state} />{" "}{tx("{host} reports. {link}", { host: made.host, link: <a href={formatRoute({ view: "host", host: made.host, range: kDefaultRange })}>{t("Show it")}</a> })}</>
            ) : <><span class="busy is-busy wait-mark" aria-hidden="true" />{" "}{t("Waiting for the first sample of {host}…", { host: made.host })}</>}</p>
            <button type="button" onClick={() => dialog.current?.close()}>{t("Close")}</button>
          </>
        )}
      </div>
    </dialog>
  );
}

function Paste({ line }: { line: Line }) {
  const [copied, setCopied] = useState(false);
  const shown = useRef<HTMLElement>(null);
  const copy = (): void => {
    navigator.clipboard?.writeText(line.text).then(() => setCopied(true), () => undefined);
    if (shown.current !== null) getSelection()?.selectAllChildren(shown.current);
  };
  return (
    <div class="made-token">
      <p>{line.title}</p>
      {line.text !== "" && <code ref={shown}>{unbroken(line.text)}</code>}
      {line.note !== undefined && <p class="quiet">{line.note}</p>}
      {line.text !== "" && <div class="row"><button type="button" onClick={copy}>{copied ? t("Copied") : t("Copy")}</button></div>}
    </div>
  );
}
