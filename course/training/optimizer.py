"""Stochastic gradient descent with momentum and the weight decay of the papers."""

from collections.abc import Sequence

import keras


def is_kernel(variable: keras.Variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases nor to batch normalisation."""
    return variable.name.endswith("kernel")


@keras.saving.register_keras_serializable(package="course")
class SGD(keras.optimizers.SGD):
    """Keras's SGD whose decay is an L2 penalty: `decay` · w joins the gradient of each kernel w.

    v <- momentum · v - rate · (gradient + decay · w);  w <- w + v: Krizhevsky et al. 2012, section 5, where
    the decay goes through the momentum. The argument `weight_decay` of Keras's own optimizers does not:
    it subtracts rate · decay · w beside the step, which with momentum 0.9 decays a tenth as fast.

    Args:
        learning_rate, momentum: as Keras has them.
        decay: strength of the penalty decay/2 · |w|², at least 0. It is not part of the loss reported.
    """

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.9, decay: float = 0.0, name: str = "sgd"
    ):
        super().__init__(learning_rate=learning_rate, momentum=momentum, name=name)
        if not decay >= 0:
            raise ValueError(f"decay must be at least 0, not {decay!r}.")
        self.decay = decay

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the momentum of each variable."""
        self.decayed = [is_kernel(variable) for variable in variables]
        super().build(variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: list) -> list:
        """Sum over replicas, of which TensorFlow's backend has this.

        Where there is one there is nothing to sum, and TensorFlow never forgets the gradient that it
        registers for the sum, nor with it the whole graph of the step: megabytes for each model trained.
        """
        if self._distribution_strategy.num_replicas_in_sync == 1:
            return grads_and_vars
        return super()._all_reduce_sum_gradients(grads_and_vars)

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Add the decay to the gradient, then step."""
        if self.decay and self.decayed[self._get_variable_index(variable)]:
            gradient = gradient + self.decay * keras.ops.convert_to_tensor(variable)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict:
        """The arguments."""
        config = super().get_config()
        return {key: config[key] for key in ("learning_rate", "momentum", "name")} | {"decay": self.decay}
