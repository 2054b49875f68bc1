"""A table as text: for the terminal, Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text
from tabulate import tabulate

from renormal.console.text import cell as cell_of
from renormal.console.text import printable, readable
from renormal.report.cells import Cell, Row
from renormal.report.origin import Origin
from renormal.report.status import STATES, Status
from renormal.report.table import FEW, LEGEND, SPREAD, Table

NARROW = 8  # a longer method name may break into lines; "baseline" has 8 letters
LATEX_ARROWS = {"": "", "↑": r" $\uparrow$", "↓": r" $\downarrow$", "⇑": r" $\Uparrow$", "⇓": r" $\Downarrow$"}
LATEX_SIGNS = LATEX_ARROWS | {"−": "$-$", "±": r"$\pm$", "₀": "$_0$", "Second line": "Small print"}
GREEK = "GREEK SMALL LETTER "
LATEX_SPECIAL = str.maketrans(
    {character: rf"\{character}" for character in "_%&#${}"}
    | {character: f"{{{character}}}" for character in '[]*"'}  # an option of \\\\, a shorthand
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)
MARKDOWN_SPECIAL = str.maketrans({"|": "\\|", "<": "&lt;", "`": "\\`"})
MARKDOWN_LINK = re.compile(r"(?<=!)\[|(?<=\])[(\[]")  # what makes brackets a picture or a link


def terminal(table: Table, width: int) -> list[RichTable]:
    """The table in as few parts as fit the width, each with the columns of some models."""
    models = list(dict.fromkeys(column.model for column in table.columns))
    ruler = Console(width=10_000)
    blocks: list[RichTable] = []  # stays empty where no record has a metric
    for count in range(1, len(models) + 1):
        at_once = -(-len(models) // count)
        starts = range(0, len(models), at_once)
        blocks = [block(table, set(models[start : start + at_once])) for start in starts]
        if all(ruler.measure(part).maximum <= width for part in blocks):
            break
    return blocks


def block(table: Table, models: set[str]) -> RichTable:
    """The part of the table with the columns of these models."""
    shown = [index for index, column in enumerate(table.columns) if column.model in models]
    title = readable(table.metric)
    result = RichTable(title=Text(title), title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0)
    result.add_column("category", no_wrap=True)
    for index in shown:
        column = table.columns[index]
        result.add_column(Text(f"{column.label}\n{breakable(column.method)}"), justify="right")
    for group, rows in groupby(table.rows, key=lambda row: row.group):
        result.add_row(Text(group, style="dim italic"))
        for row in rows:
            result.add_row(Text(row.label), *(rich_cell(row.cells[index]) for index in shown))
        result.add_section()
    result.add_row(Text("mean", style="bold"), *(rich_cell(table.mean.cells[index]) for index in shown))
    return result


def breakable(name: str) -> str:
    """A long name with spaces for underscores: a header breaks at spaces, so a narrow terminal shows all of it."""
    return name.replace("_", " ") if len(name) > NARROW else name


def rich_cell(cell: Cell) -> Text:
    """Our number; below it the paper's."""
    text = Text(cell.main if cell.arrow else f"{cell.main}  ", style="bold" if cell.best else "")  # aligns digits
    if cell.comparison:
        text.append(f"\n{cell.comparison}  ", style="not bold dim")
    return text


def progress(status: Status) -> list[str]:
    """The progress of the sweep: a summary, a line per failed, running or interrupted job, one line for all waiting."""
    lines = [str(status)]
    for state in STATES[: STATES.index("waiting")]:
        lines += [f"{state}: {job.job}{', ' * bool(job.detail)}{job.detail}" for job in status.of(state)]
    waiting = ", ".join(job.job for job in status.of("waiting"))
    return [*lines, f"waiting: {waiting}"] if waiting else lines


def markdown(table: Table) -> str:
    """A Markdown table for GitHub, with the legend, the mean improvement rates and the notes."""
    headers = ["", *(f"{markdown_text(one.label)}<br>{markdown_text(one.method)}" for one in table.columns)]
    body = []
    for group, rows in groupby([*table.rows, table.mean], key=lambda row: row.group):
        body += [[f"*{group}*"]] if group else []
        body += [[markdown_text(row.label), *(markdown_cell(cell) for cell in row.cells)] for row in rows]
    align = ("left", *("right" for _ in table.columns))
    lines = tabulate(body, headers, tablefmt="pipe", colalign=align, disable_numparse=True)
    remarks = "\n".join(f"- {markdown_text(remark)}" for remark in under(table))
    title = f"### {markdown_text(readable(table.metric))}"
    parts = (title, markdown_origin(table.origin), lines, legend(table), remarks)
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_origin(origin: Origin) -> str:
    """The line above the table, with its commands as code."""
    commands = [f"`{line.replace('`', '')}`" for line in origin.commands]
    return " · ".join([markdown_text(origin.text), *commands]) if origin.text else ""


def above(table: Table) -> list[str]:
    """Lines above the table: training images, seeds, machines, scores; then each command."""
    return [line for line in (table.origin.line, *table.origin.commands) if line]


