"""JSON logs (structlog): one object a line on standard error, the standard library's records too."""

import json
import logging
import sys
from datetime import UTC, datetime

import structlog


def configure_logs(level: str, **fixed: str) -> None:
    """Write one JSON object a line to standard error; `fixed` goes into each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**fixed)
    others = logging.StreamHandler(sys.stderr)
    others.setFormatter(_JsonLine(fixed))
    logging.basicConfig(level=logging.WARNING, handlers=[others])


class _JsonLine(logging.Formatter):
    """The standard library's records, in the shape of ours."""

    def __init__(self, fixed: dict[str, str]) -> None:
        super().__init__()
        self._fixed = fixed

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "logger": record.name,
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            **self._fixed,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        return json.dumps(line)
