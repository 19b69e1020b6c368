/** The same for a task that calls eight others side by side. */
import { againstOriginal } from '../lib/original.mjs'

export const name = 'peers-original-children'
export const rounds = 3
export const warmUps = 1
export const { without, open, close, floor, subject } = againstOriginal(
  ['many', '-i', 'calls=8'],
  ['../bench/tasks/many.mjs', '-i', 'calls=8', '--concurrency', '9'],
)
