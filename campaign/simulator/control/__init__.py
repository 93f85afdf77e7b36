"""The control API under `/control`: plain JSON without keys, for tests, the demo and benchmarks on this machine.

A request that cannot be understood is answered 400 and `{"error": "<one sentence>"}`, and nothing has happened.

Accounts (`accounts.py`)
* `POST /control/accounts {"username", "name"?, "followers"?: 0, "ordinary"?: false, "protected"?, "verified"?,
  "access_level"?, "shares_followers_with"?: username, "overlap"?: n, "app_of"?: username, "callbacks"?: [url]}`
  gives `{"user_id", "username", "consumer_key", "consumer_secret", "access_token", "access_token_secret", "client_id",
  "client_secret"}`. `overlap` of the followers (as many as can be, unless given) are also the other account's; they are
  the oldest ones. With `ordinary`, X leaves no field of the new followers out. With `app_of` the account uses the other
  one's app, and owns none. `callbacks` are the addresses to which the app may let people come back, as they are.
* `PATCH /control/accounts/{username} {"username"?, "name"?, "protected"?, "verified"?, "access_level"?,
  "condition"?, "subscription_type"?, "callbacks"?}` with a condition of `ok`, `revoked`, `suspended`, `locked`,
  `not_enrolled`, `credits_depleted`, `legacy_refused`, `over_daily_limit`, `looks_automated`, `sender_restricted`, and
  a subscription of `None`, `Basic`, `Premium`, `PremiumPlus`; answers as GET does.
* `GET /control/accounts/{username}` gives `{"user_id", "username", "followers_count", "calls": {endpoint: n},
  "users_returned": {"owned": n, "not_owned": n}, "posts_read": {"owned": n, "not_owned": n}, "posts_made":
  {"with_link": n, "without_link": n}, "posts_deleted": n, "metadata_made": n, "messages_made": n,
  "message_events_read": n}`: the truth, also of calls whose answer was lost. What v1.1 returned or made is not in it,
  because X bills none of it.

Followers and users (`followers.py`)
* `GET /control/accounts/{username}/followers?offset=0&limit=1000` gives `{"users": [...]}`: the true list, newest
  first, with all v2 fields, and `"suspended": true` or `"gone": true` where it is so.
* `POST` the same `{"count": n}`, `{"user_ids": [...]}` (they follow, again or anew) or `{"users": [{"id"?,
  "username"?, "name"?, "followers_count"?, "verified"?, "protected"?, "withheld"?, "suspended"?, "omit"?: [field]},
  ...]}` gives `{"user_ids": [...]}`; the last one is the newest.
* `DELETE` the same `{"count": n}` (spread evenly through the list) or `{"user_ids": [...]}` gives those who left.
* `POST /control/accounts/{username}/renames {"count": n}` gives new usernames and names to n of its followers.
* `PATCH /control/users/{id} {"username"?, "name"?, ...}` as above, without `id`; gives the user. Whoever has the
  wanted username takes the old one in exchange, so two users swap theirs in one request. Here and above a user may
  also have `{"description"?, "location"?, "url"?, "profile_image_url"?, "created_at"?, "confirmed_email"?, "lang"?,
  "public_metrics"?: {name: n}}`, as `profiles.py` reads them.

People who sign in (`sign_ins.py`)
* `GET /control/sign_ins` gives `{"sign_ins": [{"user_id", "username", "account", "oauth", "scopes", "callback", "at",
  "stage"}]}`: every yes, oldest first, to the app of `account`; a stage is `agreed`, `alive`, `expired`, `revoked`.
* `PUT /control/sign_ins {"code_seconds"?: 30, "token_seconds"?: 7200}`: how long those to come are good.
* `POST /control/sign_ins/revoke {"user": id or username}`: somebody takes back at X what apps were granted.

Posts (`posts.py`)
* `GET /control/accounts/{username}/posts` gives `{"posts": [{"id", "text", "reply_to", "media": [{"sha256",
  "media_type", "alt_text"}], "poll": {"options", "duration_minutes"} or null, "reply_settings", "paid_partnership",
  "made_with_ai", "created_at", "deleted", "counts"}]}`: the truth, oldest first; the text as it was written, in NFC.
* `POST` the same `{"text", "reply_to"?, "ago_seconds"?: 0}`: somebody posts by hand; gives the post.
* `PUT /control/posts/{id}/counts {"reposts"?, "likes"?, "replies"?, "quotes"?, "bookmarks"?, "impressions"?,
  "link_visits"?}`: what people did with a post, 0 at first; gives the post.
* `PUT /control/posts {"show_after_seconds"?: 0, "media_expires_after_seconds"?: 86400, "processing_seconds"?: 1,
  "processing_fails"?: false}` gives all four; what is not named is as it was at first. X shows a post so long after it
  was made, forgets a file begun from now on, and processes GIFs and videos finalized from now on.

Messages (`messages.py`, `recipients.py`)
* `GET /control/accounts/{username}/messages?offset=0&limit=1000000` gives `{"messages": [{"id", "sender", "recipient",
  "text", "at", "media": [as of posts]}]}`: the truth, sent and received, in the order of ids; users by their ids.
* `POST` the same `{"from": id or username, "text", "ago_seconds"?: 0}`: somebody writes by hand; gives the message.
* `GET` the same`/counts` gives `{"sent": {id: n}, "received": {id: n}}`.
* `PUT /control/messages {"show_after_seconds"?: 0}`: X shows a message so long after it was accepted.
* `PUT /control/recipients {"state", "users"?: [id or username], "followers_of"?: username, "every"?: 1, "offset"?: 0}`
  with a state of `open`, `closed`, `blocked`, `suspended`, `gone`, gives `{"user_ids": [...]}`.
* `GET /control/windows` gives `{"windows": [{"endpoint", "family", "account", "app", "limit", "most_done",
  "most_calls", "most_stopped"}]}`: for each account or app, the most that any one window counted since limits were set.

How X behaves (`conduct.py`)
* `GET /control/calls` gives `{"calls": [{"time", "method", "path", "account", "status", "resources", "fault"}]}`,
  the oldest first: what really happened; `DELETE` clears it.
* `POST /control/faults {"path": "/2/users/*", "kind", "method"?: "POST", "after"?: 0, "times"?: 1 or null,
  "probability"?: 1.0, "seed"?: 0, "seconds"?: 1.0, "status"?: 503, "headers"?, "body"?}`, see `faults.FaultKind`;
  `GET` lists them with `seen` and `struck`, `DELETE` clears them.
* `PUT /control/limits {"window_seconds"?, "limits"?: {endpoint: n}, "day_seconds"?, "day_limits"?: {endpoint: {"user"?:
  n, "app"?: n}}, "headers"?: bool}`: what is not named is as X documents it, a day limit of null is none; all windows
  begin anew. The names of endpoints are those of `routes.ENDPOINTS`.
* `POST /control/tokens/expire`: all page tokens given out so far become unknown.
* `POST /control/spelling {"spelling": "old" or "new", "strict"?: false}`: tweet_count or post_count in answers. Asked
  for with either word, post.fields=note_post or tweet.fields=note_tweet; `strict` refuses the other one.
* `POST /control/reset`: an empty world.
"""

from starlette.routing import Mount

from campaign.simulator.control import accounts, conduct, followers, messages, posts, recipients, sign_ins
from campaign.simulator.control.command import Wrong, refuse
from campaign.simulator.world import World

__all__ = ["Wrong", "refuse", "routes"]


def routes(world: World) -> list[Mount]:
    """The control API over this world."""
    parts = (accounts, followers, posts, messages, recipients, sign_ins, conduct)
    commands = [command for part in parts for command in part.COMMANDS]
    return [Mount("/control", routes=[command.route(world) for command in commands])]
