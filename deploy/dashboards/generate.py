#!/usr/bin/env python3
"""Makes the dashboards: generate.py DIRECTORY [--bucket NAME]

    DIRECTORY/grafana/provisioning/…   data sources and the provider, for GF_PATHS_PROVISIONING
    DIRECTORY/grafana/dashboards/…     three dashboards in InfluxQL, the same three in Flux
    DIRECTORY/influxdb/resmon.json     InfluxDB 2's template; for `influx apply`
    DIRECTORY/influxdb/resmon.tsv      what a template cannot say
    DIRECTORY/influxdb/apply           the script that applies it once, through a stack

Exit codes: 0 done, 1 the description names what docs/schema.md lacks, 2 usage
"""

import argparse
import json
import pathlib
import shutil
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))

from dashboards import describe, grafana, influxdb2  # noqa: E402


def load():
    return describe.load((here / "dashboards.toml").read_text(), (here.parent.parent / "docs" / "schema.md").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--bucket", default="resmon")
    parser.add_argument("--installed-at", default="/srv/resmon", help="where Grafana will find the directory")
    arguments = parser.parse_args()
    try:
        description = load()
    except describe.Mistake as mistake:
        print(f"dashboards.toml does not fit docs/schema.md:\n{mistake}", file=sys.stderr)
        return 1

    def write(path, value):
        file = arguments.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    for board in description.dashboards:
        for language in ("influxql", "flux"):
            write(f"grafana/dashboards/{board.id}-{language}.json", grafana.dashboard(board, description, language))
    write("grafana/provisioning/datasources/resmon.yaml", grafana.data_sources())
    write("grafana/provisioning/dashboards/resmon.yaml", grafana.providers(f"{arguments.installed_at}/grafana/dashboards"))
    for folder in ("plugins", "alerting"):  # Grafana complains about those that are missing
        (arguments.directory / "grafana/provisioning" / folder).mkdir(parents=True, exist_ok=True)
    write("influxdb/resmon.json", influxdb2.template(description, arguments.bucket))
    (arguments.directory / "influxdb/resmon.tsv").write_text(influxdb2.afterwards(description, arguments.bucket))
    shutil.copy(here / "apply", arguments.directory / "influxdb" / "apply")
    return 0


if __name__ == "__main__":
    sys.exit(main())
