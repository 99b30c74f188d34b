"""Pages in docs/ whose figures programs write: each measured part stands between a pair of comments."""


def replace_part(text, name, content):
    """The text with what is between <!-- NAME: measured --> and <!-- NAME: end --> replaced."""
    begin, end = f"<!-- {name}: measured -->\n", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no part '{name}': it wants a line {begin.strip()} and a line {end}")
    return f"{before}{begin}{content.strip()}\n{end}{after}"


def table(header, rows):
    """A table in Markdown; cells are texts or numbers."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
