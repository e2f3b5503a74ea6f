"""Dashboards and alert rules of Grafana as code: `python -m deploy.grafana` writes what Grafana provisions."""
