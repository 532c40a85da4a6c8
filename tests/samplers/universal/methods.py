"""Every sampler with its main options, and what its documentation promises."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from fastgen.diffusion import samplers

PREDICTIONS = ("x0", "epsilon", "v", "score", "flow")


@dataclass(frozen=True)
class Method:
    """A sampler with options that do not concern the grid."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    order: int = 1
    """The order of the error in the step, away from the two ends."""
    layout: str = "single"
    """The evaluations of a step: "single", "pairs", "first twice" or "runge-kutta"."""
    noisy: bool = False
    """Whether the method adds noise."""
    exact: bool = False
    """Whether the method has no error with a perfectly distilled model."""

    @property
    def label(self) -> str:
        """Return the name with the options."""
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.options.items())])

    @property
    def parameters(self) -> Any:
        """Return the names of the parameters of the constructor."""
        return inspect.signature(getattr(samplers, self.name)).parameters

    @property
    def explicit(self) -> bool:
        """Whether a method of first order is DDIM: it adds no noise, and corrects nothing."""
        corrected = self.options.get("corrector_order", 0) > 0 or (
            self.name == "UniPC" and self.options.get("corrector", True)
        )
        return not (self.noisy or corrected)

    @property
    def of_noise(self) -> bool:
        """Whether the method combines predictions of the noise."""
        algorithm = str(self.options.get("algorithm", "++"))
        return (
            self.name in ("DEIS", "PNDM", "IPNDM", "Heun", "DPM2", "DPM2Ancestral", "LMS")
            or not self.options.get("of_data", True)
            or algorithm.endswith("dpmsolver")
        )

    @property
    def reach(self) -> int:
        """How many predictions a step combines."""
        names = ("order", "predictor_order", "corrector_order")
        return max(self.order, *(self.options.get(name, 1) for name in names))

    @property
    def growing(self) -> int:
        """The c of the weights e^(c H) - 1, where they grow with the step; else 0.

        The large variance of DDPM is that of the noise at the beginning of the step.
        """
        grows = self.of_noise or self.options.get("variance") == "large"
        return (1 + self.noisy) * grows

    def predictions(self) -> tuple[str | None, ...]:
        """Return the kinds of prediction that the sampler takes. None: it takes no choice."""
        if self.name == "ConsistencyModel":
            return (None,)
        return ("epsilon", "v") if self.name == "EDMEuler" else PREDICTIONS


def data_and_noise(name: str, option: str, values: tuple[Any, ...], **more: Any) -> list[Method]:
    """Return one method for each value of an option, at orders 1, 2 and 3."""
    return [
        Method(name, {option: value, "order": order, **more}, order)
        for value in values
        for order in (1, 2, 3)
    ]


MULTISTEP = [
    *data_and_noise("DPMSolverMultistep", "algorithm", ("dpmsolver++", "dpmsolver")),
    Method(
        "DPMSolverMultistep",
        {"algorithm": "sde-dpmsolver++", "order": 2, "eta": 0.5},
        noisy=True,
    ),
    Method("DPMSolverMultistep", {"solver": "heun"}, 2),
    Method("DPMSolverMultistep", {"solver": "heun", "algorithm": "dpmsolver"}, 2),
    Method("DPMSolverMultistep", {"euler_at_final": True}, 2),
    Method("DPMSolverMultistep", {"lower_order_final": False, "order": 3}, 3),
    *(
        Method("DPMSolverMultistep", {"algorithm": algorithm, "order": order}, noisy=True)
        for algorithm in ("sde-dpmsolver++", "sde-dpmsolver")
        for order in (1, 2, 3)
    ),
    *(Method("DEIS", {"order": order}, order) for order in (1, 2, 3)),
    Method("DEIS", {"order": 3, "lower_order_final": False}, 3),
    *data_and_noise("UniPC", "of_data", (True, False)),
    *data_and_noise("UniPC", "of_data", (True, False), solver="bh1"),
    *data_and_noise("UniPC", "corrector", (False,)),
    *(
        Method(
            "SASolver",
            {"predictor_order": p, "corrector_order": c, "tau": 0.0, "of_data": of_data},
            max(p, c),
        )
        for of_data in (True, False)
        for p, c in ((1, 0), (1, 1), (2, 0), (2, 2), (3, 0), (3, 4))
    ),
    *(
        Method(
            "SASolver",
            {"predictor_order": p, "corrector_order": c, "tau": tau, "of_data": of_data},
            noisy=True,
        )
        for of_data in (True, False)
        for p, c in ((1, 0), (2, 2), (3, 4))
        for tau in (0.5, 1.0)
    ),
    Method("SASolver", {}, noisy=True),
    *(
        Method("LMS", {"order": order}, order)  #
        for order in (1, 2, 3, 4)
    ),
    *(
        Method("IPNDM", {"order": order}, min(order, 2))  # the weights are those of even steps
        for order in (1, 2, 3, 4)
    ),
    *(Method("ERSDE", {"kind": "ode", "order": order}, order) for order in (1, 2, 3)),
    *(
        Method("ERSDE", {"kind": kind, "order": order}, noisy=True)
        for kind in ("er", "sde")
        for order in (1, 2, 3)
    ),
    Method("PNDM", {}, 2, "first twice"),
    Method("PNDM", {"runge_kutta": True}, 2, "runge-kutta"),
]
ONE_STEP = [
    Method("DDIM"),
    Method("DDIM", {"eta": 0.5}, noisy=True),
    Method("DDIM", {"eta": 1.0}, noisy=True),
    Method("DDPM", {"variance": "small"}, noisy=True),
    Method("DDPM", {"variance": "large"}, noisy=True),
    Method("Euler"),
    Method("Euler", {"churn": 5.0}, noisy=True),
    Method("Euler", {"churn": 40.0}, noisy=True),
    Method("EulerAncestral", {"eta": 0.0}),
    Method("EulerAncestral", {"eta": 0.5}, noisy=True),
    Method("EulerAncestral", {"eta": 1.0}, noisy=True),
    Method("Heun", {}, 2, "pairs"),
    Method("DPM2", {}, 2, "pairs"),
    *(
        Method(name, {"eta": eta}, 1 if eta else 2, "pairs", noisy=eta > 0)
        for name in ("DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE")
        for eta in (0.0, 0.5, 1.0)
    ),
    *(
        Method(
            "DPMSolverSinglestep",
            {"algorithm": algorithm, "order": order, "solver": solver},
            order,
        )
        for algorithm in ("dpmsolver++", "dpmsolver")
        for order in (1, 2, 3)
        for solver in ("midpoint", "heun")
    ),
]
SPECIAL = [
    Method("LCM", noisy=True, exact=True),
    Method("LCM", {"original_steps": 8}, noisy=True, exact=True),
    Method("TCD", {"eta": 0.0}, noisy=True, exact=True),
    Method("TCD", {"eta": 0.3}, noisy=True, exact=True),
    Method("TCD", {"eta": 1.0}, noisy=True, exact=True),
    Method("SCM", {"sigma_data": 1.0}, noisy=True, exact=True),
    Method("ConsistencyModel", {"clip": None}, noisy=True, exact=True),
    Method("EDMEuler"),
    Method("EDMEuler", {"churn": 5.0}, noisy=True),
    Method("FlowMatchEuler"),
    Method("FlowMatchEuler", {"stochastic": True}, noisy=True, exact=True),
    Method("FlowMatchEuler", {"terminal": 0.1}),
    Method("FlowMatchHeun", {}, 2, "pairs"),
]
METHODS = {method.label: method for method in (*ONE_STEP, *MULTISTEP, *SPECIAL)}
