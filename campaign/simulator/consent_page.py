"""What people see of X when an app asks them for access; works without JavaScript."""

from html import escape

SCOPES = {
    "users.read": "See any account you can view, including protected accounts.",
    "tweet.read": "See all the posts you can view, including posts from protected accounts.",
    "users.email": "Get your email address.",
    "offline.access": "Stay connected to your account until you revoke access.",
}
"""What may be asked for here, in words of X's."""
OF_OLD = (
    "See posts from your timeline as well as your lists and collections.",
    "See your profile information and account settings.",
    "See accounts you follow, mute and block.",
)
"""What an app gets with OAuth 1.0a, which knows no scopes."""
STYLE = """
body { margin: 0; background: #fff; color: #0f1419; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.3; }
h2 { font-size: 1.1rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .75rem; border: 1px solid #536471; border-radius: .5rem; font: inherit; }
button { width: 100%; margin-top: 1rem; padding: .75rem; border: 1px solid #0f1419; border-radius: 2rem; font: inherit; }
button { background: #0f1419; color: #fff; font-weight: 700; cursor: pointer; }
button.no { background: #fff; color: #b3261e; border-color: #b3261e; }
:focus-visible { outline: 3px solid #1d9bf0; outline-offset: 2px; }
.wrong { color: #b3261e; }
small { color: #536471; }
"""  # noqa: E501 - a rule a line


def question(app: str, username: str, permissions: list[str], suggested: str, wrong: str = "") -> str:
    """Returns the screen with the two buttons; the form goes to where it came from."""
    lines = "".join(f"<li>{escape(each)}</li>" for each in permissions)
    complaint = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    return _page(
        f"{app} wants to access your X account",
        f"""<p><strong>{escape(app)}</strong> <small>by @{escape(username)}</small></p>
<h2>Things this app can do</h2><ul>{lines}</ul>{complaint}
<form method="post">
<label for="username">Your username</label>
<input id="username" name="username" value="{escape(suggested)}" autocomplete="username" autocapitalize="none">
<button name="answer" value="authorize">Authorize app</button>
<button name="answer" value="cancel" class="no" formnovalidate>Cancel</button>
</form><p><small>This is a simulated X: the user named here signs in without a password.</small></p>""",
    )


def failure(why: str) -> str:
    """Returns X's page for a request without a consent screen."""
    return _page("Something went wrong", f"<p>You were not able to give access to the App. {escape(why)}</p>")


def _page(title: str, content: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} / X</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>{content}</main></body></html>
"""