def under(table: Table) -> list[str]:
    """Lines under the table: rates, how many cells are as good as the paper's, notes."""
    return [*map(str, table.rates), *table.levels, *table.notes]


def markdown_text(text: str) -> str:
    """Text in which Markdown finds no picture, link or tag, in one line."""
    return MARKDOWN_LINK.sub(r"\\\g<0>", printable(text).translate(MARKDOWN_SPECIAL))


def markdown_cell(cell: Cell) -> str:
    main = f"**{cell.main}**" if cell.best else cell.main
    return f"{main}<br>{cell.comparison}" if cell.comparison else main


def legend(table: Table) -> str:
    """How to read a cell, without sentences on what no cell has: a number of the paper, several seeds, fewer seeds."""
    cells = [cell for row in table.rows for cell in row.cells]
    parts = LEGEND if any(cell.paper is not None for cell in cells) else LEGEND[1:]
    spread = [SPREAD] if any(cell.std is not None for cell in cells) else []
    return " ".join([*parts, *spread, *([FEW] if any(cell.few for cell in cells) else [])])


def comma_separated(table: Table) -> str:
    """CSV with one line per cell: model and method are columns, not parts of a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("group", "category", "model", "method", "metric", "value", "std", "seeds", "paper", "delta", "gain"),
            *("differs", "training", "command"),
        ]
    )
    origin = [cell_of(table.origin.text), cell_of("; ".join(table.origin.commands))]
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            numbers = (cell.value, cell.std, cell.seeds, cell.paper, cell.delta, cell.gain)
            cells = ["" if number is None else f"{number:.6g}" for number in numbers]
            differs = table.mixed.get((column.model, row.label), "")  # in what its seeds do
            names = map(cell_of, (row.group, row.label, column.model, column.method, table.metric))
            writer.writerow([*names, *cells, cell_of(differs), *origin])
    return text.getvalue()


def latex(table: Table) -> str:
    """A booktabs tabular in the layout of the paper's Table 1.

    The paper's number and our difference from it follow ours in small print.
    """
    spans = [(label, len(list(columns))) for label, columns in groupby(table.columns, key=lambda column: column.label)]
    models = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{latex_label(label)}}}" for label, width in spans)
    methods = " & ".join(rf"\texttt{{{latex_text(column.method)}}}" for column in table.columns)
    whole = rf"\multicolumn{{{len(table.columns) + 2}}}{{p{{\linewidth}}}}"
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{ll{'r' * len(table.columns)}}}",
        *(rf"{whole}{{\footnotesize {latex_label(line)}}} \\" for line in above(table)),
        r"\toprule",
        rf"& & {models} \\",
        rf"& Category & {methods} \\",
    ]
    for group, rows in groupby(table.rows, key=lambda row: row.group):
        lines.append(r"\midrule")
        lines += [latex_row("" if index else group, row) for index, row in enumerate(rows)]
    lines += [r"\midrule", latex_row("", table.mean), r"\bottomrule"]
    notes = [latex_legend(table), *map(latex_label, table.recipes)]
    lines += [rf"{whole}{{\footnotesize {note}}} \\" for note in notes]
    lines.append(r"\end{tabular}")
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Text in which LaTeX finds no command, in one line."""
    return printable(" ".join(text.split())).translate(LATEX_SPECIAL)


def latex_label(label: str) -> str:
    """Small Greek letters and ² as mathematics: L² AE → $L^2$ AE."""
    return re.sub(r"(.)(²?)", latex_sign, printable(" ".join(label.split())))


def latex_legend(table: Table) -> str:
    """The legend, with its signs as mathematics."""
    text = latex_text(f"{legend(table)} Bold: the best of each row.")
    for sign, written in LATEX_SIGNS.items():
        text = text.replace(sign, written.strip()) if sign else text
    return text


def latex_sign(found: re.Match[str]) -> str:
    sign, square = found.groups()
    name = unicodedata.name(sign, "")
    greek = name.removeprefix(GREEK).lower() if name.startswith(GREEK) else ""
    letter = rf"\{greek}" if greek else sign.translate(LATEX_SPECIAL)
    return letter if not greek and not square else f"${letter}{'^2' if square else ''}$"


def latex_row(group: str, row: Row) -> str:
    cells = " & ".join(latex_cell(cell) for cell in row.cells)
    return rf"{latex_text(group)} & {latex_text(row.label)} & {cells} \\"


def latex_cell(cell: Cell) -> str:
    if cell.value is None:
        return "--"
    spread = ("" if cell.std is None else rf" $\pm$ {cell.std:.3f}") + cell.of_seeds
    number = rf"\textbf{{{cell.value:.3f}}}" if cell.best else f"{cell.value:.3f}"
    paper = f" {{\\scriptsize {cell.comparison.replace('−', '$-$').replace('+', '$+$')}}}" if cell.comparison else ""
    return f"{number}{spread}{LATEX_ARROWS[cell.arrow]}{paper}"
