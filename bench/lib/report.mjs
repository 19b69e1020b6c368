const HEAD = ['benchmark', 'floor', 'least', 'subject', 'ratio', 'middle half', 'goal', '']

export function markdown(results) {
  const rows = results.map(({ name, unit, floor, least, leastRatio, subject, ratio, low, high, goal }) => [
    name,
    `${floor.toFixed(1)} ${unit}`,
    least === undefined ? '' : `${least.toFixed(1)} ${unit} (${leastRatio.toFixed(2)})`,
    `${subject.toFixed(1)} ${unit}`,
    ratio.toFixed(2),
    `${low.toFixed(2)} to ${high.toFixed(2)}`,
    goal === undefined ? '' : `≤ ${goal}`,
    goal === undefined ? '' : ratio <= goal ? 'ok' : 'missed',
  ])
  const widths = HEAD.map((_, column) => Math.max(3, ...[HEAD, ...rows].map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
