"""A query of the description as InfluxQL, with Grafana's $timeFilter, $__interval and $variable in it."""


def ident(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _where(query, description, narrow):
    parts = [f"{ident(tag)}::tag = {text(value)}" for tag, value in query.where.items()]
    parts += [f"{ident(description.variables[name]['tag'])}::tag =~ /^${name}$/" for name in [narrow, *query.filter] if name]
    return " AND ".join([*parts, "$timeFilter"])


def _scaled(expression, scale):
    return expression if scale == 1 else f"{expression} * {scale:g}"


def _calculated(query, calc, field):
    expression = f"{calc}({ident(field)})"
    return f"100 - {expression}" if query.complement else _scaled(expression, query.scale)


# Up to this window rates are made of the rows; of longer ranges a store may have minutes and hours only.
ROWS_UP_TO_MS = 3_600_000


def _rates(query, where, by):
    """Two statements, of which the window lets one return rows. The change from row to row and its mean in a window: exact whatever the
    window is, also one that is shorter than the client's interval, or cut off by the range's end. From an hour on the change from
    window to window, which needs no rows."""
    source = ident(query.measurement)
    groups = ", ".join(["time($__interval)", *(ident(tag) + "::tag" for tag in by)])
    inner = ", ".join(f"{_scaled(f'non_negative_derivative({ident(field)}, 1s)', query.scale)} AS {ident(label)}" for field, label in query.fields.items())
    outer = ", ".join(f"mean({ident(label)}) AS {ident(label)}" for label in query.fields.values())
    windows = ", ".join(f"{_scaled(f'non_negative_derivative(max({ident(field)}), 1s)', query.scale)} AS {ident(label)}" for field, label in query.fields.items())
    return (
        f"SELECT {outer} FROM (SELECT {inner} FROM {source} WHERE $__interval_ms < {ROWS_UP_TO_MS} AND {where} GROUP BY *) "
        f"WHERE $timeFilter GROUP BY {groups} fill(none); "
        f"SELECT {windows} FROM {source} WHERE $__interval_ms >= {ROWS_UP_TO_MS} AND {where} GROUP BY {groups} fill(none)"
    )


def _rates_of_windows(query, where, by):
    """The change from window to window. The mean of a series' own rates would count a row after a gap as if it were the whole window."""
    groups = ", ".join(["time($__interval)", *(ident(tag) + "::tag" for tag in by)])
    windows = ", ".join(f"non_negative_derivative(max({ident(field)}), 1s) AS {ident(label)}" for field, label in query.fields.items())
    return f"SELECT {windows} FROM {ident(query.measurement)} WHERE {where} GROUP BY {groups} fill(none)"


def shares(panel, description, narrow):
    """Two statements of which the first, divided by the second, is the panel: the sum of each series in a window, and how many gathers the
    window has, which is the largest number of rows that a series has there. InfluxQL cannot divide one series by another."""
    (query,) = panel.queries
    (field, label), = query.fields.items()
    source, where = ident(query.measurement), _where(query, description, narrow)
    groups = ", ".join(ident(tag) + "::tag" for tag in query.by)
    return (
        f"SELECT sum({ident(field)}) AS {ident(label)} FROM {source} WHERE {where} GROUP BY time($__interval), {groups} fill(0)",
        f'SELECT max("rows") AS "gathers" FROM (SELECT count({ident(field)}) AS "rows" FROM {source} WHERE {where} GROUP BY time($__interval), * fill(none)) '
        f"WHERE $timeFilter GROUP BY time($__interval) fill(none)",
    )


def _table_column(query, where):
    """The last value of a host; of several series (file systems) the largest or least of their last values."""
    (field, label), = query.fields.items()
    if query.calc in ("max", "min"):
        inner = f'SELECT last({ident(field)}) AS "value" FROM {ident(query.measurement)} WHERE {where} GROUP BY *'
        return f'SELECT {_scaled(f"{query.calc}(value)", query.scale)} AS {ident(label)} FROM ({inner}) WHERE $timeFilter GROUP BY "host"'
    return f'SELECT {_calculated(query, query.calc, field)} AS {ident(label)} FROM {ident(query.measurement)} WHERE {where} GROUP BY "host"'


def targets(panel, description, narrow):
    """[(query, text, result format)] for one panel that shows no shares of means. A table has one query a column, joined on host."""
    out = []
    for query in panel.queries:
        source, where = ident(query.measurement), _where(query, description, narrow)
        if panel.kind == "table":
            out.append((query, _table_column(query, where), "table"))
        elif query.count:
            (field, label), = query.fields.items()
            out.append((query, f'SELECT count("value") AS {ident(label)} FROM (SELECT last({ident(field)}) AS "value" FROM {source} WHERE {where} GROUP BY "host") WHERE $timeFilter', "time_series"))
        elif query.largest:
            (field, label), = query.fields.items()
            out.append((query, f'SELECT max("value") AS {ident(label)} FROM (SELECT {_calculated(query, "last", field)} AS "value" FROM {source} WHERE {where} GROUP BY *) WHERE $timeFilter', "time_series"))
        elif panel.kind == "stat":
            columns = ", ".join(f"{_calculated(query, query.calc, field)} AS {ident(label)}" for field, label in query.fields.items())
            out.append((query, f"SELECT {columns} FROM {source} WHERE {where}", "time_series"))
        elif query.rate:
            out.append((query, (_rates_of_windows if query.share else _rates)(query, where, query.by), "time_series"))
        else:
            columns = ", ".join(f"{_calculated(query, query.calc, field)} AS {ident(label)}" for field, label in query.fields.items())
            groups = ", ".join(["time($__interval)", *(ident(tag) + "::tag" for tag in query.by)])
            out.append((query, f"SELECT {columns} FROM {source} WHERE {where} GROUP BY {groups} fill(null)", "time_series"))
    return out


def variable(description, name, narrow):
    one = description.variables[name]
    narrowed = f' WHERE "host"::tag =~ /^${narrow}$/' if narrow and one["tag"] != "host" else ""
    return f"SHOW TAG VALUES FROM {ident(one['from'])} WITH KEY = {ident(one['tag'])}{narrowed}"


def restarts(narrow):
    """One row for every start of a machine: by how much its boot time changed, and whose. A second more or less is the kernel's
    rounding."""
    return (
        'SELECT "change", "host"::tag FROM (SELECT difference(last("boot_time")) AS "change" FROM "kernel" '
        f'WHERE "host"::tag =~ /^${narrow}$/ AND $timeFilter GROUP BY time($__interval), "host" fill(none)) WHERE $timeFilter AND "change" > 5'
    )
