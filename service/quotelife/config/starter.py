"""`quotelife init`: writes the starter configuration."""

from pathlib import Path

from quotelife.config.shipped import STARTER
from quotelife.config.toml_file import ABSENT, ConfigError

FILE_NAME = "quotelife.toml"


def write_starter(folder: Path) -> Path:
    """Write `quotelife.toml` into the folder, which is created where it does not exist, and return its path.

    ConfigError if there is such a file already or if it cannot be written."""
    path = folder.absolute() / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER.read_text(encoding="utf-8"))
    except FileExistsError:
        problem = "exists and is not overwritten" if path.exists() else f"{folder} is not a folder"
        raise ConfigError(path, "", ABSENT, f"{problem}; allowed: a folder without {FILE_NAME}") from None
    except OSError as error:
        allowed = f"cannot be written ({error.strerror}); allowed: a folder with write permission"
        raise ConfigError(path, "", ABSENT, allowed) from None
    return path
