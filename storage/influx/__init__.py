"""Time series in InfluxDB."""
