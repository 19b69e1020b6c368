/** Milliseconds a call: of 1,000 calls at width 8 against 100. */
import { manyCalls } from '../lib/many-calls.mjs'

export const name = 'linear-time'
export const goal = 1.1
export const rounds = 3
export const warmUps = 0

export async function floor() {
  return (await manyCalls(100)).ms / 100
}

export async function subject() {
  return (await manyCalls(1000)).ms / 1000
}
