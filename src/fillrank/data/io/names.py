"""The usual names of columns, for reading logs and for finding the ids of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "EVENT_NAMES",
    "LESS_USUAL_NAMES",
    "USUAL_NAMES",
    "holds_reviews",
    "is_id_name",
    "is_usual_name",
    "likely_ratings",
    "plain_name",
]

_USUAL = {
    "user": "user users userid uid u customer customerid visitor visitorid reviewer reviewerid member memberid "
    "accountid profileid",
    "item": "item items itemid iid i movie movieid film filmid product productid asin business businessid book bookid "
    "isbn song songid track trackid artist artistid article articleid game gameid",
    "value": "value values rating ratings star stars score count counts plays playcount weight overall strength",
    "time": "time times timestamp ts date datetime unixreviewtime eventtime ratedat createdat",
    "label": "title name itemtitle itemname movietitle label",
}
_LESS_USUAL = {
    "user": "userids username cust custid client clientid rater raterid account profile person personid player "
    "playerid reader readerid listener listenerid viewer viewerid subscriber subscriberid buyer buyerid shopper "
    "shopperid student studentid pupil pupilid learner learnerid patient patientid subject subjectid "
    "respondent respondentid participant participantid session sessionid",
    "item": "itemids show showid prod prodid parentasin sku skuid stockcode isbn10 isbn13 album albumid anime animeid "
    "venue venueid place placeid poi poiid location locationid restaurant restaurantid recipe recipeid course courseid "
    "question questionid exercise exerciseid joke jokeid podcast podcastid video videoid app appid",
    "value": "scores playcounts listens quantity qty preference pref",
    "time": "timestamps unixtime eventtimestamp created reviewdate orderdate invoicedate checkintime",
    "label": "filmtitle booktitle producttitle productname",
}
USUAL_NAMES, LESS_USUAL_NAMES = (
    {role: frozenset(names.split()) for role, names in table.items()} for table in (_USUAL, _LESS_USUAL)
)
"""The usual names of the columns of a log, in the form of :func:`plain_name`. Less usual names are only used if no
column has a usual one."""

_EVENT = (
    "event events eventtype eventname eventkind action actions actiontype behavior behaviour behaviortype "
    "behaviourtype interactiontype feedbacktype feedback activity activitytype"
)
EVENT_NAMES = frozenset(_EVENT.split())
"""The names that columns of types of events have; they are looked for only where types have weights."""
_RATING_WORDS = frozenset({"rating", "ratings", "score", "scores", "star", "stars", "rate"})
_NOT_OF_A_USER = "avg average mean median imdb mpaa content age count num number n std total helpful"
_OTHER_RATINGS = frozenset(_NOT_OF_A_USER.split())
_BESIDE_HEADLINES = "text review reviewtext reviewbody reviewcontent helpfulvote helpfulvotes verifiedpurchase"
_OF_REVIEWS = frozenset(_BESIDE_HEADLINES.split())
_OF_ROWS = "id ids key code index row rowid rowname rownames no nr number name names label title"
_UNNAMED = re.compile(r"Unnamed: ?[0-9]+(\.[0-9]+)*")
_ROW_NAMES = frozenset(_OF_ROWS.split())


def plain_name(name: str) -> str:
    """Normalise the name of a column: ``"User ID"`` and ``"user_id:token"`` both become ``"userid"``.

    Example:
        >>> [plain_name(name) for name in ("User-ID", "user_id:token", "userId", " ISBN ")]
        ['userid', 'userid', 'userid', 'isbn']
    """
    return "".join(letter for letter in name.partition(":")[0].casefold() if letter.isalnum())


def is_usual_name(name: str) -> bool:
    """Whether ``name`` is a usual name of a column of a log."""
    plain = plain_name(name)
    return any(plain in names for table in (USUAL_NAMES, LESS_USUAL_NAMES) for names in table.values())


def likely_ratings(header: Sequence[str]) -> list[int]:
    """The positions of columns that may hold ratings, although their names are not usual ones.

    Example:
        >>> likely_ratings(["User-ID", "ISBN", "Book-Rating"]), likely_ratings(["user", "content_rating", "rating_avg"])
        ([2], [])
    """
    places = []
    for place, name in enumerate(header):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+", " ", name).casefold().split()
        if words and words[-1] in _RATING_WORDS and not _OTHER_RATINGS & set(words):
            places.append(place)
    return places


def holds_reviews(header: Sequence[str]) -> bool:
    """Whether the rows are reviews with a text; then a column ``title`` holds headlines, and not titles of items.

    Example:
        >>> holds_reviews(["rating", "title", "text", "asin"]), holds_reviews(["user", "title", "rating"])
        (True, False)
    """
    return any(plain_name(name) in _OF_REVIEWS for name in header)


def is_id_name(name: str) -> bool:
    """Whether a column of this name usually holds ids or names, and not measurements.

    ``Unnamed: 0`` is one: pandas calls a column without a name so, such as a written index that was read again.

    Example:
        >>> [is_id_name(name) for name in ("student_id", "ISBN", "id", "Name", "order_id", "rating", "humidity")]
        [True, True, True, True, True, False, False]
    """
    plain = plain_name(name)
    parts = "".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()
    spelled = name.rstrip()
    return (
        any(plain in table[side] for table in (USUAL_NAMES, LESS_USUAL_NAMES) for side in ("user", "item"))
        or plain in _ROW_NAMES
        or _UNNAMED.fullmatch(name.strip()) is not None
        or (len(parts) > 1 and parts[-1] in {"id", "ids"})
        or (len(spelled) > 2 and spelled.endswith(("Id", "ID")) and spelled[-3].islower())
    )
