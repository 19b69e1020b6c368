/**
 * A whole run, from the prompt to the prompt. Its container has a network of its own, and nothing of that is left; `least` is a Node that
 * does only that.
 */
import { join } from 'node:path'
import { image, withoutDocker } from '../lib/raw-docker.mjs'
import { command, root } from '../lib/spawned.mjs'

export const name = 'docker-hello'
export const goal = 1.3
export const rounds = 10
export const without = withoutDocker
export const floor = command(['docker', 'run', '--rm', image, 'node', '-e', '0'])
export const least = command([process.execPath, 'bench/tasks/one-container.mjs'])
export const subject = command([process.execPath, '../dist/cli.js', 'run', 'hello', '--engine', 'docker'], { cwd: join(root, 'examples') })
