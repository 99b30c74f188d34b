"""The charts of the documentation, drawn as SVG by hand: scales, panels, keys. Standard library only."""

import html
import math

COLOURS = ("#6b7280", "#d1495b", "#e8a33d", "#2a7f62", "#3b6ea8")
STYLE = (".title{font-size:14px;font-weight:600;fill:#1f2937}.tick,.key{font-size:12px;fill:#4b5563}"
         ".grid{stroke:#e5e7eb}.fault{fill:#fef3c7}")


class Linear:
    """Values from `low` to `high`, evenly."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def share(self, value):
        """How far along it is, from 0 to 1; what is outside is at the end it is nearest to."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def ticks(self, count=4):
        return [self.low + (self.high - self.low) * step / count for step in range(count + 1)]


class Logarithmic:
    """Values from `low` to `high`, both greater than zero, each factor as wide as any other."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def share(self, value):
        value = min(max(value, self.low), self.high)
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self):
        """Powers of ten where they are enough, and fractions of them where they are not."""
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            found = [step * 10.0 ** power for power in range(first, last + 1) for step in steps]
            found = [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
            if len(found) >= 4:
                break
        return found


def rounded(values):
    """The scale from zero to a round number that holds all values, in quarters."""
    top = max(max(values), 1e-9)
    unit = 10.0 ** math.floor(math.log10(top))
    return Linear(0, next(step * unit for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * unit >= top * 0.999))


def decades(values):
    """The logarithmic scale that holds all values, from a round number to a round number."""
    low, high = min(values), max(values)

    def step(value, up):
        unit = 10.0 ** math.floor(math.log10(value) + 1e-9)
        steps = [factor * unit for factor in (1, 2, 5, 10)]
        return (min(found for found in steps if found >= value * 0.999) if up
                else max(found for found in steps if found <= value * 1.001))

    low, high = step(low, False), step(high, True)
    return Logarithmic(low, high if high > low else low * 10)


def round_steps(low, high):
    """About five round numbers from `low` to `high`, for a linear axis whose ends are not round."""
    unit = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(factor * unit for factor in (1, 2, 5, 10) if (high - low) / (factor * unit) <= 7)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def brief(value):
    """A number as an axis has room for it."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 1e5:
        return f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def binary(value):
    """A number of bytes, likewise."""
    for size, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:g} B"


def text(kind, x, y, words, anchor=None):
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}"{anchored} x="{x}" y="{y}">{html.escape(words, quote=False)}</text>'


def document(width, height, body):
    """The lines of a picture; `body` are the elements in it."""
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" font-family="system-ui, sans-serif">')
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield from body
    yield "</svg>"


def key(x, y, entries):
    """What the lines are, beside each other: (label, colour). Returns the elements, and where they end."""
    elements = []
    for label, colour in entries:
        elements.append(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        elements.append(text("key", x + 32, y + 4, label))
        x += 60 + 8 * len(label)
    return elements, x


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


class Panel:
    """One chart with its corner at (x, y): `across` and `up` are the scales of its axes."""

    def __init__(self, x, y, width, height, title, across, up):
        self.x, self.y, self.width, self.height = x, y, width, height
        self.title, self.across, self.up = title, across, up

    def px(self, value):
        return self.x + self.width * self.across.share(value)

    def py(self, value):
        return self.y + self.height * (1 - self.up.share(value))

    def heading(self):
        return text("title", self.x, self.y - 10, self.title)

    def band(self, left, right):
        """What is marked behind the lines, from one value across to another."""
        left, right = self.px(left), self.px(right)
        return (f'<rect class="fault" x="{left:.1f}" y="{self.y}" width="{right - left:.1f}" '
                f'height="{self.height}"/>')

    def rows(self, label=brief):
        """The grid of the axis that goes up."""
        for value in self.up.ticks():
            y = self.py(value)
            yield f'<line class="grid" x1="{self.x}" y1="{y:.1f}" x2="{self.x + self.width}" y2="{y:.1f}"/>'
            yield text("tick", self.x - 8, f"{y + 4:.1f}", label(value), "end")

    def columns(self, values, label=brief, grid=False):
        """The ticks of the axis that goes across."""
        for value in values:
            x = self.px(value)
            if grid:
                yield f'<line class="grid" x1="{x:.1f}" y1="{self.y}" x2="{x:.1f}" y2="{self.y + self.height}"/>'
            yield text("tick", f"{x:.1f}", self.y + self.height + 18, label(value), "middle")

    def line(self, points, colour):
        joined = " ".join(f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in points)
        return f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{joined}"/>'

    def dots(self, points, colour, radius=2.2):
        joined = "".join(f'<circle cx="{self.px(x):.1f}" cy="{self.py(y):.1f}" r="{radius}"/>' for x, y in points)
        return f'<g fill="{colour}" fill-opacity="0.45">{joined}</g>'

    def limit(self, value, label):
        """A bar across the panel that values are held to."""
        y = self.py(value)
        yield (f'<line x1="{self.x}" y1="{y:.1f}" x2="{self.x + self.width}" y2="{y:.1f}" stroke="{COLOURS[1]}" '
               'stroke-dasharray="5 4"/>')
        yield text("tick", self.x + self.width, f"{y - 5:.1f}", label, "end")
