import { join } from 'node:path'
import { command, root } from '../lib/spawned.mjs'

export const name = 'hello'
export const goal = 4
export const floor = command([process.execPath, '-e', '0'])
export const subject = command([process.execPath, '../dist/cli.js', 'run', 'hello', '--engine', 'process'], { cwd: join(root, 'examples') })
