/** Rows as columns that line up, two spaces apart. The last column is as long as it is. */
export function columnsText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
