#!/usr/bin/python3
"""make.py -- makes the models in this folder with python3-xgboost 1.7.4: NAME.json or NAME.ubj, and
NAME.csv with rows of features, a bar, and XGBoost's margins for them (empty: missing). The tests read
these where XGBoost is not installed."""
import numpy as np
import xgboost as xgb

rng = np.random.default_rng(7)
ROWS, SHOWN = 200, 24


def data(columns, missing=0.1):
    x = np.round(rng.normal(size=(ROWS, columns)), 2).astype("f4")
    z = x[:, 0] - 2 * (x[:, 1] > 0.3) + x[:, 2] * x[:, 0]
    x[rng.random(x.shape) < missing] = np.nan
    return x, z


def cell(v):
    return "" if np.isnan(v) else repr(float(v))


def save(name, params, x, y, rounds=3, kind="json", types=None):
    d = xgb.DMatrix(x, y, feature_types=types, enable_categorical=types is not None)
    b = xgb.train(dict(params, verbosity=0, nthread=1), d, rounds)
    b.save_model(f"{name}.{kind}")
    shown = xgb.DMatrix(x[:SHOWN], feature_types=types, enable_categorical=types is not None)
    margins = b.predict(shown, output_margin=True).reshape(min(SHOWN, len(x)), -1)
    with open(name + ".csv", "w", encoding="utf-8") as f:
        for row, out in zip(x, margins):
            f.write(",".join(map(cell, row)) + "|" + ",".join(map(cell, out)) + "\n")


x, z = data(4)
save("logistic", {"objective": "binary:logistic", "max_depth": 3}, x, (z > 0).astype("f4"))
save("regression", {"objective": "reg:squarederror", "max_depth": 2, "base_score": 1.25}, x, z, kind="ubj")
save("softprob", {"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, x, np.digitize(z, [-1, 1]))
save("softmax", {"objective": "multi:softmax", "num_class": 3, "max_depth": 1, "num_parallel_tree": 2}, x,
     np.digitize(z, [-1, 1]), kind="ubj")
save("dart", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5, "one_drop": 1, "max_depth": 2},
     x, (z > 0).astype("f4"), rounds=5)
save("linear", {"objective": "reg:squarederror", "booster": "gblinear", "updater": "coord_descent"}, x, z)
save("poisson", {"objective": "count:poisson", "max_depth": 2}, x, np.floor(np.exp(np.clip(z, -2, 2))))
save("single", {"objective": "binary:logistic", "max_depth": 2}, x, np.ones(ROWS, "f4"), rounds=1)
c = np.column_stack([rng.integers(0, 40, ROWS), rng.integers(0, 3, ROWS), rng.normal(size=ROWS)]).astype("f4")
save("category", {"objective": "reg:squarederror", "tree_method": "hist", "max_depth": 3, "max_cat_to_onehot": 3}, c,
     (c[:, 0] % 7) + c[:, 1] * c[:, 2], types=["c", "c", "q"])
