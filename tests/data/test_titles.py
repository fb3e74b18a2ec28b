import pytest

from collabkit import load_movielens
from collabkit.data.titles import ARTICLES, spoken, without_article


@pytest.mark.parametrize(
    ("filed", "said", "bare"),
    [
        ("Olvidados, Los (1950)", "Los Olvidados (1950)", "Olvidados (1950)"),
        ("Avventura, L' (Adventure, The) (1960)", "L'Avventura (The Adventure) (1960)", "Avventura (Adventure) (1960)"),
        ("Gamers, The: Dorkness Rising", "The Gamers: Dorkness Rising", "Gamers: Dorkness Rising"),
        ("Human Centipede II (Full), The", "The Human Centipede II (Full)", "Human Centipede II (Full)"),
        ("matrix, the", "the matrix", "matrix"),
        ("Paris, Texas (1984)", "Paris, Texas (1984)", "Paris, Texas (1984)"),
        ("Spider Baby or, The Maddest Story", "Spider Baby or, The Maddest Story", "Spider Baby or, The Maddest Story"),
        ("The Los Angeles", "The Los Angeles", "The Los Angeles"),
        ("", "", ""),
    ],
)
def test_the_article_moves_or_goes(filed, said, bare):
    assert (spoken(filed), without_article(filed)) == (said, bare)


def test_every_article_of_a_title_that_is_filed_by_it():
    for article in ARTICLES.split("|"):
        assert spoken(f"Noun, {article}").replace(" ", "") == f"{article}Noun"


def test_no_article_is_left_behind_a_comma_in_movielens():
    behind = [title.rpartition(", ")[2].casefold() for title in map(spoken, load_movielens().films["title"].dropna())]
    assert not set(behind) & set(ARTICLES.split("|"))
