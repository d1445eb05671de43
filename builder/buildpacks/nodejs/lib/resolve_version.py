#!/usr/bin/env python3
"""resolve_version.py RANGE VERSIONS.json: the highest version of an npm package that a range allows, as "VERSION INTEGRITY TARBALL"."""
import json
import re
import sys

DEFAULT = "24.x"
RELEASE = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")
PARTIAL = re.compile(r"^(>=|<=|>|<|=|\^|~>|~)?\s*v?(\d+|[xX*])?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+][0-9A-Za-z.+-]*)?$")
INFINITE = (1 << 60, 0, 0)


def numbers(parts):
    """The leading numbers of [major, minor, patch], up to the first that is missing or x."""
    found = []
    for part in parts:
        if part is None or part in "xX*":
            break
        found.append(int(part))
    return found


def bump(version, index):
    """The lowest version above all that share version[:index + 1]."""
    return tuple(list(version[:index]) + [version[index] + 1] + [0] * (2 - index))


def bounds(operator, given):
    """[low, high) of one comparator."""
    low = tuple((given + [0, 0, 0])[:3])
    above = bump(low, len(given) - 1) if given else INFINITE
    if operator == ">=":
        return low, INFINITE
    if operator == ">":
        return (above if given else INFINITE), INFINITE
    if operator == "<":
        return (0, 0, 0), low
    if operator == "<=":
        return (0, 0, 0), above
    if operator == "^" and given:
        first = next((i for i, part in enumerate(given) if part > 0), len(given) - 1)
        return low, bump(low, first)
    if operator in ("~", "~>") and given:
        return low, bump(low, min(1, len(given) - 1))
    return low, above


def intervals(text):
    """One (low, high) for each alternative of the range."""
    for alternative in text.split("||"):
        hyphen = re.match(r"^\s*(\S+)\s+-\s+(\S+)\s*$", alternative)
        if hyphen:
            alternative = ">=%s <=%s" % hyphen.groups()
        alternative = re.sub(r"(>=|<=|>|<|=|\^|~>|~)\s+", r"\1", alternative.strip())
        low, high = (0, 0, 0), INFINITE
        for word in alternative.replace(",", " ").split() or ["*"]:
            match = PARTIAL.match(word)
            if not match:
                raise ValueError("cannot read the version range '%s'" % text)
            word_low, word_high = bounds(match.group(1) or "", numbers(match.groups()[1:]))
            low, high = max(low, word_low), min(high, word_high)
        yield low, high


def main():
    wanted, file = sys.argv[1].strip(), sys.argv[2]
    if wanted.lower() in ("latest", "current", "node", "stable"):
        wanted = "*"
    elif wanted.lower().startswith("lts"):
        wanted = DEFAULT
    with open(file, encoding="utf-8") as stream:
        versions = json.load(stream)["versions"]
    releases = [tuple(map(int, match.groups())) for match in map(RELEASE.match, versions) if match]
    allowed = list(intervals(wanted))
    fitting = [version for version in releases if any(low <= version < high for low, high in allowed)]
    for version in sorted(fitting, reverse=True):
        name = "%d.%d.%d" % version
        dist = versions[name]["dist"]
        # Very old packages have no strong checksum: they are not offered.
        if dist.get("integrity", "").startswith("sha512-"):
            print(name, dist["integrity"], dist["tarball"].rsplit("/", 1)[-1])
            return 0
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
