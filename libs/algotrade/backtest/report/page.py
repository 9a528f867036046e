"""The report's style sheet and script. No font, script or picture comes from outside: the page must open offline."""

from algotrade.backtest.report.charts import FONT, GREEN, GRID, INK, MUTED, NAVY, PAPER, RED

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "form-action 'none'; base-uri 'none'"
)
"""Content-Security-Policy: the browser itself refuses to load or to send anything, should a chart library try."""

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f5f6f8; color: {INK}; font: 14px/1.5 {FONT}; font-variant-numeric: tabular-nums; }}
main {{ max-width: 1240px; margin: 0 auto; padding: 36px 28px 48px; }}
header {{ border-bottom: 2px solid {NAVY}; padding-bottom: 18px; margin-bottom: 22px; }}
h1 {{ font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 2px; }}
.subtitle {{ color: {MUTED}; font-size: 15px; margin: 0 0 16px; }}
h2 {{ font-size: 16px; font-weight: 650; margin: 34px 0 10px; }}
h3 {{ font-size: 14px; font-weight: 650; margin: 0 0 2px; }}
h1, h3, dd, td, li, p {{ overflow-wrap: anywhere; }}
dl {{ display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 4px 18px; margin: 0; }}
dt {{ color: {MUTED}; }}
dd {{ margin: 0; min-width: 0; }}
.wide {{ grid-column: 2 / -1; }}
code {{ font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }}
.kpis {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; background: {GRID};
  border: 1px solid {GRID}; border-radius: 6px; overflow: hidden; }}
.kpis + .kpis {{ margin-top: 10px; }}
.kpi {{ background: {PAPER}; padding: 12px 16px 11px; min-width: 0; }}
.kpi .name {{ color: {MUTED}; font-size: 12px; white-space: nowrap; }}
.kpi .value {{ font-size: 23px; line-height: 1.3; font-weight: 600; white-space: nowrap; letter-spacing: -0.01em; }}
.small .value {{ font-size: 17px; }}
.kpi .note {{ color: {MUTED}; font-size: 12px; }}
.title {{ display: flex; gap: 14px; align-items: baseline; }}
.title .caption {{ flex: 1; }}
.title .legend {{ font-size: 12.5px; white-space: nowrap; }}
.legend span + span {{ margin-left: 12px; }}
.warn {{ color: #8a6100; }}
.gain {{ color: {GREEN}; }}
.loss {{ color: {RED}; }}
.notice {{ background: #fbf7ec; border-left: 3px solid #c9a227; padding: 9px 14px; margin: 16px 0 0; }}
.notice p {{ margin: 0; }}
.notice p + p {{ margin-top: 4px; }}
.card {{ background: {PAPER}; border: 1px solid {GRID}; border-radius: 6px; padding: 14px 16px; }}
.card + .card {{ margin-top: 12px; }}
.card p {{ margin: 0; }}
.chart {{ width: 100%; }}
.caption, .none {{ color: {MUTED}; font-size: 12.5px; }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 16px; align-items: start; }}
.pair .card + .card {{ margin-top: 0; }}
.figures {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 40px; }}
.figures div {{ display: flex; justify-content: space-between; gap: 12px; padding: 5px 0;
  border-bottom: 1px solid {GRID}; }}
.figures div:nth-last-child(-n+3) {{ border-bottom: 0; }}
.figures span:first-child {{ color: {MUTED}; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th {{ color: {MUTED}; font-size: 12px; font-weight: 500; text-align: left; }}
th, td {{ padding: 6px 10px; border-bottom: 1px solid {GRID}; }}
th:first-child, td:first-child {{ padding-left: 0; }}
th:last-child, td:last-child {{ padding-right: 0; }}
tbody tr:last-child td {{ border-bottom: 0; }}
.total td {{ border-top: 1px solid {MUTED}; font-weight: 600; }}
.n {{ text-align: right; white-space: nowrap; }}
select {{ font: inherit; padding: 4px 8px; border: 1px solid #c5ccd3; border-radius: 4px; background: {PAPER}; }}
ul {{ margin: 0; padding-left: 18px; }}
li + li {{ margin-top: 4px; }}
footer {{ color: {MUTED}; font-size: 12.5px; margin-top: 28px; border-top: 1px solid #d9dee3; padding-top: 12px; }}
@media (max-width: 900px) {{
  dl {{ grid-template-columns: max-content 1fr; }}
  .pair {{ grid-template-columns: 1fr; }}
  .figures {{ grid-template-columns: 1fr; }}
}}
@media print {{
  body {{ background: {PAPER}; }}
  .modebar-container {{ display: none; }}
  .card, .kpis {{ break-inside: avoid; }}
}}
"""

SCRIPT = """
const figures = JSON.parse(document.getElementById("figures").textContent);
// The buttons are named one by one: plotly's own choice has one that uploads the chart to its maker's cloud.
const config = {
  responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"], ["toImage"]],
};
const draw = (div, name) => Plotly.react(div, figures[name].data, figures[name].layout, config);
for (const div of document.querySelectorAll(".chart")) draw(div, div.dataset.figure);
const select = document.getElementById("instrument");
if (select) select.addEventListener("change", () => {
  draw(document.getElementById("chosen"), select.value);
  document.getElementById("caption").textContent = select.selectedOptions[0].dataset.caption;
});
"""
