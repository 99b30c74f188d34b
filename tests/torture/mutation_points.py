"""Where a C++ source decides something, and how each decision can be broken.

Reads tokens, not the language: sources are formatted by clang-format, so that an operator between two operands
has blanks around it, and the brackets of a template have not. What comes out wrong all the same does not compile.
"""

import bisect
import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|(?m:^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*))
      | (?P<string>(?:u8|[uUL])?R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')
      | (?P<number>\.?\d(?:[eEpP][+-]|'[\da-zA-Z]|[\w.])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><=>|<<=|>>=|->\*|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||::|[-+*/%&|^]=|.)""",
    re.VERBOSE | re.DOTALL)

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
BETWEEN_OPERANDS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
                    "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
                    "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}
STEPS = {"++": "--", "--": "++"}
ASSIGNED = {"+=", "-=", "*=", "/=", "|=", "&="}
NAMES = {"<": "Less", "<=": "LessEqual", ">": "Greater", ">=": "GreaterEqual", "==": "Equal", "!=": "NotEqual",
         "+": "Plus", "-": "Minus", "*": "Times", "/": "Over", "%": "Modulo", "<<": "ShiftLeft", ">>": "ShiftRight",
         "&": "And", "|": "Or", "+=": "PlusAssigned", "-=": "MinusAssigned", "*=": "TimesAssigned",
         "/=": "OverAssigned", "|=": "OrAssigned", "&=": "AndAssigned", "++": "Increment", "--": "Decrement"}
WORDS = {"true": "false", "false": "true"}
OF_STD = {"min": "max", "max": "min"}
CLOSING = {"(": ")", "[": "]", "{": "}"}
# What a statement that is a mere expression does not start with.
KEYWORDS = set("""return break continue if for while do switch case default else throw goto try catch using typedef
    namespace class struct enum union template friend static const constexpr auto virtual explicit public private
    protected static_assert assert delete operator extern inline mutable thread_local""".split())
# Of a statement: nothing that anybody decides on.
NOT_DECIDING = ("static_assert", "assert", "using", "namespace")
SAVES_ONLY_TIME = {"reserve", "shrink_to_fit"}


@dataclass(frozen=True)
class Mutant:
    """A change of `text[start:end]` to `replacement`. `before` and `after`: the lines it touches, without
    indentation, line breaks and comments."""

    kind: str
    line: int
    line_count: int
    start: int
    end: int
    replacement: str
    before: str
    after: str
    switch: object = None  # of class Switch; None: it can only be built alone

    def apply(self, text):
        return text[:self.start] + self.replacement + text[self.end:]


@dataclass(frozen=True)
class Switch:
    """Where and how a mutant and its original are both written, to be chosen from when the program runs; see
    mutation_switch.h. Mutants of one place and form share it, `slot` being its turn."""

    form: str
    start: int
    end: int
    slot: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


def tokens_of(text):
    return [Token(match.lastgroup if match.lastgroup != "mark" else "string", match.group(), match.start(), match.end())
            for match in TOKEN.finditer(text) if match.lastgroup != "skip"]


def enumerators_of(texts):
    """Type -> its values, as far as `texts` name any."""
    found = {}
    for text in texts:
        for name, value in re.findall(r"\b([A-Z]\w*)::(k[A-Z]\w*)\b(?!\s*\()", text):
            values = found.setdefault(name, [])
            if value not in values:
                values.append(value)
    return found


def mutants_of(text, enumerators=None):
    """All mutants of a source, in its order. `enumerators`: from enumerators_of, of this and other sources."""
    finder = _Finder(text, enumerators if enumerators is not None else enumerators_of([text]))
    return finder.find()


def _in_one_line(lines):
    return " ".join(re.sub(r"(^|\s)//.*", "", lines).split())


def switched(text, numbered):
    """`text` with all of `numbered` in it, number -> mutant that has a switch, on the lines where they were."""
    places = {}
    for number, mutant in numbered.items():
        switch = mutant.switch
        places.setdefault((switch.form, switch.start, switch.end), {})[switch.slot] = (number, switch.detail)
    edits = []  # (start, what comes first, end, text)
    for (form, start, end), slots in places.items():
        first, second = (slots.get(slot, (0, ""))[0] for slot in (0, 1))
        detail = next(iter(slots.values()))[1]
        old = text[start:end]

        def replace(new, start=start, end=end):
            edits.append((start, (2,), end, new))

        def surround(before, after, start=start, end=end, inside=0):
            # What ends here goes before what starts here; of two that start or end here the longer one is outside.
            edits.append((start, (1, -end, inside), start, before))
            edits.append((end, (0, -start, -inside), end, after))

        if form == "operator":
            replace(f"{old} mutation::{detail}<{first}, {second}>{{}} {old}")
        elif form == "assignment":
            replace(f"{old} mutation::{detail}<{first}>{{}} {old}")
        elif form == "prefix":
            replace(f"mutation::{detail}<{first}>{{}} ->* ")
        elif form == "postfix":
            replace(f" ->* mutation::{detail}<{first}>{{}}")
        elif form == "value":
            replace(f"(mutation::On({first}) ? {detail} : {old})")
        elif form == "number in braces":
            replace(f"mutation::Number<decltype({old})>{{mutation::On({first}) ? {detail} : {old}}}")
        elif form == "bound":
            replace(f"mutation::Bound<{first}, {detail}>::Of")
        elif form == "negation":
            replace(f"mutation::On({first}) != !")
        elif form == "choice":
            replace(f"&& !mutation::On({first}) || mutation::On({second}) ?")
        elif form == "logical":
            # With each side and the whole turned round, one operator is the other.
            turned = f"!= mutation::On({first})"
            sign_start, sign_end = map(int, detail.split(":"))
            surround("(((static_cast<bool>(", f") {turned})) {turned})", inside=1)
            replace(f") {turned}) {text[sign_start:sign_end]} (static_cast<bool>(", sign_start, sign_end)
        elif form == "condition":
            surround(f"mutation::On({first}) ? false : mutation::On({second}) ? true : static_cast<bool>(", ")")
        elif form.startswith("case "):
            surround(f"mutation::Without<{first}>(", f", {detail})", inside=first)
        elif form == "statement":
            surround(f"{{ if (!mutation::On({first})) ", " }")
    out, at = [], 0
    for start, _, end, new in sorted(edits):
        out += [text[at:start], new]
        at = end
    return "".join(out) + text[at:]


class _Finder:
    def __init__(self, text, enumerators):
        self.text, self.enumerators = text, enumerators
        self.tokens = tokens_of(text)
        self.line_starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self.found = []
        self.match_brackets()

    def find(self):
        ignored = self.ignored_tokens()
        self.constant = self.constant_tokens()
        for i, token in enumerate(self.tokens):
            if i in ignored:
                continue
            if token.kind == "number":
                self.number(i)
            elif token.kind == "word":
                self.word(i)
            elif token.kind == "sign":
                self.sign(i)
        self.statements(ignored)
        unique = {}
        for mutant in sorted(self.found, key=lambda mutant: (mutant.start, mutant.end)):
            unique.setdefault(mutant.apply(self.text), mutant)
        unique.pop(self.text, None)
        return list(unique.values())

    # ---- Structure.

    def match_brackets(self):
        """partner: of each bracket. inside: of each token the innermost bracket around it."""
        self.partner, self.inside, open_brackets = {}, [], []
        for i, token in enumerate(self.tokens):
            closes = token.kind == "sign" and token.text in CLOSING.values()
            if closes and open_brackets:
                opener = open_brackets.pop()
                self.partner[opener], self.partner[i] = i, opener
            self.inside.append(open_brackets[-1] if open_brackets else None)
            if token.kind == "sign" and token.text in CLOSING:
                open_brackets.append(i)

    def is_text(self, i, *texts):
        return 0 <= i < len(self.tokens) and self.tokens[i].text in texts and self.tokens[i].kind != "string"

    def statement_end(self, i):
        """The token ";" that ends what starts at i; None where a bracket closes first."""
        while i < len(self.tokens):
            if self.is_text(i, ";"):
                return i
            if self.is_text(i, *CLOSING.values()):
                return None
            i = self.partner.get(i, i) + 1 if self.is_text(i, *CLOSING) else i + 1
        return None

    def ignored_tokens(self):
        ignored = set()
        for i in range(len(self.tokens)):
            if self.is_text(i, *NOT_DECIDING):
                end = self.statement_end(i)
                if self.is_text(i, "namespace"):
                    end = i + 1
                ignored.update(range(i, (end or i) + 1))
            elif self.is_text(i, "alignas", "noexcept", "operator") and self.is_text(i + 1, "("):
                ignored.update(range(i, self.partner.get(i + 1, i) + 1))
            elif self.is_text(i, "operator"):
                ignored.update((i, i + 1))
        return ignored

    def constant_tokens(self):
        """Those of which the compiler, not the program, makes use."""
        constant = set()
        for i in range(len(self.tokens)):
            end = self.statement_end(i) if self.is_text(i, "constexpr", "case") else None
            if end is None:
                continue
            top_level = [j for j in range(i, end) if self.inside[j] == self.inside[i]]
            is_function = any(self.is_text(j, "{") and self.is_text(j - 1, ")", "const", "noexcept") for j in top_level)
            if self.is_text(i, "case"):
                end = next(j for j in top_level if self.is_text(j, ":"))
            elif is_function:
                continue
            constant.update(range(i, end + 1))
        return constant

    def is_whole_condition(self, i):
        """True of an operator that alone makes the condition of an if, which is emptied anyhow."""
        bracket = self.inside[i]
        if bracket is None or not self.is_text(bracket, "(") or not self.is_text(bracket - 1, "if"):
            return False
        return not any(self.is_text(j, "&&", "||", "?", ";") and self.inside[j] == bracket
                       for j in range(bracket, self.partner.get(bracket, bracket)))

    def in_condition(self, i):
        """True inside the brackets of an if or while, which are emptied as a whole."""
        bracket = self.inside[i]
        while bracket is not None:
            if self.is_text(bracket, "(") and self.is_text(bracket - 1, "if", "while"):
                return True
            bracket = self.inside[bracket]
        return False

    def in_loop_header(self, i):
        bracket = self.inside[i]
        return bracket is not None and self.is_text(bracket - 1, "for")

    def in_code(self, i):
        """True in a function's body, false among the declarations of a file or a class."""
        bracket = self.inside[i]
        while bracket is not None and not self.is_text(bracket, "{"):
            bracket = self.inside[bracket]
        if bracket is None:
            return False
        header = bracket - 1
        words = set()
        while header >= 0 and not self.is_text(header, ";", "{", "}"):
            words.add(self.tokens[header].text)
            header -= 1
        return "(" in words or not words & {"class", "struct", "union", "enum", "namespace"}

    # ---- What a token decides.

    def add(self, kind, start, end, replacement, switch=None):
        first = bisect.bisect_right(self.line_starts, start) - 1
        last = bisect.bisect_right(self.line_starts, max(end - 1, start)) - 1
        region_start = self.line_starts[first]
        region_end = self.line_starts[last + 1] if last + 1 < len(self.line_starts) else len(self.text)
        before = self.text[region_start:region_end]
        after = self.text[region_start:start] + replacement + self.text[end:region_end]
        self.found.append(Mutant(kind, first + 1, last - first + 1, start, end, replacement, _in_one_line(before), _in_one_line(after),
                                 switch))

    def replace(self, kind, i, replacement, form=None, slot=0, detail=""):
        start, end = self.tokens[i].start, self.tokens[i].end
        switch = Switch(form, start, end, slot, detail) if form and i not in self.constant else None
        self.add(kind, start, end, replacement, switch)

    def number(self, i):
        text = self.tokens[i].text
        is_pure_virtual = self.is_text(i - 1, "=") and self.is_text(i - 2, ")", "const", "override", "noexcept")
        if is_pure_virtual:
            return
        digits, suffix = re.fullmatch(r"(0[xX][\da-fA-F']+|[\d'.]+(?:[eE][+-]?\d+)?|.*?)([uUlLfFzZ]*)", text).groups()
        digits = digits.replace("'", "")
        try:
            value = int(digits, 0)
            replacement = hex(value + 1) if digits[:2].lower() == "0x" else str(value + 1)
        except ValueError:
            try:
                value = float(digits)
            except ValueError:
                return
            replacement = repr(float(f"{value * 1.5 if value else 1.0:.9g}"))
        form = "number in braces" if self.is_text(i - 1, "{") and self.is_text(i + 1, "}") else "value"
        self.replace("constant", i, replacement + suffix, form, detail=replacement + suffix)

    def word(self, i):
        text = self.tokens[i].text
        if text in WORDS:
            self.replace("constant", i, WORDS[text], "value", detail=WORDS[text])
        elif text in OF_STD and self.is_text(i - 1, "::") and self.is_text(i - 2, "std"):
            start = self.tokens[i - 2].start
            switch = Switch("bound", start, self.tokens[i].end, detail="true" if text == "min" else "false")
            self.add("bound", start, self.tokens[i].end, f"std::{OF_STD[text]}", switch)
        elif text in ("if", "while") and self.is_text(i + 1, "("):
            self.condition(i)
        elif text == "case":
            self.case_label(i)
        elif self.is_text(i + 1, "::") and i + 2 < len(self.tokens):
            self.enumerator(i)

    def condition(self, i):
        opening, closing = i + 1, self.partner.get(i + 1)
        if closing is None:
            return
        first = opening + 1
        top_level = [j for j in range(first, closing) if self.inside[j] == opening]
        for j in top_level:
            if self.is_text(j, ";"):
                first = j + 1
        declares = any(self.is_text(j, "=") for j in top_level if j >= first)
        if declares or first >= closing or self.is_text(first, "true", "false"):
            return
        start, end = self.tokens[first].start, self.tokens[closing].start
        # A loop that never ends tells little and takes long.
        for slot, replacement in enumerate(("false", "true") if self.is_text(i, "if") else ("false",)):
            self.add("condition", start, end, replacement, Switch("condition", start, end, slot))

    def case_label(self, i):
        end = i
        while end < len(self.tokens) and not self.is_text(end, ":"):
            end += 1
        after = end + 1
        while self.is_text(after, "case"):
            while not self.is_text(after, ":"):
                after += 1
            after += 1
        switch = self.partner.get(self.inside[i])
        leaves_as_if_absent = self.is_text(after, "break") and not any(
            self.is_text(j, "default") and self.inside[j] == self.inside[i] for j in range(i, switch or i))
        if leaves_as_if_absent or self.is_text(after, "default"):
            return
        self.add("case", self.tokens[i].start, self.tokens[end].end, "", self.case_switch(i, end))

    def case_switch(self, i, end):
        """Around what the switch looks at."""
        opening = self.inside[i]
        closing = opening - 1 if opening is not None else None
        if closing is None or not self.is_text(closing, ")"):
            return None
        label = self.text[self.tokens[i].end:self.tokens[end].start].strip()
        # One place for each label: those of one switch surround the same.
        return Switch(f"case {label}", self.tokens[self.partner[closing]].end, self.tokens[closing].start, detail=label)

    def enumerator(self, i):
        name, value = self.tokens[i].text, self.tokens[i + 2].text
        values = self.enumerators.get(name, [])
        if value not in values or len(values) < 2 or self.is_text(i + 3, "(", "::"):
            return
        before = i - 1
        while self.is_text(before, "::"):
            before -= 2
        compared = self.is_text(before, "==", "!=") or self.is_text(i + 3, "==", "!=")
        if compared or self.is_text(before, "case", "using"):
            return
        other = values[(values.index(value) + 1) % len(values)]
        start, end = self.tokens[before + 1].start, self.tokens[i + 2].end
        changed = f"{self.text[start:self.tokens[i + 2].start]}{other}"
        self.add("enumerator", start, end, changed,
                 None if i in self.constant else Switch("value", start, end, detail=changed))

    def sign(self, i):
        token = self.tokens[i]
        text = token.text
        has_blanks = self.text[token.start - 1:token.start].isspace() and self.text[token.end:token.end + 1].isspace()
        if has_blanks and text in BETWEEN_OPERANDS:
            if text in ("==", "!=") and self.is_whole_condition(i):
                return
            if text in ("&&", "||"):
                self.add("operator", token.start, token.end, BETWEEN_OPERANDS[text], self.logical_switch(i))
                return
            form = "assignment" if text in ASSIGNED else "operator"
            self.replace("operator", i, BETWEEN_OPERANDS[text], form, 0, NAMES.get(text, ""))
            if text in OPPOSITE and not self.in_condition(i) and not self.in_loop_header(i):
                self.replace("operator", i, OPPOSITE[text], form, 1, NAMES[text])
        elif text in STEPS and not self.in_loop_header(i):
            follows = self.tokens[i - 1].kind == "word" or self.is_text(i - 1, ")", "]")
            self.replace("operator", i, STEPS[text], "postfix" if follows else "prefix", 0, NAMES[text])
        elif text == "!":
            if not (self.is_text(i - 1, "(") and self.is_whole_condition(i)):
                self.replace("negation", i, "", "negation")
        elif text == "-" and not has_blanks and not self.is_text(i - 1, ")", "]"):
            self.replace("negation", i, "")
        elif text == "?":
            self.replace("choice", i, "&& false ?", "choice", 0)
            self.replace("choice", i, "|| true ?", "choice", 1)

    def logical_switch(self, i):
        """Around both operands; None for one of several that follow each other, which would cross."""
        first, last = self.operand_edge(i, -1), self.operand_edge(i, 1)
        if first is None or last is None or i in self.constant:
            return None
        sign = self.tokens[i]
        return Switch("logical", self.tokens[first].start, self.tokens[last].end, detail=f"{sign.start}:{sign.end}")

    def operand_edge(self, i, step):
        """The first or last token of the operand before or after && or ||."""
        text = self.tokens[i].text
        enters = (")", "]") if step < 0 else ("(", "[", "{")
        ends = {"?", ":", ",", ";", "=", "return", "else", "do", "case", *ASSIGNED, "(", ")", "[", "]", "{", "}"}
        if text == "&&":
            ends.add("||")
        j = i + step
        while 0 <= j < len(self.tokens):
            if self.is_text(j, text):
                return None
            if self.is_text(j, *enters):
                j = self.partner.get(j, j)
            elif self.is_text(j, *ends):
                return j - step if j - step != i else None
            j += step
        return None

    # ---- Statements.

    def statements(self, ignored):
        for i in range(1, len(self.tokens)):
            if i not in ignored and self.starts_statement(i) and self.in_code(i):
                end = self.statement_end(i)
                if end is not None and self.is_expression(i, end):
                    start, stop = self.tokens[i].start, self.tokens[end].end
                    self.add("statement", start, stop, ";", Switch("statement", start, stop))

    def starts_statement(self, i):
        if self.is_text(i - 1, ";", "{", "}", "else", "do"):
            return not self.in_loop_header(i)
        if self.is_text(i - 1, ")"):
            opening = self.partner.get(i - 1)
            return opening is not None and self.is_text(opening - 1, "if", "for", "while")
        if self.is_text(i - 1, ":"):
            label = i - 2
            while label >= 0 and (self.tokens[label].kind == "word" or self.is_text(label, "::")):
                if self.is_text(label, "case", "default"):
                    return True
                label -= 1
        return False

    def is_expression(self, i, end):
        first = self.tokens[i]
        if first.text in KEYWORDS or not (first.kind == "word" or first.text in ("++", "--", "*", "(", "::")):
            return False
        top_level = [j for j in range(i, end) if self.inside[j] == self.inside[i]]
        if any(self.tokens[j].text in SAVES_ONLY_TIME for j in top_level):
            return False
        for j in top_level[1:]:
            token, previous = self.tokens[j], self.tokens[j - 1]
            if token.kind == "word" and (previous.kind == "word" or previous.text == ">" and previous.start > 0
                                         and not self.text[previous.start - 1].isspace()):
                return False
            is_declarator = (token.text in ("*", "&", "&&") and token.start == previous.end
                             and (previous.kind == "word" or previous.text == ">"))
            if is_declarator:
                return False
        assigns = any(re.fullmatch(r"=|[-+*/%&|^]=|<<=|>>=|\+\+|--", self.tokens[j].text) for j in top_level)
        return assigns or self.is_text(end - 1, ")")
