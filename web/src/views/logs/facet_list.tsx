import { count, t } from "../../core/texts.ts";
import { hasTerm, termOf, type Facet } from "../../core/log_lines.ts";
import { format } from "../../core/format.ts";

// Of a path the folder is cut where there is no room: files differ in their ends.
function nameParts(value: string): string[] {
  const slash = value.startsWith("/") ? value.lastIndexOf("/") + 1 : 0;
  return slash > 0 ? [value.slice(0, slash), value.slice(slash)] : [value];
}

const kWide = 900;  // pixels, as in logs.css: there they stand beside the lines

// The values that lines have, and how many have each. A click narrows the search to one, with Shift leaves it out.
export function FacetList({ facets, query, onTerm }: { facets: readonly Facet[]; query: string; onTerm: (term: string, not: boolean) => void }) {
  return (
    <aside class="log-facets" aria-label={t("Values")}>
      {facets.filter((facet) => facet.values.length > 0).map((facet) => (
        <details key={facet.name} open={innerWidth >= kWide && ["host", "unit", "level", "source"].includes(facet.name)}>
          <summary>{facet.name}</summary>
          <ul>
            {facet.values.map(({ value, lines }) => {
              const term = termOf(facet.name, value);
              return (
                <li key={value}>
                  <button type="button" aria-pressed={hasTerm(query, term)} title={t("{value}\nClick: only these. Shift and click: not these.", { value })}
                          onClick={(event) => onTerm(term, event.shiftKey)}>
                    <span class="facet-value">{nameParts(value).map((part) => <span key={part}>{part}</span>)}</span>
                    <span class="facet-count">{format(lines, "count")}</span>
                  </button>
                </li>
              );
            })}
            {facet.others > 0 && <li class="quiet">{count("{n} line with another value|{n} lines with other values", facet.others)}</li>}
          </ul>
        </details>
      ))}
    </aside>
  );
}
