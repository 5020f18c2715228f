#!/usr/bin/env python3
"""Load averages as JSON, for [input.NAME] of client.toml or server.toml with format = "json" and ack = true: asyncio_client.py [HOST [PORT [SECONDS]]]"""

import asyncio
import json
import os
import sys
import time


async def main(host="127.0.0.1", port="8095", seconds="5"):
    reader, writer = await asyncio.open_connection(host, int(port))
    while True:
        one, five, fifteen = os.getloadavg()
        writer.write(json.dumps({"time": time.time_ns(), "load": {"one": one, "five": five, "fifteen": fifteen}}).encode() + b"\n")
        answer = (await reader.readline()).decode().strip()
        if not answer.startswith("ok"):
            sys.exit(f"not taken: {answer or 'the connection has ended'}")
        await asyncio.sleep(float(seconds))


asyncio.run(main(*sys.argv[1:]))
