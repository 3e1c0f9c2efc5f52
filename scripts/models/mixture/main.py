"""Two normal distributions: one for quiet times, one for the restless fifth of them."""

import math

from condorgame.tracker import TrackerBase

DAYS = 7
RESTLESS = 0.2


class Mixture(TrackerBase):
    def predict(self, asset, horizon, step):
        prices = self.prices.get_prices(asset, days=DAYS, resolution=3600)
        if len(prices) < 10:
            return []
        rates = sorted(
            (later - earlier) ** 2 / (after - before)
            for (before, earlier), (after, later) in zip(prices, prices[1:])
        )
        border = round(len(rates) * (1 - RESTLESS))
        components = [
            {
                "density": {
                    "type": "builtin",
                    "name": "norm",
                    "params": {"loc": 0.0, "scale": max(math.sqrt(sum(part) / len(part) * step), 1e-9)},
                },
                "weight": weight,
            }
            for part, weight in ((rates[:border], 1 - RESTLESS), (rates[border:], RESTLESS))
        ]
        return [
            {"step": k * step, "type": "mixture", "components": components}
            for k in range(1, horizon // step + 1)
        ]
