"""What happens while a model is at work: events, items, users, keys and deletions, in SQLite or PostgreSQL."""

from fillrank.errors import MissingExtraError

try:
    import alembic  # noqa: F401
    import sqlalchemy  # noqa: F401
except ImportError as error:
    raise MissingExtraError('a store needs SQLAlchemy and Alembic: pip install "fillrank[serve]"') from error

from fillrank.store.events import Appended, UserEvent
from fillrank.store.items import CatalogueItem
from fillrank.store.keys import SCOPES, ApiKey
from fillrank.store.store import Store

__all__ = ["SCOPES", "ApiKey", "Appended", "CatalogueItem", "Store", "UserEvent"]
