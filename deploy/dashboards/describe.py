"""Reads dashboards.toml and holds it against docs/schema.md: what it names must exist.

The schema's tables are the document that people read, so it is what dashboards are checked against: a field that is renamed there
and not here, or the other way round, stops the generator with every mistake at once.
"""

import dataclasses
import re
import tomllib

KINDS = ("graph", "stat", "table")
CALCS = ("mean", "max", "min", "last")


class Mistake(Exception):
    """A description that cannot be right; the text has a line for each reason."""


@dataclasses.dataclass
class Measurement:
    tags: set = dataclasses.field(default_factory=lambda: {"host"})
    fields: dict = dataclasses.field(default_factory=dict)  # name: f, i, s or b


def read_schema(text):
    """{measurement: Measurement} from docs/schema.md: a heading a measurement, a table of tags, a table of fields with types."""
    schema = {}
    now = columns = None
    for line in text.splitlines():
        if heading := re.fullmatch(r"## ([a-z0-9_]+)", line.strip()):
            now = schema.setdefault(heading[1], Measurement())
            columns = None
        elif line.startswith("|") and now:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if cells[0] in ("tag", "field"):
                columns = cells[0]
            elif set("".join(cells)) <= set("-: ") and any(cells):
                continue
            elif columns == "tag":
                now.tags.add(cells[0])
            elif columns == "field":
                kind = cells[1] if len(cells) > 1 else ""
                for name in re.sub(r"\(.*?\)", "", cells[0]).split(","):
                    now.fields[name.strip()] = kind
        elif not line.startswith("|"):
            columns = None
        # What writes no tag host says so in these words.
        if now and "have no tag `host`" in line:
            now.tags.discard("host")
    if "internal_sink" in schema and "host" not in schema.get("internal_server", Measurement()).tags:
        schema["internal_sink"].tags.discard("host")
    return {name: m for name, m in schema.items() if m.fields}


@dataclasses.dataclass
class Query:
    measurement: str
    fields: dict  # field: label
    where: dict
    by: list
    filter: list
    calc: str
    rate: bool
    scale: float
    count: bool
    largest: bool
    complement: bool  # the value is 100 less the field's: of a percentage the rest
    # Of a stack of series that come and go: the mean over all gathers of a window. The mean of a series' own rows would lift the stack
    # above the whole.
    share: bool = False


@dataclasses.dataclass
class Panel:
    title: str
    kind: str
    unit: str
    width: int
    height: int
    note: str
    options: dict
    queries: list


@dataclasses.dataclass
class Dashboard:
    id: str
    title: str
    purpose: str
    variables: list
    narrow: str  # the variable that narrows every query, or ""
    rows: list  # (title, [Panel])


@dataclasses.dataclass
class Description:
    variables: dict
    dashboards: list
    checks: list


def _take(table, allowed, where, mistakes):
    for key in table:
        if key not in allowed:
            mistakes.append(f"{where}: there is no key '{key}'")


def _query(table, where, mistakes):
    _take(table, {"from", "fields", "where", "by", "filter", "calc", "rate", "scale", "count", "largest", "complement"}, where, mistakes)
    fields = table.get("fields", {})
    if isinstance(fields, list):
        fields = {name: name for name in fields}
    query = Query(
        table.get("from", ""), fields, table.get("where", {}), table.get("by", []), table.get("filter", []),
        table.get("calc", "mean"), table.get("rate", False), table.get("scale", 1), table.get("count", False), table.get("largest", False),
        table.get("complement", False),
    )  # fmt: skip
    if not fields:
        mistakes.append(f"{where}: no fields")
    if query.calc not in CALCS:
        mistakes.append(f"{where}: calc '{query.calc}' is none of {', '.join(CALCS)}")
    if query.rate and "calc" in table:
        mistakes.append(f"{where}: a rate has no calc")
    if query.complement and (query.rate or query.count or query.scale != 1 or query.calc in ("max", "min")):
        mistakes.append(f"{where}: a complement is of a mean or last value, with no scale")
    return query


