"""The closed-form head against a direct weighted solve, and its answer told in several ways."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import unetscope
from unetscope.learning.head import (
    IMAGE_SHARE,
    REFERENCE_PIXELS,
    Head,
    Penalty,
    class_prior,
    solve_head,
    tempered,
    tempered_logits,
    voiced,
    with_prior,
)
from unetscope.learning.recipe import Recipe

PENALTY = Penalty(torch.ones(6), 0.05)  # every feature at its size


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
    solved = solve_head(rows, targets, len(counts), PENALTY)
    # Directly: minimise sum_i s_i |t_i - [x_i 1] w|² + penalty |w without bias|².
    x = np.concatenate([rows.numpy(), np.ones((len(rows), 1))], axis=1)
    share = (1 / (len(counts) * np.array(counts)))[targets.numpy()]
    wanted = np.eye(len(counts))[targets.numpy()]
    harmonic = len(counts) / sum(1 / n for n in counts)
    penalty = np.diag([0.05 * REFERENCE_PIXELS / harmonic] * rows.shape[1] + [0.0])
    direct = np.linalg.solve(x.T @ (share[:, None] * x) + penalty, x.T @ (share[:, None] * wanted))
    assert np.allclose(solved.weight.numpy(), direct[:-1], atol=1e-10)
    assert np.allclose(solved.bias.numpy(), direct[-1], atol=1e-10)


def test_what_varies_all_over_the_image_gets_less_weight() -> None:
    rows, targets = rows_and_targets((60, 60))
    plain = solve_head(rows, targets, 2, PENALTY)
    wild = torch.eye(rows.shape[1], dtype=rows.dtype)
    wild[2, 2] = 50.0  # one feature that strokes show little of
    solved = solve_head(rows, targets, 2, PENALTY, wild)
    weight, bias = solved.weight, solved.bias
    # Directly: with the mixture of both scatters in the normal equations of centred rows.
    share = torch.full((len(rows), 1), 1 / len(rows), dtype=rows.dtype)
    mean = (share * rows).sum(dim=0)
    centred = rows - mean
    gram = (1 - IMAGE_SHARE) * centred.t() @ (share * centred) + IMAGE_SHARE * wild
    gram = gram + 0.05 * REFERENCE_PIXELS / 60 * torch.eye(rows.shape[1], dtype=rows.dtype)
    wanted = torch.nn.functional.one_hot(targets, 2).to(rows.dtype) - 0.5
    assert torch.allclose(weight, torch.linalg.solve(gram, centred.t() @ (share * wanted)))
    assert torch.allclose(bias, 0.5 - mean @ weight)
    assert weight[2].abs().max() < 0.3 * plain.weight[2].abs().max()


def test_doubling_the_rows_of_one_class_moves_only_the_penalty() -> None:
    rows, targets = rows_and_targets((100, 100))
    doubled = torch.cat([rows, rows[targets == 1]])
    again = torch.cat([targets, targets[targets == 1]])
    harmonic = 2 / (1 / 100 + 1 / 200)
    first = solve_head(rows, targets, 2, PENALTY)
    second = solve_head(doubled, again, 2, Penalty(PENALTY.gains, 0.05 * harmonic / 100))
    assert torch.allclose(first.weight, second.weight)
    assert torch.allclose(first.bias, second.bias)


def test_the_solution_can_be_learned_through() -> None:
    rows, targets = rows_and_targets((5, 4), features=3)
    rows.requires_grad_(True)
    ridge = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    gains = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)

    def solved(r: torch.Tensor, g: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, ...]:
        head = solve_head(r, targets, 2, Penalty(g, p), torch.eye(3))
        return head.weight, head.bias

    assert torch.autograd.gradcheck(solved, (rows, gains, ridge), atol=1e-6)


def test_a_gain_scales_a_feature_and_its_scatter_and_the_head_takes_it_unscaled() -> None:
    rows, targets = rows_and_targets((30, 20))
    gains = torch.linspace(0, 2, rows.shape[1], dtype=rows.dtype)
    scatter = torch.cov(rows.t()) + 1
    with_gains = solve_head(rows, targets, 2, Penalty(gains, 0.05), scatter)
    scaled = solve_head(rows * gains, targets, 2, PENALTY, scatter * gains * gains[:, None])
    assert torch.allclose(with_gains.row_scores(rows), scaled.row_scores(rows * gains))
    assert torch.equal(with_gains.weight[0], torch.zeros(2, dtype=rows.dtype))


@pytest.mark.parametrize("prior", [(), (0.9, 0.08, 0.02)])
@pytest.mark.parametrize("temperature", [1.0, 1.4])
def test_the_logits_of_a_head_are_its_answer_in_one_map(prior, temperature) -> None:
    rows, targets = rows_and_targets((30, 20, 9))
    head, settings = solve_head(rows, targets, 3, PENALTY), Recipe(sharpness=6.5)
    answer = tempered(voiced(head.row_scores(rows), settings, prior), temperature)
    plain, soft = head.as_logits(settings, prior), head.as_logits(settings, prior, temperature)
    for found in (
        soft.row_scores(rows).softmax(dim=0),
        tempered_logits(plain.row_scores(rows), temperature),
    ):
        assert torch.allclose(found, answer)
    levels = {1: rows.t().float()[:, :, None]}  # (feature, y, x), as an image of one column
    on_maps = tempered_logits(plain.stored().scores(levels), temperature)
    assert torch.allclose(on_maps[..., 0].double(), answer, atol=1e-5)


def test_votes_get_their_share_and_the_prior_comes_last() -> None:
    said = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    votes = torch.tensor([[0.2, 0.3], [0.8, 0.7]])
    settings = Recipe(sharpness=3.0, forest_share=0.25)
    mixed = 0.75 * (3 * said).softmax(0) + 0.25 * votes
    assert torch.allclose(voiced(said, settings, votes=votes), mixed)
    weighted = mixed * torch.tensor([[0.7], [0.3]])
    assert torch.allclose(voiced(said, settings, (0.7, 0.3), votes), weighted / weighted.sum(0))


def test_the_prior_is_the_same_of_numbers_and_of_tensors_that_learn() -> None:
    share = torch.tensor([0.9, 0.099, 0.001], requires_grad=True)
    settings = Recipe(prior_strength=0.75)
    learned = class_prior(share, settings)
    wanted = np.array([0.9, 0.099, 0.01]) ** 0.75  # none is rarer than a hundredth
    assert np.allclose(learned.detach().numpy(), wanted / wanted.sum())
    assert np.allclose(class_prior(share.detach().numpy(), settings), wanted / wanted.sum())
    chance = torch.full((3, 4), 1 / 3)
    told = with_prior(chance, learned)
    assert torch.allclose(told, with_prior(chance, tuple(learned.tolist())))
    assert torch.autograd.grad(told[0].sum(), share)[0].abs().sum() > 0


def test_the_stored_head_can_be_trained_on_although_it_was_solved_without_gradients() -> None:
    rows, targets = rows_and_targets((30, 20))
    with torch.inference_mode():
        solved = solve_head(rows, targets, 2, PENALTY)
    kept = solved.stored()
    assert isinstance(kept, Head) and kept.weight.dtype == torch.float32
    kept.weight.requires_grad_(True)
    kept.row_scores(rows.float()).sum().backward()
    assert kept.weight.grad is not None


def test_nobody_else_solves_or_sharpens() -> None:
    root = Path(unetscope.__file__).parent
    telling = re.compile(r"linalg\.solve|[*/] \S*sharpness|RandomForestClassifier\(")
    told = {
        path.relative_to(root).as_posix()
        for room in ("learning", "pretraining")
        for path in (root / room).rglob("*.py")
        if telling.search(path.read_text(encoding="utf-8"))
    }
    assert told == {"learning/head.py", "learning/forest.py"}
