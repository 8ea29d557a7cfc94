"""A mail server for the tests: `smtpd.py plain|starttls|tls MAILS CERTIFICATES`. Prints its port.

With starttls and tls it wants a login before it takes anything. Each mail becomes a file, with two headers of the
server's own: whether the connection was encrypted, and who had logged in.
"""

import itertools
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

mode, mails, certificates = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
numbers = itertools.count()


class Keep:
    async def handle_DATA(self, server, session, envelope):
        user = session.auth_data.decode() if session.auth_data else "nobody"
        encrypted = "yes" if session.ssl or mode == "tls" else "no"
        head = f"X-Peer-TLS: {encrypted}\r\nX-User: {user}\r\n".encode()
        name = f"{next(numbers):06}"
        (mails / f"{name}.part").write_bytes(head + envelope.content)
        (mails / f"{name}.part").rename(mails / f"{name}.eml")
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"sandclock", b"s3cr3t")
    if not known:
        return AuthResult(success=False, handled=False)
    session.auth_data = data.login
    return AuthResult(success=True, auth_data=data.login)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
options = {
    "plain": {},
    "starttls": {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": authenticate},
    "tls": {"ssl_context": context, "auth_required": True, "auth_require_tls": False, "authenticator": authenticate},
}[mode]


class OnAnyPort(Controller):
    """The base class asks the port that it was given, which is none in particular."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


controller = OnAnyPort(Keep(), hostname="127.0.0.1", port=0, **options)
controller.start()
print(controller.port, flush=True)
while True:
    time.sleep(3600)
