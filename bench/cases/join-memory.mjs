/** How much the worker's memory grows by a `join` of 1,000 calls at width 8, against what it may. */
import { joined } from '../lib/joined.mjs'

export const name = 'join-memory'
export const goal = 1
export const unit = 'MiB'
export const rounds = 1
export const warmUps = 0

export async function floor() {
  return 50
}

export async function subject() {
  return (await joined(1_000)).grownMiB
}
