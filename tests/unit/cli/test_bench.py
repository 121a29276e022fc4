import pytest


@pytest.mark.parametrize("section", ["all", "models", "job", "service", "growth"])
def test_every_section_is_explained(streetveil, section):
    assert f" {section} " in streetveil("bench", "--help").output
    result = streetveil("bench", section, "--help")
    assert result.exit_code == 0
    assert "--seconds" in result.output
    assert "--images" in result.output


@pytest.mark.parametrize("words", [["bench"], ["bench", "--seconds", "1"], ["bench", "models", "job"]])
def test_without_models_it_says_how_to_get_them(streetveil, words):
    result = streetveil(*words)

    assert result.exit_code != 0
    assert "streetveil models pull" in str(result.exception)


def test_a_section_that_there_is_not_is_refused(streetveil):
    assert streetveil("bench", "models", "coffee").exit_code == 2
    assert streetveil("bench", "coffee").exit_code == 2
