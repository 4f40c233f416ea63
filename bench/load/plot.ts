/** The plot of the report: bars of CPU time for every server, lines for growth. One SVG, no script. */

import { median } from '../measure.ts';
import { number } from './markdown.ts';
import { OURS } from './lineup.ts';
import type { GrowthCurve, Results } from './results.ts';
import { medianOf, runsOf } from './statistics.ts';
import { MIXES } from './workload.ts';

const WIDTH = 760;
const LEFT = 130;
const RIGHT = 700;
/** Bars beyond this are cut; their figure stands beside them. */
const MICROSECONDS_MAX = 16;
const BAR_HEIGHT = 9;
const ROW_HEIGHT = MIXES.length * BAR_HEIGHT + 9;
const TOP = 60;
const PANEL_WIDTH = 200;
const PANEL_HEIGHT = 130;

/** Colours that carry on white and on black. */
const STYLE = `text { font: 12px sans-serif; fill: #222 } .small { font-size: 9px } .axis { stroke: #999 }
.blocked { fill: #c8553d } .cached { fill: #3d7ec8 } .mixed { fill: #5f9e4a } .ours { font-weight: bold }
.line { stroke: #3d7ec8; fill: none; stroke-width: 2 } .point { fill: #3d7ec8 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .axis { stroke: #777 } }`;

export function plot({ comparison, growth }: Results): string {
  const servers = [...new Set(comparison.runs.map(({ server }) => server))]
    .map((server) => ({
      server,
      microseconds: MIXES.map((mix) =>
        medianOf(runsOf(comparison, server, mix), (run) => run.cpuMicroseconds),
      ),
    }))
    .toSorted((a, b) => (a.microseconds.at(-1) ?? 0) - (b.microseconds.at(-1) ?? 0));
  const title = `CPU µs a query, ${number(comparison.nameCount, 0)} names, one core`;
  const rows = servers.map(({ server, microseconds }, index) => {
    const y = TOP + index * ROW_HEIGHT;
    const style = server.startsWith(OURS) ? ' class="ours"' : '';
    const label = `<text x="${LEFT - 8}" y="${y + 18}" text-anchor="end"${style}>${server}</text>`;
    return label + microseconds.map((value, mix) => bar(value, mix, y)).join('');
  });
  const panelsY = TOP + servers.length * ROW_HEIGHT + 50;
  const panels = growth.map((curve, index) => panel(curve, 60 + index * 240, panelsY));
  const height = panelsY + (growth.length === 0 ? -20 : PANEL_HEIGHT + 40);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
<style>${STYLE}</style>
<text x="${LEFT}" y="20">${title}</text>
${legend()}
${[...rows, ...panels].join('\n')}
</svg>
`;
}

function legend(): string {
  return MIXES.map((mix, index) => {
    const x = LEFT + index * 90;
    return `<rect x="${x}" y="32" width="10" height="10" class="${mix}"/><text x="${x + 15}" y="41">${mix}</text>`;
  }).join('');
}

function bar(microseconds: number, mix: number, rowY: number): string {
  if (Number.isNaN(microseconds)) return '';
  const y = rowY + mix * BAR_HEIGHT;
  const share = Math.min(1, microseconds / MICROSECONDS_MAX);
  const width = ((RIGHT - LEFT) * share).toFixed(1);
  const cut = microseconds > MICROSECONDS_MAX ? '… ' : '';
  const label = `${cut}${number(microseconds, 2)}`;
  return (
    `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR_HEIGHT - 1}" class="${MIXES[mix] ?? ''}"/>` +
    `<text x="${LEFT + Number(width) + 4}" y="${y + 8}" class="small">${label}</text>`
  );
}

/** Sizes stand at equal distances: each is ten times the one before, more or less. */
function panel({ of, points }: GrowthCurve, x: number, y: number): string {
  const medians = points.map(({ cpuMicroseconds }) => median(cpuMicroseconds));
  const top = Math.max(1, ...medians) * 1.2;
  const place = (index: number): { readonly x: number; readonly y: number } => ({
    x: x + ((index + 0.5) * PANEL_WIDTH) / points.length,
    y: y + PANEL_HEIGHT * (1 - (medians[index] ?? 0) / top),
  });
  const line = points.map((_point, index) => `${place(index).x},${place(index).y.toFixed(1)}`);
  const marks = points.map(({ size }, index) => {
    const at = place(index);
    return (
      `<circle cx="${at.x}" cy="${at.y.toFixed(1)}" r="3" class="point"/>` +
      `<text x="${at.x}" y="${(at.y - 8).toFixed(1)}" class="small" text-anchor="middle">${number(medians[index] ?? 0, 2)}</text>` +
      `<text x="${at.x}" y="${y + PANEL_HEIGHT + 14}" class="small" text-anchor="middle">${number(size, 0)}</text>`
    );
  });
  const axis = `M${x},${y} V${y + PANEL_HEIGHT} H${x + PANEL_WIDTH}`;
  return (
    `<text x="${x}" y="${y - 12}">CPU µs a query by ${of}</text><path d="${axis}" class="axis" fill="none"/>` +
    `<polyline points="${line.join(' ')}" class="line"/>${marks.join('')}`
  );
}
