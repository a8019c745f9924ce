"""The starter configuration that `quotelife init` writes."""

import pytest

from quotelife.config import ConfigError, check_credentials, check_files, load, resolve
from quotelife.config.sections import Config
from quotelife.config.shipped import STARTER
from quotelife.config.starter import write_starter


def test_starter_is_loaded_as_written(tmp_path):
    path = write_starter(tmp_path / "new" / "desk")
    config = load(path)
    check_files(config)
    check_credentials(config)
    assert resolve(config, config.paths.data) == path.parent / "var"
    assert [c.name for c in config.client] == ["First Client"]


def test_every_section_of_the_starter_has_a_comment():
    headings = [line for line in STARTER.read_text().splitlines() if line.startswith("[")]
    assert all("#" in line for line in headings if line != "[[rule]]")
    assert {line.split("]")[0].strip("[").split(".")[0] for line in headings} <= set(Config.__struct_fields__)


def test_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "quotelife.toml").write_text("mine")
    with pytest.raises(ConfigError, match=r"quotelife\.toml: exists .*allowed: "):
        write_starter(tmp_path)
    assert (tmp_path / "quotelife.toml").read_text() == "mine"


def test_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(ConfigError, match=r"allowed: a folder") as error:
            write_starter(folder)
        assert "\n" not in str(error.value)
