import { command } from '../lib/spawned.mjs'

export const name = 'cli-version'
export const goal = 1.5
export const floor = command([process.execPath, '-e', '0'])
export const subject = command([process.execPath, 'dist/cli.js', '--version'])
