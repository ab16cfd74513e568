"""The cache, which the panel works without: while its server is away, each process has its own."""

import time
from datetime import timedelta
from typing import Any

import structlog
from django.core.cache.backends import locmem, redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# Each try to reach a server that is away may take seconds; for so long nobody tries again.
BETWEEN_TRIES = timedelta(seconds=5)


class RedisCache(redis.RedisCache):
    """Django's Redis cache, and a small one in memory for the time that Redis is away.

    It keeps nothing but counts of tries to sign in. People must be able to sign in, scripts to
    send, and guessers must be slowed, also when the broker is gone.
    """

    # One for all threads, each of which has a cache object of its own.
    _away_until = 0.0

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = locmem.LocMemCache("while Redis is away", params)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("add", key, value, *args, **kwargs))

    def get(self, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", key, default, *args, **kwargs)

    def get_many(self, keys: Any, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(self._ask("get_many", keys, *args, **kwargs))

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        self._ask("set", key, value, *args, **kwargs)

    def incr(self, key: Any, delta: int = 1, *args: Any, **kwargs: Any) -> int:
        return int(self._ask("incr", key, delta, *args, **kwargs))

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("delete", key, *args, **kwargs))

    def _ask(self, what: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= RedisCache._away_until:
            try:
                return getattr(super(), what)(*args, **kwargs)
            except (RedisError, OSError) as away:
                RedisCache._away_until = time.monotonic() + BETWEEN_TRIES.total_seconds()
                log.warning("cache_away", problem=type(away).__name__)
        return getattr(self._local, what)(*args, **kwargs)
