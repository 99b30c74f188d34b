"""What a check of the contract has to say."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """`where` is the full name of what it is about, `file` the file that has it or, if it is gone, had it."""

    rule: str
    file: str
    where: str
    message: str

    def __str__(self):
        return f"{self.file}: {self.where}: {self.message} ({self.rule})"
