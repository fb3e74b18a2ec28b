import matplotlib
import pytest
from matplotlib import pyplot as plt

from collabkit import plots

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def test_long_tail_is_sorted_and_leaves_out_zeros():
    ax = plots.long_tail([3, 0, 10, 1])
    assert ax.lines[0].get_ydata().tolist() == [10, 3, 1]


def test_loss_curves_show_each_epoch():
    class Recorder:
        values = ((1.0, 1.1, 1.05), (0.8, 1.0, 1.0))

    class Learn:
        recorder = Recorder
        metrics = ("rmse",)

    ax = plots.loss_curves(Learn)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 0.8], [1.1, 1.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]


@pytest.mark.parametrize("values", [[], [(1.0, 1.0)]])
def test_loss_curves_of_no_fit_say_what_cleared_them(values):
    class Learn:
        metrics = ("rmse",)
        recorder = type("Recorder", (), {"values": values})

    with pytest.raises(ValueError, match="before validate"):
        plots.loss_curves(Learn)


def test_plots_draw_where_they_are_told():
    _, ax = plt.subplots()
    assert plots.long_tail([1, 2], ax=ax) is ax


def test_use_style_sets_the_colours():
    plots.use_style()
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == plots.COLOURS


def test_the_colours_differ_in_lightness_too():
    """Neighbours in the cycle can be told apart in grey."""

    def lightness(colour):
        r, g, b = matplotlib.colors.to_rgb(colour)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for one, other in zip(plots.COLOURS[:4], plots.COLOURS[1:4], strict=False):
        assert abs(lightness(one) - lightness(other)) > 0.02
