"""What was read of another program's frames, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.formats.assembly.layout import Layout
from microslip.formats.frame import Frame, Places


@dataclass
class Assembled:
    """What was read, frame by frame, in the file's steps and our lengths.

    `step`, `strain_told` (NaN where the file tells none), `tilt` [d̄], counted on over whole Lx; `tilt_written`, as the
    file has it; `followed`: share of Lx that walls or grains moved since the frame before as their nearest copies
    tell, NaN where the file unwraps them; `wall_shift`, how far
    the top wall has moved along x against the bottom wall [d̄], NaN without walls; `height` between the walls, or of the
    cell [d̄]; `lengths` of the cell [d̄]; `n_present`, grains in each frame; `notes`: sentences on what was met.
    """

    layout: Layout
    step: list[int] = field(default_factory=list)
    strain_told: list[float] = field(default_factory=list)
    tilt: list[float] = field(default_factory=list)
    tilt_written: list[float] = field(default_factory=list)
    followed: list[float] = field(default_factory=list)
    lengths: list[tuple[float, float, float]] = field(default_factory=list)
    wall_shift: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    n_present: list[int] = field(default_factory=list)
    n_grains: int = 0
    notes: list[str] = field(default_factory=list)
    columns: tuple[tuple[str, str], ...] = ()
    # where frames went back to a step that was not there before: file, step, and the steps that were dropped
    back: list[tuple[str, int, set[int]]] = field(default_factory=list)

    def refuse_other_columns(self, frame: Frame, centres: Places) -> None:
        """Grains are followed from frame to frame by the same columns.

        Raises
        ------
        MicroslipError
            The frame holds other coordinates than the first, or ids or image flags where that holds none.
        """
        columns = (
            ("coordinates", ", ".join(centres.names)),
            ("image flags", "given" if centres.unwrapped else "not given"),
            ("ids", "given" if "id" in frame.columns else "not given"),
        )
        self.columns = self.columns or columns
        for (what, now), (_, before) in zip(columns, self.columns, strict=True):
            if now != before:
                raise MicroslipError(
                    f"{frame.where}: its {what} are {now}, and {before} in {self.layout.first.where}: import the two"
                    " parts as two runs"
                )

    def refuse_disorder(self) -> None:
        """A run that is begun again comes by steps that it had before; frames that are out of order do not.

        Raises
        ------
        MicroslipError
            No dropped step came again.
        """
        for where, step, dropped in self.back:
            raise MicroslipError(
                f"{where}: step {step} follows later steps to {max(dropped)}, and no step stands twice, as it would"
                " after a restart: sort the frames by their steps, or give files of single frames, which are sorted"
            )

    def cut(self, n_frames: int) -> None:
        """Forget what follows the first frames."""
        of_frames = (self.strain_told, self.tilt, self.tilt_written, self.followed, self.lengths)
        for of_frame in (self.step, *of_frames, self.wall_shift, self.height, self.n_present):
            del of_frame[n_frames:]

    def box(self, frame: int) -> Box:
        """The cell of a frame."""
        return Box(self.lengths[frame], self.layout.periodic, self.tilt[frame], self.layout.planar)

    @property
    def n_missing(self) -> int:
        """Positions that the files do not hold, of all grains that they ever hold."""
        return self.n_grains * len(self.step) - sum(self.n_present)
