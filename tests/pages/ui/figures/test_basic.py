"""Figures hold the numbers that they were given."""

import pandas as pd

from pages.ui.figures.basic import class_bars, history_figure, per_class_comparison, suspects_by_class


def history() -> pd.DataFrame:
    rows = [
        {
            "fold": fold, "epoch": epoch, "train_loss": 1 / epoch,
            "valid_loss": 1 / epoch + 0.1 if epoch % 2 == 0 else None,
            "valid_macro_ap": epoch / 10 if epoch % 2 == 0 else None,
        }
        for fold in (0, 1)
        for epoch in (1, 2, 3, 4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_history_has_three_curves_a_fold_and_one_legend_entry():
    figure = history_figure(history())
    assert len(figure.data) == 6
    assert [trace.name for trace in figure.data if trace.showlegend] == ["fold 0", "fold 1"]
    train, valid, ap = figure.data[:3]
    assert list(train.x) == [1, 2, 3, 4]
    assert list(valid.x) == [2, 4]
    assert list(ap.y) == [0.2, 0.4]
    assert ap.xaxis == "x2"
    assert train.line.color == valid.line.color == ap.line.color != figure.data[3].line.color


def test_members_of_a_fold_are_lines_of_one_colour():
    members = [history().assign(member=m, train_loss=m + 1.0) for m in (0, 1)]
    whole = history().query("fold == 0").assign(fold=-1, member=0, valid_loss=None, valid_macro_ap=None)
    figure = history_figure(pd.concat([*members, whole]))
    assert [trace.name for trace in figure.data if trace.showlegend] == ["all clips", "fold 0", "fold 1"]
    first = [trace for trace in figure.data if trace.name == "fold 0"]
    assert len(first) == 6
    assert len({trace.line.color for trace in first}) == 1
    assert [list(trace.x) for trace in (first[0], first[3])] == [[1, 2, 3, 4]] * 2
    assert [trace.y[0] for trace in (first[0], first[3])] == [1.0, 2.0]


def test_history_of_a_training_that_has_only_begun():
    assert len(history_figure(pd.DataFrame()).data) == 0
    begun = pd.DataFrame([{"fold": 0.0, "epoch": 1.0, "train_loss": 0.7}])
    assert [trace.name for trace in history_figure(begun).data] == ["fold 0"]


def test_class_bars_rank_and_never_hide_a_listed_class():
    probabilities = {f"c{k:02d}": k / 100 for k in range(50)} | {"<b>x</b>": 0.9, "lost": float("nan")}
    bars = class_bars(probabilities, listed={"c01", "<b>x</b>"}, most=5).data[0]
    assert list(bars.y) == ["c01 ●", "c46", "c47", "c48", "c49", "&lt;b&gt;x&lt;/b&gt; ●"]
    assert list(bars.x) == [0.01, 0.46, 0.47, 0.48, 0.49, 0.9]
    assert len(class_bars({}).data[0].y) == 0


def test_comparison_pairs_the_runs_and_orders_by_gain():
    before = {"a": {"ap": 0.5}, "b": {"ap": 0.4}, "c": {"ap": None}, "gone": {"ap": 1.0}, "same": {"ap": 0.3}}
    after = {"a": {"ap": 0.2}, "b": {"ap": 0.8}, "c": {"ap": 0.9}, "new": {"ap": 1.0}, "same": {"ap": 0.3}}
    better, worse, old, new = per_class_comparison(before, after, "run <1>", "run 2").data
    assert list(old.y) == list(new.y) == ["a", "same", "b"]
    assert list(old.x) == [0.5, 0.3, 0.4]
    assert list(new.x) == [0.2, 0.3, 0.8]
    assert list(new.customdata) == ["-0.300", "+0.000", "+0.400"]
    assert old.name == "run &lt;1&gt;"
    assert list(worse.x) == [0.5, 0.2, None]
    assert list(better.y) == ["same", "same", None, "b", "b", None]


def test_comparison_of_many_classes_shows_what_changed_most():
    before = {f"c{k:03d}": {"ap": 0.5} for k in range(100)}
    after = {f"c{k:03d}": {"ap": 0.5 + (k - 50) / 200} for k in range(100)}
    figure = per_class_comparison(before, after, "1", "2", most=10)
    assert len(figure.data[2].y) == 10
    assert "c000" in figure.data[2].y
    assert "c050" not in figure.data[2].y
    assert "10 of 100 classes" in figure.layout.xaxis.title.text


def test_suspects_by_class_shows_every_kind_and_the_fullest_class_on_top():
    counts = {"<b>Wren</b>": {"missing": 5, "swapped": 1}, "Owl": {"false": 2}, "Jay": {"missing": 1}}
    figure = suspects_by_class(counts, most=2)
    assert [bar.name for bar in figure.data] == ["missing", "false", "swapped"]
    assert list(figure.data[0].y) == ["Owl", "&lt;b&gt;Wren&lt;/b&gt;"]  # drawn from the bottom up
    assert [list(bar.x) for bar in figure.data] == [[0, 5], [2, 0], [0, 1]]
    assert figure.layout.xaxis.dtick is None
    assert suspects_by_class({"Owl": {"false": 2}}).layout.xaxis.dtick == 1  # no tick at half a suspect
