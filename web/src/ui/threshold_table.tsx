// Thresholds to edit. A field that is empty has the value of `base`, which it shows in grey.

import { useState } from "preact/hooks";
import { t } from "../core/texts.ts";
import { kHeatKeys, type HeatKey } from "../core/route.ts";
import { withLimit, type OwnThresholds, type Threshold, type Thresholds } from "../core/thresholds.ts";
import { kHeatTitles } from "../views/fleet/heat.tsx";

interface Props {
  own: OwnThresholds;
  base: Thresholds;
  onChange: (own: OwnThresholds) => void;
}

// What is being typed stays, whatever is drawn again meanwhile.
function Field({ label, most, value, base, onChange }: { label: string; most: number; value: number | undefined; base: number; onChange: (value: number | null) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <td class="numeric">
      <input type="number" min="0.1" max={most} step="any" value={typed ?? value ?? ""} placeholder={String(base)} aria-label={label}
             onInput={(event) => setTyped(event.currentTarget.value)}
             onChange={(event) => {
               const text = event.currentTarget.value;
               setTyped(null);
               onChange(text === "" ? null : Number(text));
             }} />
    </td>
  );
}

export function ThresholdTable({ own, base, onChange }: Props) {
  const field = (key: HeatKey, which: keyof Threshold) => (
    <Field label={`${kHeatTitles[key]}, ${which === "raised" ? t("raised") : t("high")}`} most={key === "load" ? 1000 : 100} value={own[key]?.[which]} base={base[key][which]}
           onChange={(value) => onChange(withLimit(own, base, key, which, value))} />
  );
  return (
    <table class="plain thresholds">
      <thead><tr><th scope="col">{t("Figure")}</th><th scope="col" class="numeric">{t("Raised")}</th><th scope="col" class="numeric">{t("High")}</th></tr></thead>
      <tbody>
        {kHeatKeys.map((key) => <tr key={key}><th scope="row">{kHeatTitles[key]}{key !== "load" && <span class="quiet">%</span>}</th>{field(key, "raised")}{field(key, "high")}</tr>)}
      </tbody>
    </table>
  );
}
