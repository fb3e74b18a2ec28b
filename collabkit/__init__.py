"""collabkit: collaborative filtering, as the course builds it.

Names are loaded when they are first used, so that ``import collabkit`` is instant and ratings need no torch.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_MODULE = {  # and once more in __init__.pyi, for type checkers and editors, who do not run __getattr__
    "load_movielens": "movielens",
    "load_users": "official",
    "Ratings": "ratings",
    "Vocabulary": "data.vocabulary",
    "Split": "splits",
    "random_split": "splits",
    "temporal_split": "splits",
    "leave_last_out": "splits",
    "k_fold": "splits",
    "strong_generalization": "splits",
    "official_folds": "official",
    "rmse": "metrics",
    "mae": "metrics",
    "recall_at_k": "metrics",
    "average_precision_at_k": "metrics",
    "ndcg_at_k": "metrics",
    "MeanBaseline": "baselines",
    "PopularityBaseline": "baselines",
    "ALS": "als",
    "BayesianMF": "bayes",
    "EASE": "ease",
    "by_recency": "recency",
    "everything_known": "features",
    "film_features": "features",
    "popularity": "features",
    "who_rated": "features",
    "ImplicitALS": "implicit_als",
    "ItemKNN": "neighbours",
    "ItemKNNStars": "neighbours",
    "BPR": "bpr",
    "BPRLoss": "bpr",
    "bpr_loss": "bpr",
    "Negatives": "negatives",
    "SampledSoftmax": "softmax",
    "TwoTower": "towers",
    "Index": "index",
    "evaluate": "evaluation",
    "cross_validate": "evaluation",
    "evaluate_ranking": "evaluation",
    "ranking_scores": "evaluation",
    "mmr": "diversity",
    "intra_list_diversity": "diversity",
    "which_models": "advice",
    "QUICK": "recipe",
    "RANKING": "recipe",
    "RECIPE": "recipe",
    "collab_dataloaders": "loaders",
    "DotProduct": "models",
    "DotProductBias": "models",
    "DotProductBiasParams": "models",
    "EmbeddingNet": "models",
    "create_params": "models",
    "sigmoid_range": "models",
    "rating_learner": "learner",
    "ranking_learner": "learner",
    "band": "results.bands",
    "most_rated": "interpret",
    "item_biases": "interpret",
    "item_components": "interpret",
    "similar_items": "interpret",
    "mean_overlap": "interpret",
    "Recommender": "recommend.recommender",
    "labelled_map": "maps",
    "InteractiveMap": "maps",
    "RatePage": "recommend.rate_page",
}

__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'collabkit' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f"collabkit.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
