from collabkit import RECIPE


def test_the_recipe_is_what_loader_and_learner_use_by_default():
    import inspect

    from collabkit import collab_dataloaders, rating_learner

    assert inspect.signature(collab_dataloaders).parameters["bs"].default == RECIPE.bs
    assert inspect.signature(rating_learner).parameters["wd"].default == RECIPE.wd
    assert inspect.signature(rating_learner).parameters["lr"].default == RECIPE.lr
