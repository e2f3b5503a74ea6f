"""What every process of the platform shows of itself: logs, /metrics, /status, /ready. It knows none of them."""
