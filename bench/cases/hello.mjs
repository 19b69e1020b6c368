/** A command line that runs a task in a process is two processes; in raw Node, one that starts another and waits for it. */
import { join } from 'node:path'
import { command, root } from '../lib/spawned.mjs'

export const name = 'hello'
export const goal = 4
export const floor = command([process.execPath, '-e', '0'])
const startsAnother = `require('node:child_process').spawnSync(process.execPath, ['-e', '0'])`
export const least = command([process.execPath, '-e', startsAnother])
export const subject = command([process.execPath, '../dist/cli.js', 'run', 'hello', '--engine', 'process'], { cwd: join(root, 'examples') })
