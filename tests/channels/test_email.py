"""E-mail by a real mail server: what arrives, and what becomes of servers that do not want it."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mai_usage_ext.channels.email import MailPlace, SmtpMailer, mail_place
from mai_usage_ext.ports.alerts import Mail, MailStep, NotSent
from tests.channels.mail_server import MailServer, certificate, running_mail_server

SENDER = "alerts@reseller.example"
MAIL = Mail(
    recipient="ops@example.com",
    subject="[mAI Usage] Zażółć: 80 % of the limit is spent",
    text="Zażółć: 80 %.\n" + "long " * 300 + "\n.\nand after a dot\n",
    html="<p>Zażółć</p>",
    key="0f" * 16,
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What the server shows, trusted by this process."""
    file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(file)
    return made


def mailer(server: MailServer, *, kind: str = "smtp+plain", user: str = "") -> SmtpMailer:
    account = f"{user}:p%40ss%20word@" if user else ""
    place = mail_place(f"{kind}://{account}127.0.0.1:{server.port}")
    return SmtpMailer(place, sender=SENDER, timeout_s=5)


def steps_of(sender: SmtpMailer, mail: Mail = MAIL) -> tuple[list[MailStep], NotSent | None]:
    steps: list[MailStep] = []
    try:
        sender.send(mail, note=steps.append)
    except NotSent as error:
        return steps, error
    return steps, None


def test_a_message_arrives_as_it_was_written(server: MailServer) -> None:
    steps, error = steps_of(mailer(server))
    assert error is None
    assert all(step.is_done for step in steps)
    assert [step.name for step in steps] == [
        f"connecting to 127.0.0.1:{server.port}",
        "greeting",
        "naming the sender",
        "naming the recipient",
        "handing over the message",
    ]
    [message] = server.messages
    assert server.envelopes == [(SENDER, [MAIL.recipient])]
    assert (message["From"], message["To"], message["Subject"]) == (
        SENDER,
        MAIL.recipient,
        MAIL.subject,
    )
    assert message["Message-ID"] == f"<{MAIL.key}@reseller.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().strip() == MAIL.html


def test_the_same_message_twice_has_one_id(server: MailServer) -> None:
    for _ in range(2):
        mailer(server).send(MAIL)
    assert len({message["Message-ID"] for message in server.messages}) == 1


@pytest.mark.parametrize("field", ["subject", "recipient", "key"])
def test_no_header_can_be_slipped_in(server: MailServer, field: str) -> None:
    wrong = replace(MAIL, **{field: "x@y.example\r\nBcc: thief@example.com"})
    with pytest.raises(NotSent, match="cannot be written") as raised:
        mailer(server).send(wrong)
    assert raised.value.is_final
    assert server.messages == []


def test_starttls_and_a_password(context: ssl.SSLContext) -> None:
    with running_mail_server(starttls=context, auth=True) as server:
        steps, error = steps_of(mailer(server, kind="smtp", user="me"))
        assert error is None, steps
        assert {"encrypting", "signing in"} <= {step.name for step in steps}
        assert len(server.messages) == 1
        wrong = MailPlace(kind="smtp", host="127.0.0.1", port=server.port, user="me", password="no")
        steps, error = steps_of(SmtpMailer(wrong, sender=SENDER, timeout_s=5))
        assert error is not None
        assert not error.is_final, "the operator may mend it within the day"
        assert "signing in failed: the mail server said 535" in str(error)
        assert not steps[-1].is_done
        assert "password" not in repr(wrong)


def test_tls_from_the_first_byte(context: ssl.SSLContext) -> None:
    with running_mail_server(tls=context) as server:
        mailer(server, kind="smtps").send(MAIL)
        assert len(server.messages) == 1


def test_a_certificate_that_nobody_trusts_gets_no_message(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for kind, options in (("smtp", {"starttls": context}), ("smtps", {"tls": context})):
        with running_mail_server(**options) as server:
            _, error = steps_of(mailer(server, kind=kind))
            assert error is not None
            assert "certificate" in str(error)
            assert server.messages == []


def test_a_server_without_starttls_gets_no_password(server: MailServer) -> None:
    steps, error = steps_of(mailer(server, kind="smtp", user="me"))
    assert "encrypting failed" in str(error)
    assert [step.name for step in steps if not step.is_done] == ["encrypting"]


def test_a_server_that_wants_a_password(context: ssl.SSLContext) -> None:
    with running_mail_server(starttls=context, auth=True) as server:
        _, error = steps_of(mailer(server, kind="smtp"))
        assert "naming the sender failed: the mail server said 530" in str(error)


@pytest.mark.parametrize(
    ("command", "answer", "is_final"),
    [
        ("RCPT", "550 no such user", True),
        ("RCPT", "450 later", False),
        ("DATA", "554 spam", True),
        ("DATA", "451 later", False),
    ],
)
def test_what_the_server_refuses(
    server: MailServer, command: str, answer: str, is_final: bool
) -> None:
    server.answers[command] = answer
    steps, error = steps_of(mailer(server))
    assert error is not None
    assert error.is_final is is_final
    assert answer in str(error)
    assert answer in steps[-1].detail


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = MailPlace(kind="smtp", host="127.0.0.1", port=taken.getsockname()[1])
        _, error = steps_of(SmtpMailer(place, sender=SENDER, timeout_s=5))
    assert error is not None
    assert not error.is_final
    assert "connecting to 127.0.0.1" in str(error)


def test_a_host_that_is_nowhere() -> None:
    place = mail_place("smtps://mail.invalid")
    assert place.port == 465
    _, error = steps_of(SmtpMailer(place, sender=SENDER, timeout_s=5))
    assert error is not None
    assert not error.is_final


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = MailPlace(kind="smtp+plain", host="127.0.0.1", port=silent.getsockname()[1])
        _, error = steps_of(SmtpMailer(place, sender=SENDER, timeout_s=0.2))
    assert "did not answer in time" in str(error)


def test_a_server_that_hangs_with_the_message(server: MailServer) -> None:
    server.gate.clear()
    place = MailPlace(kind="smtp+plain", host="127.0.0.1", port=server.port)
    _, error = steps_of(SmtpMailer(place, sender=SENDER, timeout_s=0.5))
    assert error is not None
    assert not error.is_final
    assert "handing over the message failed: the mail server did not answer" in str(error)
