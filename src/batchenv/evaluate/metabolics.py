"""Metabolic energy rate of muscles after Umberger, Gerritsen and Martin (2003).

B. R. Umberger, K. G. M. Gerritsen, P. E. Martin, "A model of human muscle energy expenditure", Comput Methods
Biomech Biomed Engin 6:99-111 (2003); the total is its eq. 18. Per kilogram of muscle [W/kg], with the aerobic
scaling S = 1.5, fiber velocity V and length L over the optimal fiber length L_opt, fast-twitch fraction f and
A = u where the excitation u exceeds the activation a, (u + a) / 2 otherwise:

    E    = max(h_AM + h_SL, 1) + w_CE                                        eq. 18; the floor: page 104
    h_AM = (128 f + 25) A^0.6 S                                              activation and maintenance
           times (0.4 + 0.6 F_iso) where L > 1
    h_SL = [min(a_ST |V|, 100) (1 - f) + a_FT |V| f] A^2 S                   shortening, V <= 0
    h_SL = 4 a_ST V A S                                                      lengthening, V > 0
           both times F_iso where L > 1
    w_CE = -F_CE V L_opt / m                                                 work of the contractile element
    a_ST = 100 / V_max_ST,  a_FT = 153 / V_max_FT,  V_max_FT = 12 / s,  V_max_ST = V_max_FT / 2.5
    m    = F_max / sigma * rho * L_opt,  rho = 1059.7 kg/m^3

Umberger, J R Soc Interface 7:1329 (2010), lengthens with 0.3 a_ST instead of 4 a_ST and counts no negative
work.

Two choices are ours. The specific tension sigma must be the one that the peak forces were made with: 0.6 MPa
for the leg muscles of Rajagopal et al., IEEE Trans Biomed Eng 63:2068 (2016), of which myolegs is made; the
0.25 MPa of Umberger's paper would make its muscles weigh 45 kg. And F_iso is the parabola
1 - ((L - 1) / 0.56)^2 of van Soest, Bobbert, Biol Cybern 69:195 (1993), since a recording does not hold the
force-length curve.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from batchenv.evaluate.gait_cycles import GaitCycles
from batchenv.evaluate.recording import Recording

DENSITY = 1059.7  # of muscle [kg/m^3]
SPECIFIC_TENSION = 0.6e6  # [Pa]
MAX_VELOCITY_FAST = 12.0  # of fast-twitch fibers [1/s], in optimal fiber lengths
FAST_OVER_SLOW = 2.5  # ratio of the maximum velocities of fast- and slow-twitch fibers
AEROBIC = 1.5  # S; 1.0 for anaerobic exercise
FORCE_LENGTH_WIDTH = 0.56
BLOCK_ROWS = 8192  # of a recording taken at a time, to bound memory
RESTING_W_KG = 1.2  # whole-body basal rate, default of OpenSim's Umberger2010MuscleMetabolicsProbe [W/kg]

# Slow-twitch fraction, collected by Uchida, Hicks, Dembia, Delp, PLoS ONE 11:e0150378 (2016).
SLOW_TWITCH = {
    "addmagDist": 0.552,
    "addmagIsch": 0.552,
    "addmagMid": 0.552,
    "addmagProx": 0.552,
    "bflh": 0.5425,
    "bfsh": 0.529,
    "edl": 0.75,
    "ehl": 0.75,
    "fdl": 0.60,
    "fhl": 0.60,
    "gaslat": 0.507,
    "gasmed": 0.566,
    "glmax1": 0.55,
    "glmax2": 0.55,
    "glmax3": 0.55,
    "glmed1": 0.55,
    "glmed2": 0.55,
    "glmed3": 0.55,
    "glmin1": 0.55,
    "glmin2": 0.55,
    "glmin3": 0.55,
    "perbrev": 0.60,
    "perlong": 0.60,
    "recfem": 0.3865,
    "semimem": 0.4925,
    "semiten": 0.425,
    "soleus": 0.803,
    "tibant": 0.70,
    "tibpost": 0.60,
    "vasint": 0.543,
    "vaslat": 0.455,
    "vasmed": 0.503,
}


@dataclass(frozen=True, eq=False)
class EnergyRate:
    """Energy rate of muscles, each [W/kg of muscle], of one shape.

    Attributes:
        activation_maintenance: heat h_AM.
        shortening_lengthening: heat h_SL.
        work: rate of work w_CE of the contractile element, negative where it is stretched.
    """

    activation_maintenance: np.ndarray
    shortening_lengthening: np.ndarray
    work: np.ndarray

    @property
    def heat(self) -> np.ndarray:
        """Total heat rate, at least 1 W/kg."""
        return np.maximum(self.activation_maintenance + self.shortening_lengthening, 1.0)

    @property
    def total(self) -> np.ndarray:
        """Heat and work, eq. 18."""
        return self.heat + self.work


def muscle_mass(
    peak_force: np.ndarray, optimal_length: np.ndarray, tension: float = SPECIFIC_TENSION
) -> np.ndarray:
    """Return the mass of muscles [kg] from peak force [N], optimal fiber length [m], tension [Pa]."""
    return peak_force / tension * DENSITY * optimal_length


def slow_twitch_fraction(muscle: str) -> float:
    """Return the fraction of slow-twitch fibers of a muscle of myolegs, such as soleus_r."""
    return SLOW_TWITCH.get(muscle.removesuffix("_r").removesuffix("_l"), 0.5)


def force_length(length: np.ndarray) -> np.ndarray:
    """Return the isometric force over peak force at a fiber length over its optimum."""
    return np.maximum(1 - ((length - 1) / FORCE_LENGTH_WIDTH) ** 2, 0.0)


def energy_rate(
    excitation: np.ndarray,
    activation: np.ndarray,
    force: np.ndarray,
    velocity: np.ndarray,
    length: np.ndarray,
    mass: np.ndarray,
    optimal_length: np.ndarray,
    fast: np.ndarray,
    version: Literal[2003, 2010] = 2003,
) -> EnergyRate:
    """Return the metabolic energy rate of muscles.

    Args:
        excitation: u (..., M).
        activation: a (..., M).
        force: of the contractile element, tension positive [N] (..., M). The force of the whole muscle serves
            as well in 2003: what a passive spring takes and gives back cancels over a cycle.
        velocity: of the fiber, lengthening positive [optimal lengths/s] (..., M).
        length: of the fiber [optimal lengths] (..., M).
        mass: [kg] (M,).
        optimal_length: [m] (M,).
        fast: fraction of fast-twitch fibers (M,).
        version: the paper of 2003 or its revision of 2010.
    """
    effort = np.maximum(np.where(excitation > activation, excitation, 0.5 * (excitation + activation)), 0.0)
    isometric = np.where(length > 1, force_length(length), 1.0)
    maintenance = (128 * fast + 25) * effort**0.6 * AEROBIC * (0.4 + 0.6 * isometric)
    slow_coefficient = 100 * FAST_OVER_SLOW / MAX_VELOCITY_FAST
    fast_coefficient = 153 / MAX_VELOCITY_FAST
    shortening_speed = np.maximum(-velocity, 0.0)
    shortening = np.minimum(slow_coefficient * shortening_speed, 100.0) * (1 - fast)
    shortening = (shortening + fast_coefficient * shortening_speed * fast) * effort**2
    lengthening = (4.0 if version == 2003 else 0.3) * slow_coefficient * np.maximum(velocity, 0.0) * effort
    work = -force * velocity * optimal_length / mass
    return EnergyRate(
        activation_maintenance=maintenance,
        shortening_lengthening=(shortening + lengthening) * AEROBIC * isometric,
        work=work if version == 2003 else np.maximum(work, 0.0),
    )


def metabolic_power(
    recording: Recording, cycles: GaitCycles, version: Literal[2003, 2010] = 2003
) -> np.ndarray:
    """Return the mean metabolic power of each muscle over all gait cycles [W] (M,)."""
    rows = np.flatnonzero(cycles.rows_within())
    mass = muscle_mass(recording.muscle_peak_force, recording.optimal_fiber_length)
    fast = 1 - np.array([slow_twitch_fraction(name) for name in recording.muscle_names])
    energy = np.zeros(len(mass))
    for block in np.array_split(rows, len(rows) // BLOCK_ROWS + 1):
        rate = energy_rate(
            recording.excitation[block],
            recording.activation[block],
            recording.muscle_force[block],
            recording.fiber_velocity[block],
            recording.fiber_length[block],
            mass,
            recording.optimal_fiber_length,
            fast,
            version,
        )
        energy += rate.total.sum(axis=0)
    return energy / len(rows) * mass


def can_cost(recording: Recording) -> bool:
    """Return whether the recording holds what the model needs."""
    needed = ("activation", "muscle_force", "fiber_velocity", "fiber_length", "muscle_peak_force")
    return all(recording.measured(name) for name in (*needed, "optimal_fiber_length"))


def metabolic_measures(
    recording: Recording, cycles: GaitCycles, speed: float
) -> tuple[dict[str, float], np.ndarray]:
    """Return the metabolic cost of transport of the whole body, and the power of each muscle (2003) [W] (M,).

    Args:
        recording: the walk.
        cycles: its cycles.
        speed: its mean speed [m/s].

    Returns:
        muscles_j_kg_m: of the muscles, the model of 2003 [J/kg/m]; to compare with a net cost, standing
            subtracted.
        muscles_2010_j_kg_m: the same by the revision of 2010.
        gross_j_kg_m: of the muscles (2003) and a basal rate of 1.2 W/kg.
        muscle_mass_kg: of all muscles.
    """
    distance = recording.mass * abs(speed) if speed else float("nan")  # nothing moves by 0 m at a cost per m
    power = metabolic_power(recording, cycles)
    muscles = power.sum() / distance
    mass = muscle_mass(recording.muscle_peak_force, recording.optimal_fiber_length)
    measures = {
        "muscles_j_kg_m": float(muscles),
        "muscles_2010_j_kg_m": float(metabolic_power(recording, cycles, 2010).sum() / distance),
        "gross_j_kg_m": float(muscles + RESTING_W_KG * recording.mass / distance),
        "muscle_mass_kg": float(mass.sum()),
    }
    return measures, power
