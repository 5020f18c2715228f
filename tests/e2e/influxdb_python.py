#!/usr/bin/env python3
"""influxdb-python (Debian's python3-influxdb) through its documented workflow, against a server: PORT TOKEN. Fails where the library
does, or where its answer is another."""

import sys

import influxdb


def expect(found, wanted):
    if found != wanted:
        raise SystemExit(f"found {found!r}\nwanted {wanted!r}")


def points(count):
    return [
        {
            "measurement": "cpu_load_short",
            "tags": {"host": f"server{n:02}", "region": "us-west"},
            "time": f"2009-11-10T23:00:0{n}Z",
            "fields": {"Float_value": 0.64, "Int_value": n, "String_value": "Text", "Bool_value": True},
        }
        for n in range(count)
    ]


def main(port, token):
    client = influxdb.InfluxDBClient("127.0.0.1", int(port), "any", token, "example")
    expect("resmon" in client.ping(), True)
    client.create_database("example")
    expect(client.get_list_database(), [{"name": "example"}, {"name": "resmon"}])
    expect(client.get_list_retention_policies("example")[0]["name"], "autogen")
    expect(client.get_list_users(), [])
    expect(client.get_list_continuous_queries(), [{"example": []}, {"resmon": []}])
    client.write_points(points(5))
    client.write_points(points(5), batch_size=2)  # again: changes nothing
    client.write(["cpu_load_short,host=line Int_value=7i 1257894009000000000"], {"db": "example"}, 204, "line")
    found = client.query("select Int_value from cpu_load_short where host = $h;", bind_params={"h": "server03"})
    expect(list(found.get_points()), [{"time": "2009-11-10T23:00:03Z", "Int_value": 3}])
    found = client.query("select Int_value from cpu_load_short where host = 'server03'", epoch="s")
    expect(list(found.get_points()), [{"time": 1257894003, "Int_value": 3}])
    chunks = client.query("select * from cpu_load_short", chunked=True, chunk_size=2)
    expect(sum(len(list(chunk.get_points())) for chunk in (chunks if isinstance(chunks, list) else [chunks])), 6)
    expect(len(client.get_list_series("example", "cpu_load_short")), 6)
    expect(client.get_list_measurements(), [{"name": "cpu_load_short"}])
    client.delete_series("example", "cpu_load_short", {"host": "server03"})
    expect(len(list(client.query("select * from cpu_load_short").get_points())), 5)
    for refused in ("create_retention_policy", "alter_retention_policy"):
        try:
            getattr(client, refused)("week", duration="7d", replication="1", database="example")
            raise SystemExit(f"{refused} is not refused")
        except influxdb.exceptions.InfluxDBClientError as error:
            expect("store.retain" in str(error), True)
    client.drop_measurement("cpu_load_short")
    expect(client.get_list_measurements(), [])
    client.drop_database("example")
    expect(client.get_list_database(), [{"name": "resmon"}])


if __name__ == "__main__":
    main(*sys.argv[1:])
