# What type checkers and editors read in place of the table in __init__.py; a test keeps the two equal.

from collabkit.als import ALS as ALS
from collabkit.baselines import MeanBaseline as MeanBaseline
from collabkit.baselines import PopularityBaseline as PopularityBaseline
from collabkit.bayes import BayesianMF as BayesianMF
from collabkit.data.vocabulary import Vocabulary as Vocabulary
from collabkit.evaluation import cross_validate as cross_validate
from collabkit.evaluation import evaluate as evaluate
from collabkit.evaluation import evaluate_ranking as evaluate_ranking
from collabkit.features import film_features as film_features
from collabkit.features import popularity as popularity
from collabkit.features import who_rated as who_rated
from collabkit.implicit_als import ImplicitALS as ImplicitALS
from collabkit.interpret import item_biases as item_biases
from collabkit.interpret import item_components as item_components
from collabkit.interpret import mean_overlap as mean_overlap
from collabkit.interpret import most_rated as most_rated
from collabkit.interpret import similar_items as similar_items
from collabkit.learner import rating_learner as rating_learner
from collabkit.loaders import collab_dataloaders as collab_dataloaders
from collabkit.maps import InteractiveMap as InteractiveMap
from collabkit.maps import labelled_map as labelled_map
from collabkit.metrics import average_precision_at_k as average_precision_at_k
from collabkit.metrics import mae as mae
from collabkit.metrics import ndcg_at_k as ndcg_at_k
from collabkit.metrics import recall_at_k as recall_at_k
from collabkit.metrics import rmse as rmse
from collabkit.models import DotProduct as DotProduct
from collabkit.models import DotProductBias as DotProductBias
from collabkit.models import DotProductBiasParams as DotProductBiasParams
from collabkit.models import EmbeddingNet as EmbeddingNet
from collabkit.models import create_params as create_params
from collabkit.models import sigmoid_range as sigmoid_range
from collabkit.movielens import load_movielens as load_movielens
from collabkit.ratings import Ratings as Ratings
from collabkit.recipe import QUICK as QUICK
from collabkit.recipe import RECIPE as RECIPE
from collabkit.recommend.rate_page import RatePage as RatePage
from collabkit.recommend.recommender import Recommender as Recommender
from collabkit.results.bands import band as band
from collabkit.splits import Split as Split
from collabkit.splits import k_fold as k_fold
from collabkit.splits import leave_last_out as leave_last_out
from collabkit.splits import random_split as random_split
from collabkit.splits import temporal_split as temporal_split

__version__: str
