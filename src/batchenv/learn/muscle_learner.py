"""The learner of the muscle network: supervised by torques, since what activations make is known exactly.

The loss is that of MASS (Lee et al. 2019, "Scalable Muscle-Actuated Human Simulation and Control", section 5)
as Park et al. (SIGGRAPH 2022) have it: mean(((JtA a - tau) / 100)^2) + 0.01 mean(a^2) + 0.01 mean(z^2),
with a = relu(tanh(z)).
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from batchenv.config.training import MuscleLearning
from batchenv.engine.coordinators.network import MuscleNetLayout, check_state
from batchenv.engine.coordinators.network.layout import LEAKY_SLOPE, PREVIOUS_SCALE, TORQUE_SCALE
from batchenv.learn.adam_state import load_adam

_ERROR_SCALE = 100.0
"""Torque error that the loss counts as one [Nm]."""
_LARGEST_GRADIENT = 0.5


class MuscleNet(nn.Module):
    """The network of a `MuscleNetLayout`, with the keys "fc.0.weight", ..., and weights by Xavier."""

    def __init__(self, layout: MuscleNetLayout):
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(layout.sizes):
            linear = nn.Linear(n_in, n_out)
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.LeakyReLU(LEAKY_SLOPE)]
        self.fc = nn.Sequential(*layers[:-1])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return z (n, M) of inputs (n, sizes[0]), scaled as the layout says."""
        return self.fc(inputs)


class MuscleModel(nn.Module):
    """A network with the physics around it: from problems to activations to torques.

    Args:
        layout: of the network.
        base: the network before it in a cascade, with its layout; it does not learn.
        weight: of the network in the cascade.
    """

    crossing: torch.Tensor
    to_joint: torch.Tensor

    def __init__(
        self, layout: MuscleNetLayout, base: tuple[MuscleNetLayout, Mapping[str, Any]] | None, weight: float
    ):
        super().__init__()
        self.net, self.weight, self.base = MuscleNet(layout), weight, None
        if base is not None:
            self.base = MuscleNet(base[0]).requires_grad_(False)
            self.base.load_state_dict(tensors(base[0], base[1]))
        to_joint = torch.zeros(layout.n_crossing, len(layout.joint_names))
        to_joint[torch.arange(layout.n_crossing), torch.from_numpy(layout.muscle_joint).long()] = 1.0
        self.register_buffer("crossing", torch.from_numpy(layout.crossing_muscle).long(), persistent=False)
        self.register_buffer("to_joint", to_joint, persistent=False)
        self.crossed: torch.Tensor
        self.register_buffer("crossed", to_joint.amax(0), persistent=False)

    def forward(self, jta: torch.Tensor, torque: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return z and activations (n, M) of JtA_reduced (n, nnz) and torques (n, J) [Nm]."""
        inputs = torch.cat((jta, torque), 1) / TORQUE_SCALE
        if self.base is None:
            z = self.net(inputs)
        else:
            previous = self.base(inputs)
            weight = torch.full_like(inputs[:, :1], self.weight)
            z = previous + self.weight * self.net(torch.cat((PREVIOUS_SCALE * previous, weight, inputs), 1))
        return z, torch.relu(torch.tanh(z))

    def torques(self, jta: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        """Return what activations (n, M) make at the joints (n, J) [Nm], without passive torques."""
        return (jta * activation.index_select(1, self.crossing)) @ self.to_joint


class MuscleLearner:
    """A muscle network that learns, with its Adam.

    Args:
        layout: of the network.
        settings: learning rate, and weights of the loss.
        state: first parameters.
        base: the network before it in a cascade: layout and parameters.
        weight: of the network in the cascade.
        device: "cpu" or "cuda".
        seed: of the mini-batches.
    """

    def __init__(
        self,
        layout: MuscleNetLayout,
        settings: MuscleLearning,
        state: Mapping[str, Any],
        *,
        base: tuple[MuscleNetLayout, Mapping[str, Any]] | None = None,
        weight: float = 1.0,
        device: str = "cpu",
        seed: int = 0,
    ):
        self.layout, self.settings, self.device = layout, settings, device
        self.model = MuscleModel(layout, base, weight)
        self.model.net.load_state_dict(tensors(layout, state))
        self.model.to(device)
        parameters = list(self.model.net.parameters())
        self.optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate)
        self.random = torch.Generator().manual_seed(seed)

    def learn(self, jta: torch.Tensor, torque: torch.Tensor) -> dict[str, float]:
        """Make `settings.updates` updates, each with a mini-batch out of samples that are all finite.

        Args:
            jta: JtA_reduced (n, nnz) [Nm].
            torque: to be made (n, J) [Nm].

        Returns:
            Means over the updates: "muscle", the loss, and "muscle_torque_error", rms [Nm].
        """
        finite = torch.isfinite(torque).all(1)
        jta, torque = jta[finite], torque[finite]
        if not len(torque):
            return {}
        losses, errors = [], []
        for _ in range(self.settings.updates):
            rows = torch.randint(len(torque), (self.settings.mini_batch,), generator=self.random)
            loss, error = self.update(jta[rows].to(self.device), torque[rows].to(self.device))
            losses.append(loss)
            errors.append(error)
        mean_square = torch.stack(errors).mean().item()
        return {"muscle": torch.stack(losses).mean().item(), "muscle_torque_error": mean_square**0.5}

    def update(self, jta: torch.Tensor, torque: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Step once; return the loss, and the mean squared torque error [Nm^2]."""
        z, activation = self.model(jta, torque)
        # What no muscle can make is no error of theirs.
        error = (self.model.torques(jta, activation) - torque) * self.model.crossed
        squared = error.square().mean()
        effort = self.settings.effort * activation.square().mean()
        loss = squared / _ERROR_SCALE**2 + effort + self.settings.saturation * z.square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(self.model.net.parameters(), _LARGEST_GRADIENT)
        self.optimizer.step()
        return loss.detach(), squared.detach() / self.model.crossed.mean()

    def network(self) -> dict[str, np.ndarray]:
        """Parameters of the network, for `BatchEnv.set_muscle_network` and files."""
        return {key: value.cpu().numpy().copy() for key, value in self.model.net.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """All that learning goes on from."""
        return {
            "network": self.model.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.random.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            RuntimeError, ValueError, KeyError: it is of another network.
        """
        self.model.net.load_state_dict(state["network"])
        load_adam(self.optimizer, state["optimizer"])
        self.random.set_state(state["random"].cpu())


def tensors(layout: MuscleNetLayout, state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Checked parameters as tensors by the keys "fc.0.weight" ..."""
    return {key: torch.from_numpy(value) for key, value in check_state(layout, state).items()}
