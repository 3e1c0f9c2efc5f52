"""A model that fails at each prediction."""

from condorgame.tracker import TrackerBase


class Raises(TrackerBase):
    def predict(self, asset, horizon, step):
        raise RuntimeError("boom")
