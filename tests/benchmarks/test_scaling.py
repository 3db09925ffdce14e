"""The benchmark of how cost grows: its points, its fit, and that it goes on where it was stopped."""

from __future__ import annotations

import json

import pytest
import scaling


@pytest.fixture
def counted(monkeypatch):
    """Stands in for the processes: cost grows with the pixels to the power of 1.2."""
    calls = []

    def measured(point, repeats):
        calls.append(point)
        seconds = 1e-6 * point.pixels**1.2 / point.threads
        one = {'images_per_second': point.batch / seconds, 'peak_gib': 1e-5 * point.pixels}
        return [one] * point.processes

    monkeypatch.setattr(scaling, 'measured', measured)
    return calls


def test_the_exponent_is_found():
    pixels = [10.0, 100.0, 1000.0]
    assert scaling.exponent(pixels, [3 * each**1.5 for each in pixels]) == pytest.approx(1.5)


def test_points_are_measured_once(tmp_path, counted, capsys):
    command = [str(tmp_path / 'figures.json'), '--threads', '2', '--sides', '128', '256', '--batches', '1', '2']
    scaling.main([*command, '--chart', str(tmp_path / 'chart.png')])
    assert len(counted) == len(set(counted)) == 12
    assert {(point.threads, point.processes) for point in counted} == {(1, 1), (2, 1), (1, 2)}
    text = capsys.readouterr().out
    assert '- training, 2 threads: seconds 1.20, peak memory 1.00' in text
    assert (tmp_path / 'chart.png').stat().st_size > 1000
    scaling.main(command)
    assert len(counted) == 12


def test_two_processes_share_the_images(tmp_path, counted):
    scaling.main([str(tmp_path / 'figures.json'), '--threads', '2', '--sides', '256', '--batches', '1'])
    figures = json.loads((tmp_path / 'figures.json').read_text('utf-8'))
    one, two = (
        scaling.cost_of(figures[f'inference fp32 side 256 batch 1 threads 1 processes {count}']) for count in (1, 2)
    )
    assert two.seconds == pytest.approx(one.seconds / 2)
    assert two.gib == one.gib


def test_a_run_that_fails_is_named(monkeypatch):
    monkeypatch.setitem(scaling.WORK, 'training', ['missing.py'])
    with pytest.raises(SystemExit, match='training fp32 side 64 .* failed'):
        scaling.measured(scaling.Point('training', 'fp32', 64, 1, 1, 1), 1)
