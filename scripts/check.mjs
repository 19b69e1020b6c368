/**
 * Every check, in one command; each runs even if one before it failed.
 *
 *   --static   without the tests
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const STEPS = [
  ['build', 'node', 'scripts/build.mjs'],
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware'],
  ['types', 'npm', 'run', '--silent', 'types'],
  ['unused code', 'knip'],
  ['package', 'node', 'scripts/package-check.mjs'],
  ['tests', 'vitest', 'run'],
]
const steps = process.argv.includes('--static') ? STEPS.filter(([name]) => name !== 'tests') : STEPS
const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` }

const failed = []
for (const [name, command, ...args] of steps) {
  const started = Date.now()
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) failed.push(name)
  process.stdout.write(
    `-- ${name}: ${status === 0 ? 'ok' : (error?.message ?? 'FAILED')}, ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  )
}
if (failed.length > 0) process.stderr.write(`Failed: ${failed.join(', ')}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
