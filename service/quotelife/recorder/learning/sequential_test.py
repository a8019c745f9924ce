"""Which of two models predicts better? A sequential test on blocks of paired losses.

d_i is the loss of the model in force minus that of the contender, summed over a block of labels. Under the hypothesis
that the contender is no better, sum d stays below sqrt((V + rho) (log(1 + V / rho) + 2 log(1 / alpha))) at all times
with probability 1 - alpha, with V = sum d^2 (Robbins, 1970; de la Pena, Lai and Shao, Self-Normalized Processes, 2009),
so the test may be evaluated after every block. V normalises itself: a single block, however extreme, cannot decide it;
that takes many consecutive blocks.
"""

import math

from quotelife.config.sections import Learning

_RHO_BLOCKS = 5.0  # the mixture is most powerful for tests of about this many blocks


class SequentialTest:
    """`better` once the contender has won, by at least `margin` of the loss in force; `worse` once it has lost."""

    def __init__(self, min_blocks: int, min_labels: int, margin: float, error_chance: float) -> None:
        self._min_blocks, self._min_labels = min_blocks, min_labels
        self._margin, self._log = margin, 2.0 * math.log(1.0 / error_chance)
        self.restart()

    @classmethod
    def of(cls, settings: Learning) -> "SequentialTest":
        return cls(settings.min_blocks, settings.min_labels, settings.margin, settings.error_chance)

    def restart(self) -> None:
        self.blocks, self.labels = 0, 0.0
        self._sum, self._square, self._loss = 0.0, 0.0, 0.0

    def add(self, loss_in_force: float, loss_contender: float, labels: float) -> None:
        """Add the summed losses of a block with a number of labels."""
        difference = loss_in_force - loss_contender
        self.blocks += 1
        self.labels += labels
        self._sum += difference
        self._square += difference * difference
        self._loss += loss_in_force

    @property
    def gain(self) -> float:
        """The share of the loss in force that the contender saves."""
        return self._sum / self._loss if self._loss > 0.0 else 0.0

    @property
    def error(self) -> float:
        """Standard error of the gain."""
        if self._loss <= 0.0 or self.blocks < 2:
            return math.inf
        mean = self._sum / self.blocks
        return math.sqrt(max(self._square - self.blocks * mean * mean, 0.0)) / self._loss

    @property
    def better(self) -> bool:
        return self._enough and self._sum >= self._bound and self.gain > self._margin

    @property
    def worse(self) -> bool:
        return self._enough and -self._sum >= self._bound

    @property
    def _enough(self) -> bool:
        return self.blocks >= self._min_blocks and self.labels >= self._min_labels and self._square > 0.0

    @property
    def _bound(self) -> float:
        share = self.blocks / _RHO_BLOCKS  # V / rho
        return math.sqrt(self._square * (1.0 + 1.0 / share) * (math.log1p(share) + self._log))
