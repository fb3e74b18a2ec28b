"""Files that a test writes again and again."""

from pathlib import Path

import numpy as np

from collabkit.data.movielens_files import Edition


def overwrite(path: Path, content: bytes) -> None:
    """As ``path.write_bytes``, which on ext4 waits for the disk whenever it empties a file that is there."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(content)
        file.truncate()


GENRES = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|Musical|"
    "Mystery|Romance|Sci-Fi|Thriller|War|Western"
)


def made_up_100k(folder: Path, n_users: int = 40, n_films: int = 60, per_user: int = 30) -> Edition:
    """Files as MovieLens 100K has them, of made-up ratings, with its folds and users; and how to know them."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users), per_user)
    item = np.concatenate([np.arange(per_user) + shift for shift in rng.integers(n_films, size=n_users)]) % n_films
    stars = 3.5 + rng.normal(0, 0.7, n_users)[user] + rng.normal(0, 0.7, n_films)[item] + rng.normal(0, 0.5, len(user))
    stars, times = stars.round().clip(1, 5).astype(int), 880_000_000 + rng.integers(10**7, size=len(user))
    rows = [f"{u + 1}\t{i + 1}\t{r}\t{t}\n" for u, i, r, t in zip(user, item, stars, times, strict=True)]
    order = rng.permutation(len(rows))
    place = np.arange(len(rows)) % per_user  # of a rating among those of its user
    fifth = np.argsort(order) * 5 // len(rows)
    tests = {f"u{k + 1}": fifth == k for k in range(5)} | {"ua": place < 10, "ub": (place >= 10) & (place < 20)}
    texts = {"u.data": "".join(rows[row] for row in order)}
    for fold, test in tests.items():
        for name, part in (("base", ~test), ("test", test)):
            texts[f"{fold}.{name}"] = "".join(row for row, there in zip(rows, part, strict=True) if there)
    genres = GENRES.split("|")
    texts["u.genre"] = "".join(f"{name}|{number}\n" for number, name in enumerate(genres)) + "\n"
    flags = ["|".join(map(str, row)) for row in rng.binomial(1, 0.15, (n_films, len(genres)))]
    years = 1920 + np.arange(n_films)
    texts["u.item"] = "".join(
        f"{i + 1}|Les Misérables {i + 1} ({years[i]})|01-Jan-{years[i]}||http://x|{flags[i]}\n" for i in range(n_films)
    )
    ages, jobs = 7 + 66 * np.arange(n_users) // n_users, ("technician", "other", "writer")
    texts["u.user"] = "".join(f"{u + 1}|{ages[u]}|{'MF'[u % 2]}|{jobs[u % 3]}|8571{u % 10}\n" for u in range(n_users))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("latin-1"))
    counts = tuple(np.bincount(stars, minlength=6)[1:].tolist())
    return Edition("ml-100k", len(rows), n_users, n_films, stars=counts, scale=(1.0, 5.0), latin_1=True)
