"""Exercises of chapter 17: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pandas as pd
import pytest

from collabkit.exercises import ch17


def test_not_tried(said):
    def stub(*args):
        return None

    for check, answers in [
        (ch17.check_1, [None, None]),
        (ch17.check_1, [6.656, None]),
        (ch17.check_2, [stub]),
        (ch17.check_3, [stub]),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 17.1: bytes


@pytest.mark.parametrize("answer", [(6.656, 26.624), (np.float32(6.656), np.array(26.624)), (6.6561, 26.6239)])
def test_tables(answer):
    assert ch17.check_1(*answer)


@pytest.mark.parametrize(
    ("tables", "training", "hint"),
    [
        (6.448, 26.624, "bias is a column"),
        (13.312, 26.624, "four bytes, not eight"),
        (1.664, 26.624, "Each takes four bytes"),
        (6.656e9, 26.624, "in bytes"),
        (6656, 26.624, "in MB"),
        (6.656e9 / 2**30, 26.624, "GiB"),
        (6.4, 26.624, "items have a table"),
        (4e5, 26.624, "the matrix with every cell"),
        (12.8e6, 26.624, "not U · I"),
        (5, 26.624, "4 bytes ·"),
        ("6.656", 26.624, "one number"),
        (6.656, 19.968, "gradients"),
        (6.656, 13.312, "two averages beside"),
        (6.656, 6.656, "tables alone"),
        (6.656, 33.28, "parameter is one of them"),
        (6.656, 1, "four times"),
        (6.656, True, "one number"),
    ],
)
def test_tables_hints(said, tables, training, hint):
    assert hint in said(ch17.check_1, tables, training)


# ---------------------------------------------------------------- 17.2: codes


def right_codes(pieces, order=lambda ids: ids):
    known, codes = {}, []
    for piece in pieces:
        codes += [known.setdefault(one, len(known)) for one in piece.tolist()]
    return np.array(codes, dtype="int64"), np.array(list(known))


def by_index(pieces):
    known, parts = pd.Index([], dtype="int64"), []
    for piece in pieces:
        local, unique = pd.factorize(piece)
        known = known.append(pd.Index(unique[known.get_indexer(unique) < 0]))
        parts.append(known.get_indexer(unique)[local])
    return np.concatenate(parts), known


def sorted_codes(pieces):
    ids, codes = np.unique(np.concatenate(list(pieces)), return_inverse=True)
    return codes, ids


def own_codes(pieces):
    parts = [pd.factorize(piece) for piece in pieces]
    return np.concatenate([one for one, _ in parts]), pd.unique(np.concatenate([ids for _, ids in parts]))


def twice(pieces):
    parts = [pd.factorize(piece) for piece in pieces]
    return np.concatenate([one for one, _ in parts]), np.concatenate([ids for _, ids in parts])


def unknown(pieces):
    whole = np.concatenate(list(pieces))
    return pd.Index(whole[:2]).unique().get_indexer(whole), pd.unique(whole)


def writes(pieces):
    kept = list(pieces)
    answer = right_codes([piece.copy() for piece in kept])
    for piece in kept:
        piece[:] = 0
    return answer


@pytest.mark.parametrize("codes", [right_codes, by_index])
def test_codes(codes):
    assert ch17.check_2(codes)


@pytest.mark.parametrize(
    ("codes", "hint"),
    [
        (sorted_codes, "sorted or turned"),
        (own_codes, "still its own"),
        (twice, "stands twice"),
        (unknown, "add new ids first"),
        (writes, "changes the pieces"),
        (lambda pieces: right_codes(pieces)[0], "return two things"),
        (lambda pieces: (right_codes(pieces)[0][:-1], [1]), "as many codes"),
        (lambda pieces: (right_codes(pieces)[0] * 1.0, [1]), "whole numbers"),
        (lambda pieces: (right_codes(pieces)[0], [7, 3]), "different ids came"),
        (3, "function itself"),
    ],
)
def test_codes_hints(said, codes, hint):
    assert hint in said(ch17.check_2, codes)


# ---------------------------------------------------------------- 17.3: means


def sums(pieces, n_items):
    count, total, last = np.zeros(n_items), np.zeros(n_items), 0.0
    for item, stars in pieces:
        count += np.bincount(item, minlength=n_items)
        total += np.bincount(item, weights=stars, minlength=n_items)
        last = stars.mean()
    return count, total, last


def right_means(pieces, n_items, damping):
    count, total, _ = sums(pieces, n_items)
    mean = total.sum() / count.sum()
    return mean, (total - mean * count) / np.where(count, count + damping, 1)


def wrong(formula):
    def means(pieces, n_items, damping):
        count, total, last = sums(pieces, n_items)
        mean = total.sum() / count.sum()
        divisor = np.where(count, count + damping, 1)
        return formula(mean, count, total, divisor, last)

    return means


def piece_means(pieces, n_items, damping):
    kept = list(pieces)
    return np.mean([stars.mean() for _, stars in kept]), right_means(kept, n_items, damping)[1]


def own_means(pieces, n_items, damping):
    kept = list(pieces)
    above = sum(np.bincount(item, weights=stars - stars.mean(), minlength=n_items) for item, stars in kept)
    count = sums(kept, n_items)[0]
    return right_means(kept, n_items, damping)[0], above / np.where(count, count + damping, 1)


def test_means():
    assert ch17.check_3(right_means)


@pytest.mark.parametrize(
    ("means", "hint"),
    [
        (piece_means, "mean of the pieces' means"),
        (wrong(lambda m, n, t, d, last: (last, t)), "last piece alone"),
        (wrong(lambda m, n, t, d, last: (t.sum(), t)), "sum of all stars"),
        (wrong(lambda m, n, t, d, last: (1.0, t)), "the mean of all ratings is"),
        (wrong(lambda m, n, t, d, last: ("1", t)), "one number"),
        (wrong(lambda m, n, t, d, last: m), "return two things"),
        (wrong(lambda m, n, t, d, last: (m, t[:3])), "one entry an item"),
        (wrong(lambda m, n, t, d, last: (m, np.where(n, t, np.nan))), "has the offset 0"),
        (wrong(lambda m, n, t, d, last: (m, t / d)), "subtract the mean, as often"),
        (wrong(lambda m, n, t, d, last: (m, np.where(n, t / np.where(n, n, 1) - m, 0))), "damping is missing"),
        (wrong(lambda m, n, t, d, last: (m, np.where(n, t / d - m, 0))), "pulls to 0 stars"),
        (wrong(lambda m, n, t, d, last: (m, np.where(n, t - m, 0) / d)), "not once an item"),
        (wrong(lambda m, n, t, d, last: (m, t - m * n)), "divide by n + k"),
        (own_means, "its own mean"),
        (wrong(lambda m, n, t, d, last: (m, np.ones(8))), "not right yet"),
        (3, "function itself"),
    ],
)
def test_means_hints(said, means, hint):
    assert hint in said(ch17.check_3, means)
