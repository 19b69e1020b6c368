/**
 * A hundred thousand lines from a container to a pipe, beyond what a run takes that prints one. A worker's line is out before the next
 * statement runs, so that a crash loses none; `console.log` of a plain Node keeps most of them in memory as long as the loop runs.
 * `least` is a Node that writes each line as it comes.
 */
import { image, withoutDocker } from '../lib/raw-docker.mjs'
import { beyondOne, command } from '../lib/spawned.mjs'

const count = 100_000
const program = 'for (let i = 0; i < process.argv[1]; i++) console.log(`line ${i} of a log that is about as long as lines of a log are`)'
const synchronous = program.replace('console.log(`', 'require("fs").writeSync(1, `').replace('are`)', 'are\\n`)')
const raw = (text) => (lines) => command(['docker', 'run', '--rm', image, 'node', '-e', text, String(lines)])
const run = (lines) =>
  command([process.execPath, 'dist/cli.js', 'run', 'bench/tasks/in-docker.mjs:lines', '--engine', 'docker', '-i', `count=${lines}`])

export const name = 'docker-logs'
export const goal = 1.5
export const rounds = 5
export const warmUps = 1
export const without = withoutDocker

export const floor = beyondOne(count, raw(program))
export const least = beyondOne(count, raw(synchronous))
export const subject = beyondOne(count, run)
