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


def targets(panel, description, narrow):
    """[(query, text, result format)] for one panel. A table has one query a column, joined on host."""
    out = []
    for query in panel.queries:
        source, where = ident(query.measurement), _where(query, description, narrow)
        if panel.kind == "table":
            (field, label), = query.fields.items()
            out.append((query, f'SELECT {_scaled(f"{query.calc}({ident(field)})", query.scale)} AS {ident(label)} FROM {source} WHERE {where} GROUP BY "host"', "table"))
        elif query.count:
            (field, label), = query.fields.items()
            out.append((query, f'SELECT count("value") AS {ident(label)} FROM (SELECT last({ident(field)}) AS "value" FROM {source} WHERE {where} GROUP BY "host") WHERE $timeFilter', "time_series"))
        elif query.largest:
            (field, label), = query.fields.items()
            out.append((query, f'SELECT max("value") AS {ident(label)} FROM (SELECT last({ident(field)}) AS "value" FROM {source} WHERE {where} GROUP BY *) WHERE $timeFilter', "time_series"))
        elif panel.kind == "stat":
            columns = ", ".join(f"{_scaled(f'{query.calc}({ident(field)})', query.scale)} AS {ident(label)}" for field, label in query.fields.items())
            out.append((query, f"SELECT {columns} FROM {source} WHERE {where}", "time_series"))
        else:
            def column(field):
                if query.rate:
                    return _scaled(f"non_negative_derivative(max({ident(field)}), 1s)", query.scale)
                return _scaled(f"{query.calc}({ident(field)})", query.scale)

            columns = ", ".join(f"{column(field)} AS {ident(label)}" for field, label in query.fields.items())
            groups = ", ".join(["time($__interval)", *(ident(tag) + "::tag" for tag in query.by)])
            fill = "none" if query.rate else "null"
            out.append((query, f"SELECT {columns} FROM {source} WHERE {where} GROUP BY {groups} fill({fill})", "time_series"))
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
