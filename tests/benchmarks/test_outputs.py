"""Where results go is looked at before they are measured."""

from pathlib import Path

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize("flag", ["--json", "--plot", "--sheet"])
@pytest.mark.parametrize("folder", ["/proc/nowhere", "a-file"])
def test_a_folder_that_cannot_be_is_one_line_at_once(
    flag: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    with pytest.raises(SystemExit) as ended:
        main(["rate", flag, f"{folder}/a.png"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line
