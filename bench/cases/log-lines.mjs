/** 100,000 lines from a task to a pipe, against what a program prints that has nothing but the pipe. */
import { command } from '../lib/spawned.mjs'

export const name = 'log-lines'
export const goal = 2
export const rounds = 5
export const warmUps = 1
export const floor = command([process.execPath, 'bench/tasks/lines.cjs'])
export const subject = command([process.execPath, 'dist/cli.js', 'run', 'bench/tasks/lines.mjs', '--engine', 'process', '--no-record'])
