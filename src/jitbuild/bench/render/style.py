"""The style of the HTML report."""

from __future__ import annotations

from jitbuild.bench.render.svg import DARK, LIGHT, Colour


def _variables(colours: dict[Colour, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


_COLOURS = f"""
:root {{ {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
"""
_RULES = """
:root { color-scheme: light dark;
        --text: #1f2328; --back: #ffffff; --line: #d0d7de; --faint: #59636e; --warned: #fff8c5; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --back: #0d1117; --line: #3d444d; --faint: #9198a1; --warned: #2b2410; }
}
body { color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif;
       max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0; padding-left: 1rem;
     border-left: .4rem solid var(--same); }
h1.faster { border-color: var(--faster); } h1.slower { border-color: var(--slower); }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
.faint { color: var(--faint); }
.warnings { background: var(--warned); border: 1px solid var(--line);
            border-left: .4rem solid #bf8700; padding: .1rem 1rem .6rem; margin: 1.5rem 0; }
.warnings h2 { margin: .6rem 0 .2rem; font-size: 1rem; } ul { margin: 0; padding-left: 1.2rem; }
svg { display: block; max-width: 100%; height: auto; margin-top: 1rem; }
svg .faster { color: var(--faster); } svg .slower { color: var(--slower); }
svg .same { color: var(--same); } .narrow { display: none; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th, td { padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; font-weight: normal; }
thead * { color: var(--faint); } .mean > * { font-weight: bold; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
thead .number { white-space: normal; }
.word { white-space: nowrap; padding-right: 0; }
.word .mark, h1 .mark { color: var(--same); }
.faster .mark { color: var(--faster); } .slower .mark { color: var(--slower); }
.facts th { color: var(--faint); white-space: nowrap; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; } summary { cursor: pointer; }
details ul { margin: .3rem 0 .5rem; }
pre { white-space: pre-wrap; border: 1px solid var(--line); border-radius: .4rem;
      padding: .6rem .8rem; font-size: .875rem; }
@media (max-width: 46rem) {
  body { margin-top: 1rem; } h1 { font-size: 1.3rem; }
  .wide { display: none; } .narrow { display: block; }
  .ratios tr { display: grid; grid-template-columns: 1fr 1fr 1fr 1.4fr; column-gap: .5rem;
               border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .ratios th, .ratios td { border: 0; padding: .1rem 0; font-size: .9375rem; }
  .ratios .name { grid-column: 1 / 3; }
  .ratios .word { grid-column: 3 / 5; grid-row: 1; text-align: right; }
}
"""
STYLE = _COLOURS + _RULES
