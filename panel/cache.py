"""The cache, which the panel works without: what it cannot answer it has never heard of."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends import redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


class RedisCache(redis.RedisCache):
    """Django's Redis cache, empty while its server is away.

    It keeps nothing but counts of tries to sign in. People must be able to sign in, and see
    what goes on, also when the broker is gone; meanwhile the slow hash alone slows a guesser.
    """

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        return _or(True, super().add, key, value, *args, **kwargs)

    def get(self, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        return _or(default, super().get, key, default, *args, **kwargs)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        _or(None, super().set, key, value, *args, **kwargs)

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        return _or(False, super().delete, key, *args, **kwargs)


def _or(otherwise: Answer, ask: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
    try:
        return ask(*args, **kwargs)
    except (RedisError, OSError) as away:
        log.warning("cache_away", problem=type(away).__name__)
        return otherwise
