"""E-mail by a mail server of the operator's: one connection for each message, each step checked."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from mai_usage_ext.ports.alerts import Mail, MailStep, NotSent

__all__ = ["MailPlace", "SmtpMailer", "mail_place"]

_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_TIMEOUT_S = 15.0
_LONGEST_ANSWER = 300
Note = Callable[[MailStep], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPlace:
    """``kind`` is ``smtp`` (STARTTLS, which is not done without), ``smtps`` (TLS from the first
    byte) or ``smtp+plain`` (no encryption, and so no password)."""

    kind: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def mail_place(url: str) -> MailPlace:
    """What ``smtp://user:password@host:587`` means. The setting has been checked already."""
    parts = urlsplit(url)
    return MailPlace(
        kind=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class SmtpMailer:
    """Implements ``ports.alerts.Mailer``. ``sender`` is the address that messages come from."""

    def __init__(self, place: MailPlace, *, sender: str, timeout_s: float = _TIMEOUT_S) -> None:
        self._place = place
        self._sender = sender
        self._timeout_s = timeout_s

    def send(self, mail: Mail, *, note: Note | None = None) -> None:
        try:
            content = self._message(mail).as_bytes(policy=SMTP)
        except ValueError as error:
            raise NotSent(f"the message cannot be written: {error}", is_final=True) from error
        steps = _Steps(note or _unheard)
        with self._connected(steps) as server:
            if self._place.user:
                with steps.taking("signing in"):
                    server.login(self._place.user, self._place.password)
            with steps.taking("naming the sender"):
                steps.check(server.mail(self._sender))
            with steps.taking("naming the recipient"):
                steps.check(server.rcpt(mail.recipient), decides=True)
            with steps.taking("handing over the message"):
                steps.check(server.data(content), decides=True)

    @contextmanager
    def _connected(self, steps: "_Steps") -> Iterator[smtplib.SMTP]:
        place = self._place
        with steps.taking(f"connecting to {place.host}:{place.port}"):
            server = self._open()
        try:
            with steps.taking("greeting"):
                steps.check(server.ehlo())
            if place.kind == "smtp":
                with steps.taking("encrypting"):
                    server.starttls(context=ssl.create_default_context())
                    steps.check(server.ehlo())
            yield server
            # It is taken already; how the other side says goodbye changes nothing.
            server.docmd("QUIT")
        except (OSError, smtplib.SMTPException) as error:
            if not steps.is_handed_over:
                raise NotSent(_reason(error)) from error
        finally:
            server.close()

    def _open(self) -> smtplib.SMTP:
        place, name = self._place, socket.gethostname()
        if place.kind == "smtps":
            return smtplib.SMTP_SSL(
                place.host,
                place.port,
                local_hostname=name,
                timeout=self._timeout_s,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(place.host, place.port, local_hostname=name, timeout=self._timeout_s)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{mail.key}@{self._sender.rpartition('@')[2]}>"
        # So that no holiday notice answers.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


class _Steps:
    """Names what is being done, tells of each step, and turns whatever fails into one error."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._answer = ""
        self.is_handed_over = False

    @contextmanager
    def taking(self, name: str) -> Iterator[None]:
        self._answer = ""
        try:
            yield
        except NotSent as error:
            self._note(MailStep(name=name, is_done=False, detail=str(error)))
            raise NotSent(f"{name} failed: {error}", is_final=error.is_final) from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            self._note(MailStep(name=name, is_done=False, detail=_reason(error)))
            raise NotSent(f"{name} failed: {_reason(error)}") from error
        self.is_handed_over = name == "handing over the message"
        self._note(MailStep(name=name, is_done=True, detail=self._answer))

    def check(self, answer: tuple[int, bytes], *, decides: bool = False) -> None:
        """Raises ``NotSent`` for a refusal, a final one where a 5xx ``decides`` this message."""
        code, text = answer
        self._answer = f"{code} {text.decode('utf-8', 'replace')}"[:_LONGEST_ANSWER].strip()
        if not 200 <= code < 300:
            raise NotSent(f"the mail server said {self._answer}", is_final=decides and code >= 500)


def _reason(error: Exception) -> str:
    # smtplib says "connection closed" of a time-out, and keeps it as the cause.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "the mail server did not answer in time"
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
        return f"the mail server said {error.smtp_code} {text}"[:_LONGEST_ANSWER]
    return str(error)[:_LONGEST_ANSWER] or type(error).__name__


def _unheard(_step: MailStep) -> None:
    """Nobody asked for the steps."""
