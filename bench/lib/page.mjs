/** docs/benchmarks.md: rows that were measured are put in place of the older ones of their name, the others stay. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { markdown } from './report.mjs'
import { root } from './spawned.mjs'

const page = join(root, 'docs/benchmarks.md')

export function writePage(results) {
  const [, before, table, between, , after] =
    /^(.*<!-- table -->\n)(.*)(<!-- \/table -->.*<!-- machine -->\n)(.*)(<!-- \/machine -->.*)$/s.exec(readFileSync(page, 'utf8')) ?? []
  if (before === undefined) throw new Error(`${page} has no places for the table and the machine.`)
  const measured = new Map(results.map((result) => [result.name, rowsOf(markdown([result]))[0]]))
  const kept = rowsOf(table).filter((row) => !measured.has(nameOf(row)))
  const rows = [...kept, ...measured.values()].map(cellsOf).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const [head] = markdown([]).split('\n')
  writeFileSync(page, `${before}${aligned([cellsOf(head), ...rows])}\n${between}${machine()}\n${after}`)
}

function rowsOf(table) {
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
}

function cellsOf(row) {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function nameOf(row) {
  return cellsOf(row)[0]
}

function aligned([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function machine() {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `Node ${process.versions.node} on Linux ${release().split('-')[0]}, ${cpus().length} cores (${cpus()[0].model.trim()}), ${memory}${docker()}.`
}

function docker() {
  try {
    const version = execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return `; Docker ${version.trim()}`
  } catch {
    return ''
  }
}
