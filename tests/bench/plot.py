#!/usr/bin/python3
"""Draws what bench_store and bench_memory measured: plot.py FOLDER CSV... [--format svg|png]

Leaves in FOLDER, for every number of items N in the files of bench_store,
    throughput-N.svg  single operations: loads, choice of keys, 1 and 2 threads
    scaling-N.svg     single operations over the number of threads
    batches-N.svg     keys per call
and for a file of bench_memory
    memory-N.svg      bytes per item beyond key and value
Rates are medians over the rounds, with the range; a ratio is the median of the ratios within a round. The same
files give the same pictures, byte by byte.
"""

import argparse
import csv
import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  the back end comes first

OWN = "BlitzDB"
# Okabe and Ito's palette, which colour-blind readers can tell apart; markers and outlines help where grey does not.
STYLES = {
    OWN: ("#D55E00", "o"),
    "TinyDBM": ("#0072B2", "s"),
    "CacheDBM": ("#56B4E9", "D"),
    "BabyDBM": ("#009E73", "^"),
    "libcuckoo": ("#CC79A7", "v"),
    "cuckoo-str": ("#882255", "<"),
    "map+locks": ("#999999", "P"),
    "LMDB": ("#F0E442", "X"),
    "RocksDB": ("#000000", "*"),
}
LOADS = {"get": "GET", "churn": "delete + insert"}
KEYS = {"uniform": "uniform keys", "zipf": "Zipf 0.99", "hot": "one hot key in 100"}
RATE = "million operations per second"


def load_title(load):
    return LOADS.get(load, f"{load[3:]} % SET")


def items_title(items):
    return f"{items // 1000000} million items" if items % 1000000 == 0 else f"{items:,} items"


def threads_title(threads):
    return "1 thread" if threads == 1 else f"{threads} threads"


def in_order(values, order):
    """Known ones in their order, then the others in theirs."""
    return sorted(dict.fromkeys(values), key=lambda value: order.index(value) if value in order else len(order))


class Rates:
    """The measurements of bench_store with one number of items: (load, keys, threads, batch) -> store -> rounds."""

    def __init__(self, rows):
        self.rounds = defaultdict(lambda: defaultdict(dict))
        for row in rows:
            cell = (row["load"], row["keys"], int(row["threads"]), int(row["batch"]))
            self.rounds[cell][row["store"]][(row["file"], row["group"], row["round"])] = float(row["value"])
        self.stores = in_order((row["store"] for row in rows), list(STYLES))
        self.loads = list(dict.fromkeys(row["load"] for row in rows))
        self.keys = in_order((row["keys"] for row in rows), list(KEYS))
        self.threads = sorted({int(row["threads"]) for row in rows})
        self.batches = sorted({int(row["batch"]) for row in rows})

    def rates(self, cell, store):
        return list(self.rounds.get(cell, {}).get(store, {}).values())

    def median(self, cell, store):
        return statistics.median(self.rates(cell, store))

    def range(self, cell, store):
        """How far the range reaches below and above the median."""
        rates, middle = self.rates(cell, store), self.median(cell, store)
        return [[middle - min(rates)], [max(rates) - middle]]

    def best_peer(self, cell):
        """Of those that did the work one by one or in the same batches: (store, its cell), or None."""
        single = (*cell[:3], 1)
        peers = [(store, at) for store in self.stores for at in (single, cell) if store != OWN]
        peers = [(store, at) for store, at in peers if self.rates(at, store)]
        return max(peers, key=lambda peer: self.median(peer[1], peer[0]), default=None)

    def ratio_to_best(self, cell):
        best = self.best_peer(cell)
        own = self.rounds.get(cell, {}).get(OWN, {})
        ratios = [own[at] / rate for at, rate in self.rounds[best[1]][best[0]].items() if at in own] if best else []
        return statistics.median(ratios) if ratios else None


