"""Keys of the vault that the operator gives as CAMPAIGN_ENCRYPTION_KEY."""

import pytest
from cryptography.fernet import Fernet

from campaign.db import vault
from campaign.errors import WrongUsage
from campaign.settings import Settings, load_settings
from tests.factories import NOW
from tests.vaults import ACME, GRANT, OTHER, all_that_is_shown, key_file, new_key, read, rows, save, use_keys

pytestmark = pytest.mark.usefixtures("database")


def test_the_variable_wins_and_makes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, new_key())
    save()
    assert read() == ACME
    assert not key_file().exists()


def test_the_first_encrypts_and_all_decrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_key(), new_key()
    use_keys(monkeypatch, first)
    save()
    use_keys(monkeypatch, second, f" {first}")
    save(OTHER, owner_id=2)
    assert (read(), read(owner_id=2)) == (ACME, OTHER)
    Fernet(second).decrypt(rows()[2].value)


def test_rotating_encrypts_with_the_first_key(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_key(), new_key()
    use_keys(monkeypatch, first)
    save()
    save(OTHER, GRANT, 5)
    use_keys(monkeypatch, second, first)
    assert vault.rotate_key(NOW) == 2
    assert vault.rotate_key(NOW) == 2
    use_keys(monkeypatch, second)
    assert (read(), read(GRANT, 5)) == (ACME, OTHER)
    use_keys(monkeypatch, first)
    with pytest.raises(WrongUsage, match="does not hold the key"):
        save()
    assert not key_file().exists()


def test_a_key_moves_from_the_file_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    new = new_key()
    use_keys(monkeypatch, new, key_file().read_text())
    assert vault.rotate_key(NOW) == 1
    use_keys(monkeypatch, new)
    assert read() == ACME


@pytest.mark.parametrize("value", ["secret-but-no-key", "{key},secret-but-no-key", "{key},", "{key}{key}", " "])
def test_what_is_not_a_key_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    key = new_key()
    use_keys(monkeypatch, value.format(key=key))
    with pytest.raises(WrongUsage) as caught:
        load_settings()
    assert str(caught.value) == (
        "CAMPAIGN_ENCRYPTION_KEY cannot be used: it is not a Fernet key, or several with commas between; make one"
        ' with `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`.'
    )
    for shown in all_that_is_shown(caught.value):
        assert "secret-but-no-key" not in shown
        assert key not in shown
    with pytest.raises(ValueError, match="not a Fernet key") as direct:
        Settings()
    assert "secret-but-no-key" not in str(direct.value)


def test_the_settings_do_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    use_keys(monkeypatch, key)
    assert key not in repr(load_settings())
