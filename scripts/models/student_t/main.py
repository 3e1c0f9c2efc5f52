"""Student's t, with tails as heavy as those of the last two weeks."""

import math

from condorgame.tracker import TrackerBase

DAYS = 14


class StudentT(TrackerBase):
    def predict(self, asset, horizon, step):
        prices = self.prices.get_prices(asset, days=DAYS, resolution=3600)
        if len(prices) < 10:
            return []
        changes = [
            (later - earlier) / math.sqrt(after - before)
            for (before, earlier), (after, later) in zip(prices, prices[1:])
        ]
        variance = sum(change**2 for change in changes) / len(changes)
        if variance == 0:
            return []
        kurtosis = sum(change**4 for change in changes) / len(changes) / variance**2
        # A t distribution's kurtosis is 3 + 6 / (df - 4).
        freedom = min(4 + 6 / (kurtosis - 3), 30.0) if kurtosis > 3.2 else 30.0
        scale = math.sqrt(variance * step * (freedom - 2) / freedom)
        density = {"type": "builtin", "name": "t", "params": {"df": freedom, "loc": 0.0, "scale": scale}}
        return [
            {"step": k * step, "type": "mixture", "components": [{"density": density, "weight": 1}]}
            for k in range(1, horizon // step + 1)
        ]
