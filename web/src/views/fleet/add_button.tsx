// An administrator's button for add_machine.tsx.

import { useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { account } from "../../net/session.ts";
import { later } from "../../ui/later.tsx";
import { useObservable } from "../../ui/use_observable.ts";

const Dialog = later((part) => part.AddMachineDialog);

export function AddMachine({ primary = false }: { primary?: boolean }) {
  const who = useObservable(account);
  const [open, setOpen] = useState(false);
  if (who?.role !== "admin") return null;
  return (
    <>
      <button type="button" class={primary ? "primary" : ""} aria-label={t("Add a machine…")} title={t("Add a machine")} onClick={() => setOpen(true)}>{primary ? t("Add a machine…") : t("Add…")}</button>
      {open && <Dialog onClose={() => setOpen(false)} />}
    </>
  );
}
