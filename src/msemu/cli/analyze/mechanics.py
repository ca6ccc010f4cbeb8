"""``msemu-analyze mechanics``: what a movement and its muscles do, in figures and plots."""

from dataclasses import asdict, replace

from rich.console import Console
from rich.table import Table

from msemu.analysis.mechanics.emg_agreement import compare_emg, lines_of, read_cycle_emg
from msemu.analysis.mechanics.loads.agreement import compare_forces, said
from msemu.analysis.mechanics.loads.placing import LoadsCfg, place
from msemu.analysis.mechanics.loads.reading import read_loads
from msemu.analysis.mechanics.measured import Measured
from msemu.analysis.mechanics.plots import plot_mechanics
from msemu.cli.analyze.mechanics_options import MechanicsCfg
from msemu.cli.analyze.source import find_movement
from msemu.console import make_folders, write_json


def mechanics(args: MechanicsCfg) -> None:
    """Measure, print the table, write JSON and plots."""
    if args.out:
        make_folders(args.out)
    if args.external_loads:
        read_loads(args.external_loads)  # what is damaged is refused before the work
    movement = find_movement(args, lambda body: args.emg and read_cycle_emg(args.emg, body))
    if args.filter_hz:
        movement = replace(movement, ground=movement.ground.filtered(args.filter_hz))
    envelopes = compare_emg(movement, args.emg) if args.emg else {}
    measured = Measured.of(movement)
    cost = measured.cost
    console = Console()
    console.print(_table(measured))
    agreement = {}
    if args.external_loads:
        cfg = LoadsCfg(args.external_loads, args.loads_start, args.loads_mass, args.align_loads)
        plates = place(cfg, movement.body, movement.qpos, movement.time, movement.required)
        agreement = compare_forces(movement.ground, plates.ground, movement.body.weight)
        for line in (*plates.remarks, *said(agreement)):
            console.print(line, soft_wrap=True)
    for line in lines_of(envelopes):
        console.print(line)
    if not cost.is_plausible:
        console.print(
            f"[yellow]warning: muscles of {cost.muscle_mass_kg:.1f} kg in a body of {movement.body.mass:.1f} kg are not"
            " plausible, so neither are the metabolic watts[/]",
            soft_wrap=True,
        )
    if args.json:
        forces = {part: asdict(found) for part, found in agreement.items()}
        emg = {muscle: asdict(own) for muscle, own in envelopes.items()}
        also = {"filter_hz": args.filter_hz, "measured_forces": forces, "emg": emg}
        write_json(args.json, measured.figures() | also)
    if args.out:
        for path in plot_mechanics(movement, measured.reaction, args.out):
            console.print(f"plot: {path}", soft_wrap=True)


def _table(measured: Measured) -> Table:
    energetics, work, cost = measured.energetics, measured.work, measured.cost
    table = Table("measure", "value", "unit", title=measured.movement.title)
    per = f"J per {work.work_per}"
    rows = [
        ("speed", energetics.speed_m_s, "m/s"),
        ("vertical ground force, mean of the sum", energetics.vertical_force_mean_bw, "body weights"),
        ("vertical ground force, peak on one part", energetics.vertical_force_peak_bw, "body weights"),
        ("joint power, positive", energetics.positive_joint_power_w, "W"),
        ("joint power, negative", energetics.negative_joint_power_w, "W"),
        ("muscle power, positive", energetics.positive_muscle_power_w, "W"),
        ("muscle power of least effort for the same torques, positive", energetics.least_effort_power_w, "W"),
        ("muscle power over that of least effort", energetics.power_over_least_effort, "-"),
        ("muscle power, negative", energetics.negative_muscle_power_w, "W"),
        ("joint work, positive", work.all_joints_work_j["positive"], per),
        ("joint work, negative", work.all_joints_work_j["negative"], per),
        ("muscle work, positive", work.all_muscles_work_j["positive"], per),
        ("muscle work, negative", work.all_muscles_work_j["negative"], per),
        ("smoothness (second difference of joint speeds)", energetics.smoothness, "log10"),
        *((f"joint reaction, peak: {name}", peak, "body weights") for name, peak in measured.reaction_peaks().items()),
        ("muscle mass", cost.muscle_mass_kg, "kg"),
        ("metabolic power (Bhargava, with basal rate)", cost.bhargava_w, "W"),
        ("metabolic power (Umberger)", cost.umberger_w, "W"),
    ]
    if energetics.reference_smoothness is not None:
        rows.append(("smoothness of the reference", energetics.reference_smoothness, "log10"))
    if cost.bhargava_j_kg_m is not None:
        rows.append(("cost of transport (Bhargava)", cost.bhargava_j_kg_m, "J/kg/m"))
    for label, value, unit in rows:
        table.add_row(label, f"{value:.2f}", unit)
    return table
