// Thresholds to edit. A field that is empty has the value of `base`, which it shows in grey.

import { t } from "../core/texts.ts";
import { kHeatKeys, type HeatKey } from "../core/route.ts";
import { withLimit, type OwnThresholds, type Threshold, type Thresholds } from "../core/thresholds.ts";
import { kHeatTitles } from "../views/fleet/heat.tsx";

interface Props {
  own: OwnThresholds;
  base: Thresholds;
  onChange: (own: OwnThresholds) => void;
}

export function ThresholdTable({ own, base, onChange }: Props) {
  const field = (key: HeatKey, which: keyof Threshold) => (
    <td class="numeric">
      <input type="number" min="0.1" max={key === "load" ? 1000 : 100} step="any" value={own[key]?.[which] ?? ""} placeholder={String(base[key][which])}
             aria-label={`${kHeatTitles[key]}, ${which === "raised" ? t("raised") : t("high")}`}
             onChange={(event) => {
               const text = event.currentTarget.value;
               onChange(withLimit(own, base, key, which, text === "" ? null : Number(text)));
             }} />
    </td>
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
