// An administrator's button for host_settings.tsx.

import { useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import type { Host } from "../../core/hosts.ts";
import { account } from "../../net/session.ts";
import { later } from "../../ui/later.tsx";
import { useObservable } from "../../ui/use_observable.ts";

const Dialog = later((part) => part.HostSettingsDialog);

export function EditHost({ host }: { host: Host }) {
  const who = useObservable(account);
  const [open, setOpen] = useState(false);
  if (who?.role !== "admin") return null;
  return (
    <>
      <button type="button" title={t("Name, note, tags, pause and thresholds of this host")} onClick={() => setOpen(true)}>{t("Edit…")}</button>
      {open && <Dialog host={host} onClose={() => setOpen(false)} />}
    </>
  );
}
