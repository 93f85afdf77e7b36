"""Where X sends people back to, whatever they signed in for."""

from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.errors import CampaignError
from campaign.web import sign_in
from campaign.web.join import Joining, Thanks
from campaign.web.leave import Leaving
from campaign.web.sign_in import CALLBACK, JOIN, LEAVE, Directory, Outside, Remembered, SignedIn, SignIns, end_sign_in

Finish = Callable[[Remembered, SignedIn], Response]


def routes(outside: Outside) -> list[Route]:
    """The pages on which people share their profile and take that back."""
    directory = Directory(outside)
    sign_ins = SignIns(outside, directory)
    joining, leaving = Joining(outside, directory, sign_ins), Leaving(directory, sign_ins)
    thanks = Thanks(directory)
    callback = Callback(sign_ins, thanks, {JOIN: joining.finish, LEAVE: leaving.finish})
    return [Route(CALLBACK, callback.take, methods=["GET"]), *joining.routes(), *thanks.routes(), *leaving.routes()]


class Callback:
    """Takes people back who signed in, and hands them on."""

    def __init__(self, sign_ins: SignIns, thanks: Thanks, finishes: Mapping[str, Finish]) -> None:
        self._sign_ins = sign_ins
        self._thanks = thanks
        self._finishes = finishes

    async def take(self, request: Request) -> Response:
        """Take one back; whatever comes of it, the sign-in is over then."""
        remembered = await run_in_threadpool(self._sign_ins.remembered, request)
        if remembered is None:
            return await run_in_threadpool(self._thanks.again, request) or sign_in.sign_in_over()
        return end_sign_in(await self._sign_ins.in_turn(self._finish, remembered, dict(request.query_params)))

    def _finish(self, remembered: Remembered, query: dict[str, str]) -> Response:
        try:
            signed_in = self._sign_ins.complete(remembered, query)
        except CampaignError as error:
            return sign_in.failed(error)
        try:
            return self._finishes[remembered.purpose](remembered, signed_in)
        except CampaignError as error:
            signed_in.revoke()
            return sign_in.failed(error)
