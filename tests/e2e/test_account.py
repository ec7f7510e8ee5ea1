"""What only a browser can show of accounts: passkeys, and the dialog that asks who it is and then goes on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect

from tests.e2e.conftest import PASSWORD, Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(180)]

# hashing a password is slow on purpose, the more so beside other tests
SLOW_MS = 20_000
FORGET_PROOFS = """
from django.contrib.sessions.models import Session
for session in Session.objects.all():
    facts = session.get_decoded()
    facts.pop("confirmed_at", None)
    session.session_data = Session.objects.encode(facts)
    session.save()
"""


def by_name(instance: Instance, address: str) -> str:
    """Browsers make passkeys for names, not for 127.0.0.1."""
    return address.replace("127.0.0.1", "localhost")


@pytest.fixture
def context(browser: Browser, instance: Instance) -> Iterator[BrowserContext]:
    fresh = browser.new_context(base_url=by_name(instance, instance.url), locale="en-GB")
    yield fresh
    fresh.close()


@pytest.fixture(scope="module")
def administrator(instance: Instance, browser: Browser) -> str:
    joining = browser.new_context(base_url=by_name(instance, instance.url), locale="en-GB")
    accept(joining.new_page(), by_name(instance, instance.first_link), "dana")
    joining.close()
    return "dana"


def with_device(context: BrowserContext) -> Page:
    """A page on a machine with a fingerprint reader, whose owner's finger always lies on it."""
    page = context.new_page()
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    always = {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **always}})
    return page


def forget_proofs(instance: Instance) -> None:
    """As if ten minutes had passed."""
    instance.manage("shell", "--verbosity", "0", "-c", FORGET_PROOFS)


def test_the_dialog_asks_and_the_request_goes_on(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/people/")
    forget_proofs(instance)
    page.get_by_role("button", name="Make a link").click()
    dialog = page.get_by_role("dialog", name="Confirm that it is you")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_contain_text("The password is wrong", timeout=SLOW_MS)
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Confirm").click()
    expect(page.get_by_label("Invitation link")).to_be_visible(timeout=SLOW_MS)
    expect(dialog).to_have_count(0)


def test_a_plain_form_goes_on_by_itself_after_the_page_that_asks(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/people/")
    page.locator("a[title='Help back in']").first.click()
    forget_proofs(instance)
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("textbox", name="Reset link")).to_be_visible(timeout=SLOW_MS)


def test_a_passkey_signs_in_is_a_second_factor_and_confirms(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = with_device(context)
    sign_in(page, administrator)
    page.goto("/account/passkeys/new/")
    page.get_by_label("Name").fill("this laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("You can sign in with this passkey")).to_be_visible()

    def leave() -> None:
        context.clear_cookies()
        page.goto("/sign-in/")

    leave()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    leave()
    page.get_by_label("Name").fill(administrator)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    page.goto("/people/")
    forget_proofs(instance)
    page.get_by_role("button", name="Make a link").click()
    page.get_by_role("dialog").get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_label("Invitation link")).to_be_visible()


def test_a_passkey_that_was_removed_opens_nothing(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = with_device(context)
    told = page.get_by_role("alert").filter(has_text="did not give a passkey")

    def refused() -> bool:
        page.goto("/sign-in/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        try:
            told.wait_for(timeout=20_000)
        except TimeoutError:
            return False
        return True

    # on a busy machine Chromium's device sometimes never answers that it has nothing, which in 0.3 s it usually does
    wait_for(refused, limit_s=60, what="the page says that no passkey was given")
