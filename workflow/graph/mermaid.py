"""Pictures as Mermaid flowcharts, which code forges and notebooks draw without any program."""

from workflow.graph.picture import Picture, Shape, Tone

_BRACKETS = {
    Shape.SCRIPT: ("([", "])"),
    Shape.HANDLER: ("(", ")"),
    Shape.QUEUE: ("[/", "/]"),
    Shape.END: ("[[", "]]"),
}
_COLOURS = {
    Tone.PLAIN: "fill:#fff,stroke:#444",
    Tone.DONE: "fill:#d9f0e6,stroke:#009e73",
    Tone.UNTOUCHED: "fill:#eee,stroke:#999",
    Tone.OWED: "fill:#fff3d1,stroke:#e69f00",
    Tone.RUNNING: "fill:#dcecf9,stroke:#0072b2",
    Tone.FAILED: "fill:#fbe0d5,stroke:#d55e00",
}


def to_mermaid(picture: Picture) -> str:
    lines = ["---", f"title: {_quoted(picture.title)}", "---", "flowchart LR"]
    names = {node.id: f"n{number}" for number, node in enumerate(picture.nodes)}
    for node in picture.nodes:
        left, right = _BRACKETS[node.shape]
        text = _quoted("\n".join(node.lines))
        lines.append(f"    {names[node.id]}{left}{text}{right}:::{node.tone.value}")
    for arrow in picture.arrows:
        label = f"|{_quoted(arrow.label)}|" if arrow.label else ""
        lines.append(f"    {names[arrow.source]} -->{label} {names[arrow.target]}")
    used = {node.tone for node in picture.nodes}
    lines += [f"    classDef {tone.value} {_COLOURS[tone]}" for tone in Tone if tone in used]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("#", "#35;").replace('"', "#quot;").replace("\n", "<br>")
    return f'"{escaped}"'
