/**
 * A hundred thousand lines from a task to a pipe, against what a program prints that has nothing but the pipe: beyond what each takes that
 * prints one, since `hello` measures the start.
 */
import { beyondOne, command } from '../lib/spawned.mjs'

const run = ['dist/cli.js', 'run', 'bench/tasks/lines.mjs', '--engine', 'process', '--no-record']

export const name = 'log-lines'
export const goal = 2
export const rounds = 5
export const warmUps = 1
export const floor = beyondOne(100_000, (lines) => command([process.execPath, 'bench/tasks/lines.cjs', String(lines)]))
export const subject = beyondOne(100_000, (lines) => command([process.execPath, ...run, '-i', `lines=${lines}`]))
