"""Child processes run the installed modules, whatever is in the current folder."""

import subprocess

from quotelife.runtime.module_command import module_command


def test_package_in_the_current_folder_is_not_imported(tmp_path):
    for name in ("quotelife", "quotelife_models", "models", "service", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit(9)")
    run = subprocess.run(module_command("quotelife.runtime.clock"), cwd=tmp_path, timeout=60, check=False)
    assert run.returncode == 0
