"""A model whose answers have no shape."""

from condorgame.tracker import TrackerBase


class Nonsense(TrackerBase):
    def predict(self, asset, horizon, step):
        return "hello"
