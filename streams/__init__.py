"""The platform: domain, log, wire, engine, replay."""
