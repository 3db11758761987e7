"""The closed-form head against a direct weighted solve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unetscope.learning.ridge import IMAGE_SHARE, REFERENCE_PIXELS, solve_ridge


def rows_and_targets(
    counts: tuple[int, ...], features: int = 6, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    rows = torch.randn(len(targets), features, generator=generator, dtype=torch.float64)
    return rows + targets[:, None], targets


@pytest.mark.parametrize("counts", [(200, 200), (500, 20, 3), (1, 1, 1)])
def test_the_solution_is_that_of_the_normal_equations_with_a_free_bias(counts) -> None:
    rows, targets = rows_and_targets(counts)
    weight, bias = solve_ridge(rows, targets, len(counts), 0.05)
    # Directly: minimise sum_i s_i |t_i - [x_i 1] w|² + penalty |w without bias|².
    x = np.concatenate([rows.numpy(), np.ones((len(rows), 1))], axis=1)
    share = (1 / (len(counts) * np.array(counts)))[targets.numpy()]
    wanted = np.eye(len(counts))[targets.numpy()]
    harmonic = len(counts) / sum(1 / n for n in counts)
    penalty = np.diag([0.05 * REFERENCE_PIXELS / harmonic] * rows.shape[1] + [0.0])
    direct = np.linalg.solve(x.T @ (share[:, None] * x) + penalty, x.T @ (share[:, None] * wanted))
    assert np.allclose(weight.numpy(), direct[:-1], atol=1e-10)
    assert np.allclose(bias.numpy(), direct[-1], atol=1e-10)


def test_what_varies_all_over_the_image_gets_less_weight() -> None:
    rows, targets = rows_and_targets((60, 60))
    plain, _ = solve_ridge(rows, targets, 2, 0.05)
    wild = torch.eye(rows.shape[1], dtype=rows.dtype)
    wild[2, 2] = 50.0  # one feature that strokes show little of
    weight, bias = solve_ridge(rows, targets, 2, 0.05, scatter=wild)
    # Directly: with the mixture of both scatters in the normal equations of centred rows.
    share = torch.full((len(rows), 1), 1 / len(rows), dtype=rows.dtype)
    mean = (share * rows).sum(dim=0)
    centred = rows - mean
    gram = (1 - IMAGE_SHARE) * centred.t() @ (share * centred) + IMAGE_SHARE * wild
    gram = gram + 0.05 * REFERENCE_PIXELS / 60 * torch.eye(rows.shape[1], dtype=rows.dtype)
    wanted = torch.nn.functional.one_hot(targets, 2).to(rows.dtype) - 0.5
    assert torch.allclose(weight, torch.linalg.solve(gram, centred.t() @ (share * wanted)))
    assert torch.allclose(bias, 0.5 - mean @ weight)
    assert weight[2].abs().max() < 0.3 * plain[2].abs().max()


def test_doubling_the_rows_of_one_class_moves_only_the_penalty() -> None:
    rows, targets = rows_and_targets((100, 100))
    doubled = torch.cat([rows, rows[targets == 1]])
    again = torch.cat([targets, targets[targets == 1]])
    harmonic = 2 / (1 / 100 + 1 / 200)
    first = solve_ridge(rows, targets, 2, 0.05)
    second = solve_ridge(doubled, again, 2, 0.05 * harmonic / 100)
    assert all(torch.allclose(a, b) for a, b in zip(first, second, strict=True))


def test_the_solution_can_be_learned_through() -> None:
    rows, targets = rows_and_targets((5, 4), features=3)
    rows.requires_grad_(True)
    ridge = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda r, p: solve_ridge(r, targets, 2, p), (rows, ridge), atol=1e-6
    )
