"""CPU time of an HTTP request with Basic on a keep-alive connection. Run: python -m benchmarks.http_get."""

from __future__ import annotations

import base64
import http.client

from benchmarks.measure import compare, in_threads
from benchmarks.stage import Stage
from tests.support.process import Address

_REQUESTS = 4000
_CONNECTIONS = 4


def main() -> None:
    """Print the table."""
    stage = Stage()
    user = stage.user
    basic = "Basic " + base64.b64encode(user.name.encode() + b":" + user.password).decode()
    path = f"/exchange/{user.alias}/"

    def requests(address: Address) -> float:
        def some(_: int) -> None:
            connection = http.client.HTTPConnection(*address, timeout=30)
            for number in range(_REQUESTS // _CONNECTIONS):
                connection.request("GET", f"{path}?{number}", headers={"Authorization": basic})
                with connection.getresponse() as response:
                    body = response.read()
                    assert response.status == 200 and body, response.status
            connection.close()

        in_threads(_CONNECTIONS, some)
        return _REQUESTS

    compare(
        f"HTTP: GET of a small page, {_CONNECTIONS} keep-alive connections (nginx asks nobody who the user is)",
        "µs a request",
        {
            "exfront": (stage.front.daemon.pid, lambda: requests(stage.front.at("http"))),
            "nginx": (stage.nginx.daemon.pid, lambda: requests(stage.nginx.http)),
        },
        "nginx",
        scale=1e6,
    )


if __name__ == "__main__":
    main()
