/**
 * Measures against floors of raw Node, side by side: `npm run bench -- NAME...`, all without a name; `docker` means all
 * whose names begin with `docker-`.
 *
 *   --rounds N   measurements of each (a case has its own number)
 *   --check      exit code 1 if a goal is missed
 *   --page       writes what was measured into the table of docs/benchmarks.md as well
 *
 * Prints a Markdown table and writes bench/results.json. A case is a file of bench/cases that exports `name`, `goal` (the
 * ratio not to exceed; none where others are beside us), `floor` and `subject`, and may export `least` (see compare.mjs), `rounds`, `warmUps`, `unit`, `open`, `close` and
 * `without`, which says why it cannot be measured here.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compare } from './lib/compare.mjs'
import { writePage } from './lib/page.mjs'
import { markdown } from './lib/report.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, check: { type: 'boolean' }, page: { type: 'boolean' } },
})
const folder = join(import.meta.dirname, 'cases')
const cases = await Promise.all(readdirSync(folder).map((file) => import(join(folder, file))))
const means = (name, one) => one.name === name || one.name.startsWith(`${name}-`)
const unknown = positionals.filter((name) => !cases.some((one) => means(name, one)))
if (unknown.length > 0) {
  throw new Error(`There is no benchmark "${unknown[0]}". There are ${cases.map(({ name }) => name).join(', ')}.`)
}

const results = []
for (const one of cases) {
  if (positionals.length > 0 && !positionals.some((name) => means(name, one))) continue
  const reason = one.without?.()
  if (reason) {
    process.stderr.write(`${one.name} skipped: ${reason}\n`)
    continue
  }
  process.stderr.write(`${one.name} ...\n`)
  await one.open?.()
  try {
    const measured = await compare({ ...one, rounds: Number(values.rounds ?? one.rounds ?? 20), warmUps: one.warmUps ?? 2 })
    results.push({ name: one.name, unit: one.unit ?? 'ms', goal: one.goal, ...measured })
    if (values.page) writePage(results)
  } finally {
    await one.close?.()
  }
}

process.stdout.write(`${markdown(results)}\n`)
const report = { node: process.version, cores: availableParallelism(), platform: `${process.platform} ${process.arch}`, results }
writeFileSync(join(import.meta.dirname, 'results.json'), `${JSON.stringify(report, undefined, 2)}\n`)
if (values.check && results.some(({ ratio, goal }) => ratio > goal)) process.exitCode = 1
