# SPDX-License-Identifier: MIT
# Lines and branches of src/core and src/engine that no test takes and that have no reason: named, and exit 1.
"""usage: check.py EXPORT REASONS

EXPORT is what `llvm-cov export` prints. REASONS says why some are not taken: [a reason], then FILE: CODE for each line
of code, without its indentation; FILE: * for a file without code. A line there that is taken after all, or is gone,
is named too.
"""

import collections
import json
import os
import re
import sys

FOLDERS = ("src/core/", "src/engine/")


def ours(path):
    return path.startswith(FOLDERS) and not re.search(r"_test\.cc$|_fixture\.h$", path)


def read_reasons(path):
    """(file, code) -> reason"""
    reasons, reason = {}, None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]"):
                reason = line[1:-1]
                continue
            file, separator, code = line.partition(": ")
            if not separator or not reason:
                sys.exit(f"{path}:{number}: expected [a reason], or FILE: CODE below one")
            reasons[file, code] = reason
    return reasons


def lines_of(segments):
    """line -> most times it was run, of the lines that hold code"""
    counts, covering = {}, None
    for segment, following in zip(segments, segments[1:] + [None]):
        line, _, count, has_count, is_entry, is_gap = segment
        covering = count if has_count and not is_gap else None
        if covering is None:
            continue
        last = following[0] if following else line
        for covered in range(line, last + 1):
            # The line on which the next segment begins belongs to that one, unless this one begins there too.
            if covered == line or covered < last:
                counts[covered] = max(counts.get(covered, 0), count)
    return counts


def main(export, reasons_path):
    with open(export, encoding="utf-8") as text:
        data = json.load(text)["data"][0]
    reasons = read_reasons(reasons_path)
    used, missing, seen = set(), [], set()
    print(f"{'':40} {'lines':>13} {'branches':>13}")
    totals = collections.Counter()
    for entry in data["files"]:
        file = os.path.relpath(entry["filename"])
        if not ours(file):
            continue
        seen.add(file)
        with open(file, encoding="utf-8") as text:
            indented = text.read().split("\n")
        source = [line.strip() for line in indented]
        gaps = {line: "not run" for line, count in lines_of(entry["segments"]).items() if count == 0}
        lines = entry["summary"]["lines"]
        # Each instantiation of a template has branches of its own: one that takes it is enough.
        branches = {}
        for line, column, end_line, end_column, taken, not_taken, *_ in entry["branches"]:
            both = branches.setdefault((line, column, end_line, end_column), [0, 0])
            both[0] += taken
            both[1] += not_taken
        for (line, column, end_line, end_column), (taken, not_taken) in branches.items():
            if taken + not_taken > 0 and not (taken and not_taken):
                if source[line - 1].startswith("switch ("):
                    continue  # its default, where every value has a case
                condition = indented[line - 1][column - 1 : end_column - 1] if line == end_line else source[line - 1]
                gaps.setdefault(line, f"`{condition}` is never {'false' if taken else 'true'}")
        sides = [side for both in branches.values() for side in both]
        totals.update(lines=lines["count"], taken=lines["covered"], sides=len(sides), sides_taken=sum(map(bool, sides)))
        print(f"{file:40} {lines['covered']:>6}/{lines['count']:<6} {sum(map(bool, sides)):>6}/{len(sides):<6}")
        for line, what in sorted(gaps.items()):
            key = (file, source[line - 1])
            if key in reasons:
                used.add(key)
            else:
                missing.append(f"{file}:{line}: {what}: {source[line - 1]}")
    print(f"{'all':40} {totals['taken']:>6}/{totals['lines']:<6} {totals['sides_taken']:>6}/{totals['sides']:<6}")
    for folder in FOLDERS:
        for name in sorted(os.listdir(folder)):
            if name.endswith(".cc") and ours(folder + name) and folder + name not in seen:
                if (folder + name, "*") in reasons:
                    used.add((folder + name, "*"))
                else:
                    missing.append(f"{folder}{name}: in no test at all")
    unused = [f"{file}: {code}" for file, code in reasons if (file, code) not in used]
    for line in missing:
        print(line)
    for line in unused:
        print(f"{reasons_path}: is taken, or gone: {line}")
    if missing:
        sys.exit(f"coverage: {len(missing)} not taken and without a reason in {reasons_path}")
    print(f"coverage: all is taken, but for {len(used)} lines with their reasons in {reasons_path}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
