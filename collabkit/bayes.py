"""Bayesian matrix factorization: not one pair of tables but many, drawn in proportion to how well they explain."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from tqdm import tqdm

from collabkit import checks
from collabkit.averages import design, left_over
from collabkit.chains import Chain, chain_of, watched
from collabkit.data.pairs import pair_codes_or_last
from collabkit.gaussian import Gaussian
from collabkit.gibbs import Features, Side, alike
from collabkit.ordered import Ordered
from collabkit.ratings import Ratings, Vocabulary, rated
from collabkit.sittings import Moods, Sitting, Sittings, mood_of

WithDoubt: TypeAlias = tuple[np.ndarray, np.ndarray]  # stars and their standard deviations
LIKELIHOODS: dict[str, type[Gaussian] | type[Ordered]] = {"gaussian": Gaussian, "ordered": Ordered}
KEPT = ("user_draws_", "item_draws_", "item_means_", "user_priors_", "item_priors_")
HALF = float(torch.finfo(torch.float16).max)  # the largest number of a draw that is kept


class BayesianMF:
    r"""Matrix factorization with biases, averaged over its posterior by block Gibbs sampling.

    .. math::
        r_{ui} &\sim N\bigl(\mu + b_u + b_i + p_u^\top q_i,\; 1/(\alpha w_u)\bigr)

        w_u &\sim \Gamma(\nu/2, \nu/2)

        {[b_i, q_i]} &\sim N\bigl(B^\top [1, x_i],\; \Lambda^{-1}\bigr)

        B_{fk} &\sim N\bigl(0, 1/(\lambda_{g(f)} \Lambda_{kk})\bigr)

    and the same for users. Λ is diagonal; Λ, λ and α have weak gamma priors, so nothing is tuned by hand; that of Λ
    expects smaller factors where there are fewer than 20,000 ratings. Features come in groups :math:`g`, each with its
    own λ. A sweep draws each block given all the others: both tables (one small Gaussian an owner), what their priors
    depend on, the noise. α is the precision of the noise, and :math:`w_u` says how much more steadily than others a
    user rates. Without features :math:`x_i`, the prior means are learnt constants.

    A prediction averages :math:`\mu + b_u + E[b_i] + p_u^\top E[q_i]` over the draws of the user table, with the
    exact conditional mean of the item rows in place of another draw; then it is clipped to the scale of the ratings.

    With ``likelihood="ordered"``, stars are classes: the first line, with α = 1 and μ = 0, is of a hidden length, and a
    star is the class in which it falls, between learnt thresholds (:class:`~collabkit.ordered.Ordered`). Each star has
    a probability, the mean over draws of both tables, and a prediction is the stars to expect.

    Args:
        n_factors: K, the factors of a user or an item. 8 suit ids alone, 16 suit features.
        n_samples: draws that are kept, one a sweep. They stay in memory, as float16.
        seed: of everything random here.
        burn_in: sweeps before the first draw that is kept.
        noise_df: ν, above 2; up to 1e9, which gives all users one noise. Raised where users have fewer than 40 ratings.
        overrelaxation: ρ, from 0 to 0.99: how far a draw leans to the other side of its mean than the one before. The
            posterior stays the same, and where features make a chain slow, fewer draws do.
        windows: sizes in seconds, such as a day, an hour and ten minutes, ``(86_400, 3_600, 600)``. In each of them, a
            user's ratings lie higher or lower by :math:`m \sim N(0, 1/\tau)`, with a τ a size: see :meth:`predict_at`.
        likelihood: what stars are: lengths, ``"gaussian"``, or up to 50 classes, ``"ordered"``, and without windows.
        device: where the tables live.
        progress: whether to show a bar; ``None`` shows it in a terminal only.

    Settings were chosen on training ratings of the small editions (``benchmarks/bayes.py``).

    Attributes:
        mean_: μ.
        user_draws_, item_draws_: ``[bias, factors]``, ``(S, U + 1, 1 + K)`` and ``(S, I + 1, 1 + K)``; the last row
            belongs to a user or item that nobody has met. Their scores are in units of ``unit_``.
        item_means_: conditional means of the item rows, given the user table of the same draw.
        user_priors_, item_priors_: of that last row, the prior mean and precision in each draw ``(S, 2, 1 + K)``.
        precisions_: α in each draw ``(S,)``, in 1/units²; ``noise_df_`` is the ν of this table.
        unit_: the power of two nearest to the standard deviation of the ratings, in stars; 1 for stars up to five.
            Ratings are divided by it, so that the priors and float16 suit those of any size.
        trace_: RMSE on the training ratings in stars after each sweep, burn-in included.
        noise_: variance of a user's ratings around the model, in stars² (or hidden lengths²), ``(U + 1,)``, float64.
        stars_: the values that were rated, ascending ``(C,)``; ``None`` when there are more than 50.
        thresholds_, weights_: of an ordered model, its thresholds ``(S, C - 1)`` and :math:`w_u` ``(S, U + 1)``.
        users_, items_: the vocabularies that it was trained on.

    ``predict`` answers an unknown user or item from the prior, as one with average features. An item that has features
    and no ratings is answered from its features. Predictions change with another fit alone, not with a setting.
    :class:`collabkit.Recommender` makes lists of them.

    Warns: when the chain has not settled: of the predictions of 250 training pairs and as many random ones, split R-hat
    is above 1.1 and the Monte Carlo error above a twentieth of ``trace_``. More sweeps help; ``chain`` says how far.

    Source: :cite:t:`salakhutdinov2008bayesian`; prior means from features :cite:t:`simm2017macau`; how far a careful
    Bayesian baseline goes :cite:t:`rendle2019difficulty`; overrelaxation :cite:t:`adler1981over`.
    """

    users_: Vocabulary
    items_: Vocabulary
    mean_: float
    unit_: float
    scale_: tuple[float, float]
    user_draws_: Tensor
    item_draws_: Tensor
    item_means_: Tensor
    user_priors_: Tensor
    item_priors_: Tensor
    precisions_: Tensor
    noise_: Tensor
    noise_df_: float
    trace_: list[float]
    stars_: np.ndarray | None = None
    thresholds_: Tensor | None = None
    weights_: Tensor | None = None
    likelihood_: str = "gaussian"
    _moods: Moods | None = None
    _side = staticmethod(Side)  # which a chain with known rows replaces

    def __init__(
        self,
        n_factors: int = 8,
        n_samples: int = 100,
        seed: int = 0,
        burn_in: int = 20,
        noise_df: float = 5.0,
        overrelaxation: float = 0.0,
        windows: tuple[int, ...] = (),
        likelihood: Literal["gaussian", "ordered"] = "gaussian",
        device: str | torch.device = "cpu",
        progress: bool | None = None,
    ):
        self.n_factors, self.n_samples, self.seed, self.burn_in = n_factors, n_samples, seed, burn_in
        self.noise_df, self.overrelaxation = noise_df, overrelaxation
        self.windows, self.likelihood = windows, likelihood
        self.device, self.progress = device, progress

    def fit(self, train: Ratings, item_features: Features = None, user_features: Features = None) -> BayesianMF:
        """Draw from the posterior given these ratings; returns itself.

        Args:
            item_features: a row of numbers an item code ``(I, F)``, array or DataFrame; columns of similar size.
                They may repeat each other. See :func:`collabkit.film_features`. Or groups of them by name,
                ``{"genres": table, …}``, each shrunk by a λ of its own.
            user_features: likewise ``(U, F)``.

        Raises: ``ValueError`` or ``TypeError`` for a setting outside its range (at least one draw; ν above 2, or a new
        user's noise has no variance), for an empty table, for features of another length, or with a NaN; for ordered
        ratings of one value, of more than 50, or with windows;
        ``FloatingPointError`` when draws explode. The model is then as it was before.
        """
        rated(train, "train")
        n_coefs = 1 + checks.whole("n_factors", self.n_factors, at_least=0)
        n_samples = checks.whole("n_samples", self.n_samples, at_least=1)
        burn_in = checks.whole("burn_in", self.burn_in, at_least=0)
        noise_df = alike(checks.number("noise_df", self.noise_df, above=2, at_most=1e9), train.user)
        lean = checks.number("overrelaxation", self.overrelaxation, at_least=0, at_most=0.99)
        hidden = None if self.progress is None else not checks.flag("progress", self.progress)
        device = checks.device(self.device)
        likelihood = checks.choice("likelihood", self.likelihood, LIKELIHOODS)
        rng = torch.Generator(device).manual_seed(checks.seed(self.seed))
        user, item = (torch.from_numpy(code.astype("int64")).to(device) for code in (train.user, train.item))
        side = partial(self._side, n_coefs=n_coefs, device=device, overrelaxation=lean)
        P = side(train.user, train.item, train.n_users, train.n_items, user_features, "user")
        Q = side(train.item, train.user, train.n_items, train.n_users, item_features, "item")
        sittings = Sittings(train, self.windows, device, lean)
        stars = LIKELIHOODS[likelihood](train, P, sittings, noise_df, device)
        Q.rows[:, 1:].normal_(0, 0.1, generator=rng)
        kept = [torch.empty(n_samples, *one.rows.shape, dtype=torch.float16, device=device) for one in (P, Q, Q)]
        kept += [torch.empty(n_samples, 2, n_coefs, device=device) for _ in (P, Q)]
        trace: list[float] = []
        for sweep in tqdm(range(burn_in + n_samples), desc="sweeps", disable=hidden):
            y, precision = stars.y, stars.precision  # (n,) in units, as all is here, and (U + 1,)
            z = y - sittings.offset
            P.draw(design(Q.rows), z - Q.rows[item, 0], rng, own=precision)
            P.draw_prior(rng)
            root = precision.sqrt()  # the item side weighs a rating by its user's precision
            Q.draw(design(P.rows) * root[:, None], (z - P.rows[user, 0]).mul_(root[user]), rng)
            Q.draw_prior(rng)
            left = sittings.draw(left_over(P.rows, Q.rows, user, item, y), precision, rng)
            trace.append(stars.draw(left, rng, settling=sweep < burn_in))
            tables = (P.rows, Q.rows, Q.means)
            if not (math.isfinite(trace[-1]) and all(table.abs().max() < HALF for table in tables)):
                raise FloatingPointError(f"sweep {sweep + 1} is not finite: are some features huge? Divide them.")
            if sweep >= burn_in:
                for samples, now in zip(kept, (*tables, P.newcomer(), Q.newcomer()), strict=True):
                    samples[sweep - burn_in] = now
                stars.keep()
                sittings.keep()
        learnt = {"users_": train.users, "items_": train.items, "trace_": trace, "likelihood_": likelihood}
        learnt |= dict(zip(KEPT, kept, strict=True)) | stars.learnt()
        learnt["_moods"] = sittings.learnt(n_samples)
        learnt["scale_"] = train.scale or (float(train.rating.min()), float(train.rating.max()))
        vars(self).update(learnt)  # all at once: never draws of one fit and ids of another
        self._warn_unless_settled(self._chain(*watched(train)))
        return self

    def chain(self, users: ArrayLike, items: ArrayLike) -> Chain:
        """How far predictions, before they are clipped, would still move with other draws; ids as in :meth:`predict`.

        Its ``error`` is the Monte Carlo error of one, in stars, which more draws take away. It needs four draws.
        """
        checks.fitted(self)
        return self._chain(*pair_codes_or_last(self.users_, self.items_, users, items))

    def _chain(self, users: np.ndarray, items: np.ndarray) -> Chain:
        return chain_of(torch.stack(list(LIKELIHOODS[self.likelihood_].by_draw(self, *self._at(users, items)))))

    def _warn_unless_settled(self, found: Chain) -> None:
        if found.moves(self.trace_[-1]):
            warnings.warn(
                f"the chain has not settled: the halves of its {self.n_samples} draws still differ, and a prediction "
                f"has a Monte Carlo error of {found.error:.2f} stars (R-hat {found.r_hat:.2f}). "
                f"Take more sweeps (burn_in={self.burn_in}, n_samples={self.n_samples}).",
                stacklevel=3,
            )

    @overload
    def predict(self, users: ArrayLike, items: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, users: ArrayLike, items: ArrayLike, return_std: Literal[True]) -> WithDoubt: ...

    def predict(self, users: ArrayLike, items: ArrayLike, return_std: bool = False) -> np.ndarray | WithDoubt:
        """Stars ``(n,)`` for pairs of user and item ids; with ``return_std`` also their standard deviations ``(n,)``.

        One id on either side goes with all on the other.
        The standard deviation is that of a new rating: how far the draws disagree, and the user's noise.
        """
        checks.fitted(self)
        return_std = checks.flag("return_std", return_std)
        found = self._answer(*pair_codes_or_last(self.users_, self.items_, users, items), doubt=return_std)
        return found if return_std else found[0]

    def predict_at(
        self, users: ArrayLike, items: ArrayLike, times: ArrayLike, sitting: Sitting = "before"
    ) -> WithDoubt:
        """Stars and their standard deviations ``(n,)`` at these times, one a pair or one for all, as in training.
        :meth:`predict` answers for a sitting of which nothing is known.

        Args:
            sitting: which of the user's training ratings may speak for the ``windows`` that hold this time: those
                ``"before"`` that second, as when you predict, or all ``"around"`` it, to fill gaps in what is over.

        Raises: ``ValueError`` for a model without windows. One that was saved has lost them.
        """
        checks.fitted(self)
        user, item = pair_codes_or_last(self.users_, self.items_, users, items)
        mood, known = mood_of(self._moods, user, times, sitting)
        return self._answer(user, item, mood=mood, known=known)

    def predict_codes(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Stars ``(n,)``, for codes ``(n,)`` of both; the one past the last is of somebody unknown."""
        checks.fitted(self)
        return self._answer(users, items, doubt=False)[0]

    def predict_proba(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """A probability for each of ``stars_`` ``(n, C)``; ids as in :meth:`predict`.

        A Gaussian model gives a star the mass of its normal from halfway to the one below to halfway to the one above.
        Raises: ``ValueError`` where more than 50 values were rated.
        """
        checks.fitted(self)
        if self.stars_ is None:
            raise ValueError("this model was fitted to ratings of more than 50 values: ask predict for their mean.")
        pairs = self._at(*pair_codes_or_last(self.users_, self.items_, users, items))
        return LIKELIHOODS[self.likelihood_].shares(self, *pairs)

    def _answer(self, users: np.ndarray, items: np.ndarray, **how: Any) -> WithDoubt:
        stars, deviation = LIKELIHOODS[self.likelihood_].answer(self, *self._at(users, items), **how)
        return stars.clip(*self.scale_), deviation

    def _at(self, users: np.ndarray, items: np.ndarray) -> tuple[Tensor, Tensor]:
        device = self.user_draws_.device
        return torch.from_numpy(users).to(device), torch.from_numpy(items).to(device)
