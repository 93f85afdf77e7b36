from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from campaign.errors import WrongUsage
from campaign.settings import Settings, load_settings

VARIABLES = ("HOME", "DATABASE_URL", "X_API_URL", "TIMEZONE", "SERVER_PORT")

Setter = Callable[[str, str], None]


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setter]:
    """Sets one of the variables; none of them is set before."""
    for name in VARIABLES:
        monkeypatch.delenv(f"CAMPAIGN_{name}", raising=False)
    load_settings.cache_clear()
    yield lambda name, value: monkeypatch.setenv(f"CAMPAIGN_{name}", value)
    load_settings.cache_clear()


@pytest.mark.usefixtures("setting")
def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.home == Path.home() / ".campaign"
    assert settings.database_url == f"sqlite:///{Path.home()}/.campaign/campaign.db"
    assert settings.prefect_home == Path.home() / ".campaign/prefect"
    assert (settings.x_api_url, settings.timezone, settings.server_port) == ("https://api.x.com", "UTC", 4200)


def test_the_database_follows_the_home(setting: Setter, tmp_path: Path) -> None:
    setting("HOME", str(tmp_path))
    assert load_settings().database_url == f"sqlite:///{tmp_path}/campaign.db"


def test_a_home_without_a_leading_slash_is_below_the_working_directory(
    setting: Setter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    setting("HOME", "here")
    assert load_settings().home == tmp_path / "here"


def test_an_empty_variable_is_as_good_as_none(setting: Setter) -> None:
    for name in VARIABLES:
        setting(name, "")
    assert load_settings().server_port == 4200
    assert load_settings().timezone == "UTC"


def test_another_address_puts_a_simulator_in_the_place_of_x(setting: Setter) -> None:
    setting("X_API_URL", "http://127.0.0.1:8400/")
    assert load_settings().x_api_url == "http://127.0.0.1:8400"


def test_the_settings_are_read_once(setting: Setter) -> None:
    first = load_settings()
    setting("TIMEZONE", "Europe/Brussels")
    assert load_settings() is first


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("TIMEZONE", "Mars/Base", "Unknown time zone 'Mars/Base'. Write it like Europe/Brussels or UTC"),
        ("TIMEZONE", "/etc/passwd", "Unknown time zone '/etc/passwd'. Write it like Europe/Brussels or UTC"),
        ("TIMEZONE", "Europe", "Unknown time zone 'Europe'. Write it like Europe/Brussels or UTC"),
        ("X_API_URL", "api.x.com", "'api.x.com' is not an http:// or https:// URL; write it like https://api.x.com"),
        (
            "X_API_URL",
            "ftp://api.x.com",
            "'ftp://api.x.com' is not an http:// or https:// URL; write it like https://api.x.com",
        ),
        ("X_API_URL", "http://", "'http://' is not an http:// or https:// URL; write it like https://api.x.com"),
        ("SERVER_PORT", "0", "Input should be greater than or equal to 1"),
        ("SERVER_PORT", "65536", "Input should be less than or equal to 65535"),
        (
            "KEEP_CLICKS_MONTHS",
            "11",
            "11 is less than 12, the months in which short links work; name 12 or more, or 0 to keep all",
        ),
        ("SERVER_PORT", "http", "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_bad_value_is_one_sentence_naming_its_variable(setting: Setter, name: str, value: str, why: str) -> None:
    setting(name, value)
    with pytest.raises(WrongUsage) as caught:
        load_settings()
    assert str(caught.value) == f"CAMPAIGN_{name} cannot be used: {why}."


def test_the_home_of_a_user_no_person_knows_is_one_sentence(setting: Setter) -> None:
    setting("HOME", "~nobody_knows_this_user/campaign")
    with pytest.raises(WrongUsage, match=r"^CAMPAIGN_HOME cannot be used: .+\.$"):
        load_settings()


@pytest.mark.usefixtures("setting")
@pytest.mark.parametrize("name", ["SIGNING_KEY", "REPORTS_KEY", "METRICS_KEY"])
def test_a_key_that_could_be_guessed_is_refused_and_not_shown(
    setting: Setter, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for key in ("x", "hunter2", "fifteen-letters"):
        setting(name, key)
        with pytest.raises(WrongUsage, match=f"CAMPAIGN_{name} cannot be used: it is shorter than 16") as refused:
            load_settings()
        assert key == "x" or key not in str(refused.value)
    setting(name, "sixteen-letters!")
    assert load_settings()
    monkeypatch.delenv(f"CAMPAIGN_{name}")


def test_an_argument_counts_before_the_environment() -> None:
    assert Settings(timezone="Asia/Tokyo").timezone == "Asia/Tokyo"


SECRETS = {"DATABASE_URL": "sqlite:////tmp/other.db", "SIGNING_KEY": "s" * 16, "REPORTS_KEY": "r" * 16}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_the_file_that_its_variable_names(setting: Setter, tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRETS[name]}\n")
    setting(f"{name}_FILE", str(file))
    value = getattr(load_settings(), name.lower())
    assert (value if isinstance(value, str) else value.get_secret_value()) == SECRETS[name]


def test_every_secret_may_be_a_file(setting: Setter, tmp_path: Path) -> None:
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert len(secrets) >= 3
    contents = dict.fromkeys(secrets, "X" * 43 + "=") | {"smtp_url": "smtp://mail.example.com"}
    for name in secrets:
        file = tmp_path / name
        file.write_text(contents[name])
        setting(f"{name.upper()}_FILE", str(file))
    assert {name: getattr(load_settings(), name).get_secret_value() for name in secrets} == contents


def test_a_secret_that_is_set_twice_is_one_sentence(setting: Setter, tmp_path: Path) -> None:
    setting("SIGNING_KEY", "s" * 16)
    setting("SIGNING_KEY_FILE", str(tmp_path))
    with pytest.raises(
        WrongUsage, match=r"^CAMPAIGN_SIGNING_KEY and CAMPAIGN_SIGNING_KEY_FILE are both set; unset one of"
    ):
        load_settings()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "which cannot be read (No such file or directory); correct it."),
        (b"\xff\xfe", "which cannot be read (it is not text in UTF-8); correct it."),
        (b" \n", "which is empty; write the secret into it."),
    ],
)
def test_a_file_without_a_secret_is_one_sentence(
    setting: Setter, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    setting("SIGNING_KEY_FILE", str(file))
    with pytest.raises(WrongUsage) as caught:
        load_settings()
    assert str(caught.value) == f"CAMPAIGN_SIGNING_KEY_FILE names {str(file)!r}, {why}"


def test_what_is_wrong_with_a_file_does_not_show_its_text(setting: Setter, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    setting("SIGNING_KEY_FILE", str(tmp_path / "secret"))
    with pytest.raises(WrongUsage, match="CAMPAIGN_SIGNING_KEY cannot be used: it is shorter than 16") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
