// The dialog for what people say of a host: name, note, tags, pause, thresholds. The live feed brings the change back.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { searchWords, type Host } from "../../core/hosts.ts";
import type { OwnThresholds } from "../../core/thresholds.ts";
import { call } from "../../net/session.ts";
import { limits } from "../../ui/settings.ts";
import { ThresholdTable } from "../../ui/threshold_table.tsx";
import { useObservable } from "../../ui/use_observable.ts";

// `site:north team:"two words"`: null where a word is no tag.
function tagsIn(text: string): Record<string, string> | null {
  const words = searchWords(text);
  const tags: Record<string, string> = {};
  for (const word of words) {
    const colon = word.indexOf(":");
    if (colon <= 0 || colon === word.length - 1) return null;
    tags[word.slice(0, colon)] = word.slice(colon + 1);
  }
  return tags;
}

const textOf = (tags: Record<string, string>): string =>
  Object.entries(tags).map(([key, value]) => `${key}:${/\s/.test(value) ? `"${value}"` : value}`).join(" ");

export function HostSettingsDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const base = useObservable(limits);
  const [own, setOwn] = useState<OwnThresholds>(host.limits);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const text = (key: string): string => String(data.get(key) ?? "").trim();
    const tags = tagsIn(text("tags"));
    if (tags === null) return setError(t("Tags are written as key:value, with blanks between them."));
    setBusy(true);
    call("PATCH", `/api/v1/hosts/${encodeURIComponent(host.host)}`, { name: text("name"), note: text("note"), tags, paused: data.has("paused"), thresholds: own }).then(
      () => dialog.current?.close(),
      (failure: unknown) => {
        setBusy(false);
        setError(failure instanceof Error ? failure.message : String(failure));
      });
  };
  return (
    <dialog ref={dialog} class="help host-dialog" aria-labelledby="host-settings-title" onClose={onClose}>
      <div class="help-body">
        <h2 id="host-settings-title">{host.host}</h2>
        <form class="stack-form" onSubmit={submit}>
          <label>{t("Display name")}<input name="name" maxLength={128} autocomplete="off" defaultValue={host.label === host.host ? "" : host.label} placeholder={host.host} /></label>
          <label>{t("Note")}<textarea name="note" rows={3} maxLength={4000} defaultValue={host.note} /></label>
          <label>{t("Tags, to search and group by")}<input name="tags" autocomplete="off" autocapitalize="off" spellcheck={false} defaultValue={textOf(host.ownTags)} placeholder="team:web site:north" /></label>
          <label class="check"><input type="checkbox" name="paused" defaultChecked={host.state === "paused"} />{" "}{t("Paused: its silence is wanted. No message is sent about it, and it is not in trouble.")}</label>
          <details open={Object.keys(own).length > 0}>
            <summary>{t("Thresholds of this host")}</summary>
            <ThresholdTable own={own} base={base} onChange={setOwn} />
          </details>
          <p class="quiet">{t("Everybody sees this. What the host stores does not change.")}</p>
          <p class="error-text" role="alert">{error}</p>
          <div class="row">
            <button type="submit" class="primary" disabled={busy}>{t("Save")}</button>
            <button type="button" onClick={() => dialog.current?.close()}>{t("Cancel")}</button>
          </div>
        </form>
      </div>
    </dialog>
  );
}
