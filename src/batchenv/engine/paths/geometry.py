"""Lengths of muscle paths and their gradients, compiled; arrays as in `WayPoints`."""

import math

import numba


@numba.njit(error_model="numpy")
def place_entries(
    # bodies
    xpos,
    xmat,
    origin,
    # entries
    body,
    body_ptr,
    entry_pos,
    entry_weight,
    # out
    ex,
    ey,
    ez,
):
    """Share of each entry in the place of its anchor, from the origin (N,), body after body."""
    px, py, pz = entry_pos[0], entry_pos[1], entry_pos[2]
    for b in range(body.size):
        r, x = xmat[body[b]], xpos[body[b]]
        r0, r1, r2, r3, r4, r5, r6, r7, r8 = r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]
        tx, ty, tz = x[0] - origin[0], x[1] - origin[1], x[2] - origin[2]
        for k in range(body_ptr[b], body_ptr[b + 1]):
            ex[k] = r0 * px[k] + r1 * py[k] + r2 * pz[k] + tx * entry_weight[k]
            ey[k] = r3 * px[k] + r4 * py[k] + r5 * pz[k] + ty * entry_weight[k]
            ez[k] = r6 * px[k] + r7 * py[k] + r8 * pz[k] + tz * entry_weight[k]


@numba.njit(error_model="numpy")
def place_anchors(entry_anchor, ex, ey, ez, ax, ay, az):
    """Places of the anchors from the origin (A,): the sums of their entries."""
    for a in range(ax.size):
        ax[a] = ay[a] = az[a] = 0.0
    for k in range(entry_anchor.size):
        a = entry_anchor[k]
        ax[a] += ex[k]
        ay[a] += ey[k]
        az[a] += ez[k]


@numba.njit(error_model="numpy")
def polyline(ax, ay, az, joined, ux, uy, uz, segment):
    """Unit vectors u_a from each anchor to the next one of its muscle (A,), and the distances (A,) [m]."""
    n = ax.size
    for a in range(n - 1):
        dx, dy, dz = ax[a + 1] - ax[a], ay[a + 1] - ay[a], az[a + 1] - az[a]
        distance = math.sqrt(dx * dx + dy * dy + dz * dz)
        inverse = joined[a] / distance if distance > 0.0 else 0.0
        ux[a], uy[a], uz[a] = dx * inverse, dy * inverse, dz * inverse
        segment[a] = distance * joined[a]
    ux[n - 1] = uy[n - 1] = uz[n - 1] = segment[n - 1] = 0.0


@numba.njit(error_model="numpy")
def slopes(ux, uy, uz):
    """Turn the unit vectors into the gradients g_a = u_(a-1) - u_a of the lengths, in place (A,)."""
    for a in range(ux.size - 1, 0, -1):
        ux[a] = ux[a - 1] - ux[a]
        uy[a] = uy[a - 1] - uy[a]
        uz[a] = uz[a - 1] - uz[a]
    ux[0], uy[0], uz[0] = -ux[0], -uy[0], -uz[0]


@numba.njit(error_model="numpy")
def path_lengths(segment, anchor_ptr, length):
    """Length of each muscle (M,) [m]."""
    for m in range(length.size):
        total = 0.0
        for a in range(anchor_ptr[m], anchor_ptr[m + 1]):
            total += segment[a]
        length[m] = total


@numba.njit(error_model="numpy")
def gather_wrenches(
    # entries
    run_ptr,
    run_pair,
    entry_anchor,
    weight,
    # places of what is pushed, and how
    ex,
    ey,
    ez,
    gx,
    gy,
    gz,
    # pairs
    pair_above,
    wrench,
):
    """Force and torque about the origin on all that each pair's joint moves (P, 6).

    Args:
        weight: with which an entry takes part in the force on its anchor (N,).
        ex, ey, ez: place of the entry times that weight (N,) [m].
        gx, gy, gz: gradients of the length by the anchors' places (A,).
    """
    for p in range(pair_above.size):
        for i in range(6):
            wrench[p, i] = 0.0
    for r in range(run_pair.size):
        f0 = f1 = f2 = t0 = t1 = t2 = 0.0
        for k in range(run_ptr[r, 0], run_ptr[r, 1]):
            a = entry_anchor[k]
            x, y, z, w = gx[a], gy[a], gz[a], weight[k]
            f0 += w * x
            f1 += w * y
            f2 += w * z
            t0 += ey[k] * z - ez[k] * y
            t1 += ez[k] * x - ex[k] * z
            t2 += ex[k] * y - ey[k] * x
        p = run_pair[r]
        wrench[p, 0] += f0
        wrench[p, 1] += f1
        wrench[p, 2] += f2
        wrench[p, 3] += t0
        wrench[p, 4] += t1
        wrench[p, 5] += t2
    for p in range(pair_above.size):
        above = pair_above[p]
        if above < pair_above.size:
            for i in range(6):
                wrench[above, i] += wrench[p, i]


@numba.njit(error_model="numpy")
def project_wrenches(
    # bodies
    xpos,
    xmat,
    origin,
    # pairs
    pair_body,
    pair_ptr,
    pair_moment,
    pair_axis,
    wrench,
    # out
    moment,
):
    """Gradient of each muscle's length by the coordinates that move it (K,) [m/rad]."""
    for p in range(pair_body.size):
        r, x, w = xmat[pair_body[p]], xpos[pair_body[p]], wrench[p]
        dx, dy, dz = x[0] - origin[0], x[1] - origin[1], x[2] - origin[2]
        tx = w[3] - (dy * w[2] - dz * w[1])
        ty = w[4] - (dz * w[0] - dx * w[2])
        tz = w[5] - (dx * w[1] - dy * w[0])
        lx = r[0] * tx + r[3] * ty + r[6] * tz
        ly = r[1] * tx + r[4] * ty + r[7] * tz
        lz = r[2] * tx + r[5] * ty + r[8] * tz
        for k in range(pair_ptr[p], pair_ptr[p + 1]):
            moment[pair_moment[k]] = pair_axis[k, 0] * lx + pair_axis[k, 1] * ly + pair_axis[k, 2] * lz
