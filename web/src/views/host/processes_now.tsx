// A button for processes_live.tsx.

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { later } from "../../ui/later.tsx";
import type { ChartContext } from "./data_table.tsx";

const Live = later((part) => part.ProcessesLive);

export function ProcessesNow(context: ChartContext) {
  const [open, setOpen] = useState(false);
  const { host } = context;
  useEffect(() => setOpen(false), [host]);
  return (
    <div class="processes-now">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? t("Hide the processes of now") : t("Show all processes of now")}
      </button>
      {open && <Live {...context} />}
    </div>
  );
}