def _check_shares(queries, where, mistakes):
    (query, *others) = queries
    if others or query.count or query.largest or query.complement or query.scale != 1 or query.calc != "mean" or not query.rate and len(query.fields) != 1:
        mistakes.append(f"{where}: a stack told apart by tags has one query, of the mean of one field or of rates, with no scale")


def check_names(schema, measurement, fields, tags, where, mistakes):
    if measurement not in schema:
        mistakes.append(f"{where}: the schema has no measurement '{measurement}'")
        return
    known = schema[measurement]
    for field in fields:
        if field not in known.fields:
            mistakes.append(f"{where}: {measurement} has no field '{field}'")
        elif known.fields[field] == "s":
            mistakes.append(f"{where}: {measurement}.{field} is text")
    for tag in tags:
        if tag not in known.tags:
            mistakes.append(f"{where}: {measurement} has no tag '{tag}'")


def load(description_text, schema_text):
    """The Description. Raises Mistake."""
    mistakes = []
    raw = tomllib.loads(description_text)
    schema = read_schema(schema_text)
    _take(raw, {"variable", "dashboard", "check"}, "top", mistakes)
    variables = raw.get("variable", {})
    for name, variable in variables.items():
        _take(variable, {"label", "from", "tag", "several"}, f"variable {name}", mistakes)
        check_names(schema, variable["from"], [], [variable["tag"]], f"variable {name}", mistakes)
    dashboards = []
    for board in raw.get("dashboard", []):
        _take(board, {"id", "title", "purpose", "variables", "narrow", "row"}, f"dashboard {board.get('id')}", mistakes)
        rows = []
        narrow = board.get("narrow", "")
        if narrow and (narrow not in board["variables"] or variables.get(narrow, {}).get("tag") != "host"):
            mistakes.append(f"dashboard {board['id']}: '{narrow}' is no variable of hosts that it has")
        for row in board["row"]:
            panels = []
            for table in row["panel"]:
                where = f"{board['id']} / {row['title']} / {table.get('title')}"
                _take(table, {"title", "kind", "unit", "width", "height", "note", "query", "stacked", "min", "max", "decimals", "warn", "bad"}, where, mistakes)
                if table["kind"] not in KINDS:
                    mistakes.append(f"{where}: kind '{table['kind']}' is none of {', '.join(KINDS)}")
                if not 1 <= table["width"] <= 24:
                    mistakes.append(f"{where}: width is not 1 to 24")
                queries = [_query(query, where, mistakes) for query in table["query"]]
                for query in queries:
                    for name in query.filter:
                        if name not in variables or name not in board["variables"]:
                            mistakes.append(f"{where}: the dashboard has no variable '{name}'")
                    tags = [*query.where, *query.by, *(variables[n]["tag"] for n in query.filter if n in variables)]
                    if narrow:
                        tags.append("host")
                    check_names(schema, query.measurement, query.fields, tags, where, mistakes)
                if len({tuple(query.by) for query in queries}) > 1:
                    mistakes.append(f"{where}: all queries of a panel need the same 'by', for their names")
                for query in queries:
                    query.share = table.get("stacked", False) and bool(query.by)
                if any(query.share for query in queries):
                    _check_shares(queries, where, mistakes)
                options = {key: table[key] for key in ("stacked", "min", "max", "decimals", "warn", "bad") if key in table}
                panels.append(Panel(table["title"], table["kind"], table["unit"], table["width"], table["height"], table.get("note", ""), options, queries))
            rows.append((row["title"], panels))
        for name in board["variables"]:
            if name not in variables:
                mistakes.append(f"dashboard {board['id']}: there is no variable '{name}'")
        dashboards.append(Dashboard(board["id"], board["title"], board["purpose"], board["variables"], narrow, rows))
    checks = raw.get("check", [])
    for check in checks:
        where = f"check {check.get('id')}"
        _take(check, {"id", "title", "from", "field", "where", "tell", "warn", "bad", "silent_seconds", "forget_seconds"}, where, mistakes)
        check_names(schema, check["from"], [check["field"]], [*check.get("where", {}), *check.get("tell", []), "host"], where, mistakes)
    if mistakes:
        raise Mistake("\n".join(mistakes))
    return Description(variables, dashboards, checks)
