#!/usr/bin/python3
"""Draws the matrix of bench_server: plot_server.py FOLDER CSV... [--format svg|png]

Leaves in FOLDER, for every combination of server threads, keys, size of values and transport in the files,
    server-THREADS-KEYS-SIZE-TRANSPORT.svg
with processor time per operation, operations per second and the 99th percentile over the pipeline, a column for each
share of SETs: medians over the rounds, and the range. The same files give the same pictures, byte by byte.
"""

import argparse
import csv
import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  the back end comes first

# Okabe and Ito's palette, as in plot.py.
STYLES = {
    "BlitzDB": ("#D55E00", "o"),
    "Redis": ("#0072B2", "s"),
    "memcached": ("#009E73", "^"),
    "floor": ("#999999", "P"),
}
FIGURES = (
    ("cpu_us", "server CPU per operation, us"),
    ("ops_per_second", "operations per second"),
    ("p99_us", "p99, us"),
)
PICTURE = ("threads", "keys", "value_size", "transport")


def read(paths):
    """(threads, keys, size, transport) -> (SET %, server, pipeline) -> rows."""
    pictures = defaultdict(lambda: defaultdict(list))
    for path in paths:
        with open(path, encoding="ascii", newline="") as file:
            for row in csv.DictReader(file):
                if row["part"] == "matrix":
                    cell = (int(row["set_percent"]), row["server"], int(row["pipeline"]))
                    pictures[tuple(row[name] for name in PICTURE)][cell].append(row)
    return pictures


def draw_line(axes, cells, set_percent, server, figure):
    points = []
    for (share, name, pipeline), rows in sorted(cells.items()):
        if (share, name) == (set_percent, server):
            values = [float(row[figure]) for row in rows]
            points.append((pipeline, statistics.median(values), min(values), max(values)))
    if not points:
        return
    colour, marker = STYLES[server]
    spread = [[middle - low for _, middle, low, _ in points], [high - middle for _, middle, _, high in points]]
    axes.errorbar(
        [point[0] for point in points], [point[1] for point in points], yerr=spread, color=colour, marker=marker,
        markersize=6, markeredgecolor="black", markeredgewidth=0.5, elinewidth=0.7, label=server,
        linewidth=2.6 if server == "BlitzDB" else 1.3,
    )


def draw(picture, cells):
    shares = sorted({share for share, _, _ in cells})
    pipelines = sorted({pipeline for _, _, pipeline in cells})
    figure, all_axes = plt.subplots(
        len(FIGURES), len(shares), figsize=(max(3.6 * len(shares), 6.5), 8), squeeze=False, sharey="row", layout="constrained"
    )
    for column, share in enumerate(shares):
        for line, (name, label) in enumerate(FIGURES):
            axes = all_axes[line][column]
            for server in STYLES:
                draw_line(axes, cells, share, server, name)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(pipelines, pipelines)
            axes.grid(color="#dddddd", linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
            if column == 0:
                axes.set_ylabel(label)
        all_axes[0][column].set_title(f"{share} % SET", fontsize=10)
        all_axes[-1][column].set_xlabel("pipeline")
    threads, keys, size, transport = picture
    figure.suptitle(
        f"{threads} server thread{'s' if threads != '1' else ''}, {int(keys):,} keys, values of {size} bytes, "
        f"{'TCP' if transport == 'tcp' else 'Unix socket'}", fontsize=12, fontweight="bold",
    )
    all_axes[0][0].legend(frameon=False, fontsize=9)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("csv", nargs="+")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    options = parser.parse_args()
    plt.rcParams.update({"svg.hashsalt": "blitzdb", "svg.fonttype": "none", "font.family": "sans-serif",
                         "font.size": 9, "savefig.dpi": 110})
    options.folder.mkdir(parents=True, exist_ok=True)
    for picture, cells in sorted(read(options.csv).items()):
        path = options.folder / f"server-{'-'.join(picture)}.{options.format}"
        figure = draw(picture, cells)
        figure.savefig(path, metadata={"Date": None} if options.format == "svg" else None)
        plt.close(figure)
        print(path)


if __name__ == "__main__":
    main()
