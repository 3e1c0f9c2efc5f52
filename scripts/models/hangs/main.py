"""A model that never answers a prediction."""

import time

from condorgame.tracker import TrackerBase


class Hangs(TrackerBase):
    def predict(self, asset, horizon, step):
        while True:
            time.sleep(3600)