def bars(axes, rates, keys, threads):
    """Grouped bars, one group per load."""
    loads = [load for load in rates.loads if rates.rates((load, keys, threads, 1), OWN)]
    width = 0.84 / len(rates.stores)
    for group, load in enumerate(loads):
        cell = (load, keys, threads, 1)
        for index, store in enumerate(rates.stores):
            if not rates.rates(cell, store):
                continue
            at = group + (index - (len(rates.stores) - 1) / 2) * width
            spread = rates.range(cell, store)
            axes.bar(at, rates.median(cell, store), width, color=STYLES[store][0], edgecolor="black", linewidth=0.4,
                     yerr=spread, error_kw={"elinewidth": 0.7, "ecolor": "#444444"})
    labels = []
    for load in loads:
        ratio = rates.ratio_to_best((load, keys, threads, 1))
        labels.append(load_title(load) + (f"\n{ratio:.2f}×" if ratio is not None else ""))
    axes.set_xticks(range(len(loads)), labels)
    axes.set_title(f"{KEYS[keys]}, {threads_title(threads)}", fontsize=10)


def draw_throughput(rates, items):
    threads = [count for count in rates.threads if count in (1, 2)] or rates.threads[:1]
    size = (6.2 * len(threads), 2.9 * len(rates.keys) + 1)
    figure, all_axes = plt.subplots(len(rates.keys), len(threads), figsize=size, sharey="col", squeeze=False,
                                    layout="constrained")
    for keys, line in zip(rates.keys, all_axes):
        for count, axes in zip(threads, line):
            bars(axes, rates, keys, count)
            axes.margins(y=0.12)
    finish(figure, all_axes, rates.stores, RATE,
           f"Single operations, {items_title(items)} of 16 + 64 bytes (below each load: BlitzDB to the best peer)",
           every_line=True)
    return figure


def lines(axes, rates, store, points, **style):
    """A line through (x, cell) with the range at each."""
    points = [(x, cell) for x, cell in points if rates.rates(cell, store)]
    if not points:
        return
    spread = [rates.range(cell, store) for _, cell in points]
    colour, marker = STYLES[store]
    axes.errorbar([x for x, _ in points], [rates.median(cell, store) for _, cell in points],
                  yerr=[[low[0] for low, _ in spread], [high[0] for _, high in spread]], color=colour, marker=marker,
                  markersize=7, markeredgecolor="black", markeredgewidth=0.5, elinewidth=0.7,
                  linewidth=2.6 if store == OWN else 1.3, **style)


def draw_scaling(rates, items):
    figure, all_axes = plt.subplots(1, len(rates.loads), figsize=(3.6 * len(rates.loads), 4), squeeze=False,
                                    layout="constrained")
    keys = rates.keys[0]
    for load, axes in zip(rates.loads, all_axes[0]):
        for store in rates.stores:
            lines(axes, rates, store, list(enumerate((load, keys, count, 1) for count in rates.threads)))
        axes.set_title(load_title(load), fontsize=10)
        axes.set_xticks(range(len(rates.threads)), rates.threads)
        axes.set_xlabel("threads")
        axes.set_ylim(bottom=0)
    finish(figure, all_axes, rates.stores, RATE,
           f"Single operations over the number of threads, {items_title(items)} of 16 + 64 bytes, {KEYS[keys]}")
    return figure


def draw_batches(rates, items):
    keys, threads = rates.keys[0], rates.threads[0]
    in_batches = [store for store in rates.stores
                  if any(rates.rates((load, keys, threads, rates.batches[-1]), store) for load in rates.loads)]
    figure, all_axes = plt.subplots(1, len(rates.loads), figsize=(3.6 * len(rates.loads), 4), squeeze=False,
                                    layout="constrained")
    for load, axes in zip(rates.loads, all_axes[0]):
        for store in in_batches:
            cells = [(load, keys, threads, batch) for batch in rates.batches]
            lines(axes, rates, store, list(enumerate(cells)))
        title = load_title(load)
        best = rates.best_peer((load, keys, threads, 1))
        if best and best[0] not in in_batches:
            axes.axhline(rates.median(best[1], best[0]), color=STYLES[best[0]][0], linestyle="--", linewidth=1.8)
            title += f"\n(dashed: {best[0]}, one by one)"
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(rates.batches)), rates.batches)
        axes.set_xlabel("keys per call")
        axes.set_ylim(bottom=0)
    finish(figure, all_axes, in_batches, RATE,
           f"Batches, {threads_title(threads)}, {items_title(items)} of 16 + 64 bytes, {KEYS[keys]}")
    return figure


