/** The caller's own processor time a call: of a `join` of 1,000 calls at width 8 against one of 100. */
import { joined } from '../lib/joined.mjs'

export const name = 'join-time'
export const goal = 1.1
export const rounds = 2
export const warmUps = 0

export async function floor() {
  return (await joined(100)).ms / 100
}

export async function subject() {
  return (await joined(1_000)).ms / 1_000
}
