# Tables for people, made in jq so that no name from outside is ever a word of a shell.
# shellcheck shell=bash

# table: rows of cells, the first row the heading, padded; numbers to the right. fitted($columns; $grown): the same, in which the cells of
# one column are cut only where the rows would be longer than $columns (0: never).
# clean: a string with everything that could drive a terminal (C0, C1, bidirectional overrides) shown as '?'.
# span: seconds for people. natural: what names are sorted by, as on the page: web9 before web10.
table_filters() {
  cat <<'JQ'
def clean:
  tostring | explode | map(if . < 32 or (. >= 127 and . < 160) or (. >= 8203 and . <= 8207) or (. >= 8232 and . <= 8238) or
    (. >= 8294 and . <= 8297) or . == 65279 then 63 else . end) | implode;
def span:
  if type != "number" then "-"
  elif . < 10 then "\(. * 10 | floor / 10) s"
  elif . < 120 then "\(floor) s"
  elif . < 7200 then "\(. / 60 | floor) min"
  elif . < 172800 then "\(. / 3600 | floor) h"
  else "\(. / 86400 | floor) d" end;
def natural: [(ascii_downcase | [scan("[0-9]+|[^0-9]+") | (tonumber? // .)]), .];
def cut($most): if length > $most then .[0:$most - 1] + "…" else . end;
def fitted($columns; $grown):
  map(map({text: (if . == null then "-" else . end | clean), right: (type == "number")})) as $whole
  | ($whole | map(to_entries | map(if .key == $grown then .value.text else .value.text | cut(48) end | length))) as $lengths
  | ([range($whole[0] | length) as $column | [$lengths[][$column]] | max] | add + 2 * (length - 1)) as $all
  | (if $grown < 0 then 48 else ([$lengths[][$grown]] | max) as $longest |
      if $columns == 0 or $all <= $columns then $longest else [48, $longest - ($all - $columns)] | max end end) as $most
  | [$whole[] | [to_entries[] | .key as $key | .value | .text |= cut(if $key == $grown then $most else 48 end)]] as $rows
  | [range($rows[0] | length) as $column | [$rows[][$column].text | length] | max] as $widths
  | $rows[]
  | [. as $row | range($row | length) | . as $column | $row[$column]
     | (" " * ($widths[$column] - (.text | length)) // "") as $pad | if .right then $pad + .text else .text + $pad end]
  | join("  ") | sub(" +$"; "");
def table: fitted(0; -1);
JQ
}

# terminal_columns: of the terminal.
terminal_columns() { tput cols 2>/dev/null || printf '%s' "${COLUMNS:-80}"; }

# paint_states: colours the STATE column's words on a terminal, and nothing elsewhere.
paint_states() {
  if ! colours 1; then
    cat
    return
  fi
  sed -E $'s/^(.*  )up( +[^ ].* ago  .*)$/\\1\033[32mup\033[0m\\2/; s/^(.*  )down( .* ago  .*)$/\\1\033[31mdown\033[0m\\2/'
}