def draw_memory(rows, items):
    figures = {(row["key_size"], row["value_size"], row["store"], row["expiry"]): float(row["value"]) for row in rows}
    sizes = list(dict.fromkeys((row["key_size"], row["value_size"]) for row in rows))
    bars_of = [(store, expiry) for store in in_order((row["store"] for row in rows), list(STYLES))
               for expiry in ("no", "yes") if any(key[2:] == (store, expiry) for key in figures)]
    figure, all_axes = plt.subplots(1, len(sizes), figsize=(2.6 * len(sizes) + 1.2, 4), squeeze=False, sharey=True,
                                    layout="constrained")
    for size, axes in zip(sizes, all_axes[0]):
        for place, (store, expiry) in enumerate(bars_of):
            value = figures.get((*size, store, expiry))
            if value is None:
                continue
            axes.barh(place, value, color=STYLES[store][0], linewidth=0.5,
                      edgecolor="white" if store == "RocksDB" else "black", hatch="///" if expiry == "yes" else None)
            axes.annotate(f"{value:.0f}", (value, place), xytext=(3, 0), textcoords="offset points", va="center",
                          fontsize=8)
        axes.set_title(f"{size[0]} + {size[1]} bytes", fontsize=10)
        axes.set_yticks(range(len(bars_of)), [name + (" with expiry" if expiry == "yes" else "")
                                              for name, expiry in bars_of])
        axes.set_xlabel("bytes per item")
        axes.margins(x=0.18)
    all_axes[0][0].invert_yaxis()
    finish(figure, all_axes, [], "",
           f"Resident bytes per item beyond key and value, {items_title(items)} (less is better; scales differ)")
    return figure


def finish(figure, all_axes, stores, label, title, every_line=False):
    """What all figures have."""
    for number, line in enumerate(all_axes):
        for axes in line:
            axes.grid(axis="y" if label else "x", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
        if every_line or number == 0:
            line[0].set_ylabel(label)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    handles = [plt.Line2D([], [], color=STYLES[store][0], marker=STYLES[store][1], linestyle="-", linewidth=2.6,
                          markersize=7, markeredgecolor="black", markeredgewidth=0.5, label=store)
               for store in stores]
    if handles:
        figure.legend(handles=handles, loc="lower center", ncol=len(handles), frameon=False, fontsize=9)
        below = 0.35 / figure.get_figheight()
        figure.get_layout_engine().set(rect=(0, below, 1, 1 - below))


def read(paths):
    """Rows of both kinds, by kind and number of items."""
    tables = defaultdict(list)
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                kind = "memory" if "key_size" in row else "store"
                if row["measure"] in ("mops", "overhead_bytes") and (kind == "memory" or row["load"]):
                    tables[kind, int(row["items"])].append({**row, "file": path})
    return tables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("csv", nargs="+")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    options = parser.parse_args()

    # Letters stay letters: smaller files, and a viewer without matplotlib's font takes a narrower one.
    plt.rcParams.update({"svg.hashsalt": "blitzdb", "svg.fonttype": "none", "font.family": "sans-serif",
                         "font.size": 9, "savefig.dpi": 110})
    options.folder.mkdir(parents=True, exist_ok=True)
    for (kind, items), rows in sorted(read(options.csv).items()):
        if kind == "memory":
            figures = {"memory": draw_memory(rows, items)}
        else:
            rates = Rates(rows)
            figures = {"throughput": draw_throughput(rates, items)}
            if len(rates.threads) > 1:
                figures["scaling"] = draw_scaling(rates, items)
            if len(rates.batches) > 1:
                figures["batches"] = draw_batches(rates, items)
        for name, figure in figures.items():
            path = options.folder / f"{name}-{items}.{options.format}"
            metadata = {"Date": None} if options.format == "svg" else None
            figure.savefig(path, metadata=metadata)
            plt.close(figure)
            print(path)


if __name__ == "__main__":
    main()
