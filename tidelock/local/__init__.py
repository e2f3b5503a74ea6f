"""The one-machine stack: real Kafka, PostgreSQL, Redis and InfluxDB as child processes under `.tidelock/`.

It exists so that `make run` and `make test` need nothing but Python, pip and make: no root, no Docker, no
Java. It starts programs and watches them; it must not import the engine, the projector or the API.
"""
