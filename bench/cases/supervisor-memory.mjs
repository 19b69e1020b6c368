/** The most memory of the supervisor's process while 1,000 calls run at width 8, against what it may take. */
import { manyCalls } from '../lib/many-calls.mjs'

export const name = 'supervisor-memory'
export const goal = 1
export const unit = 'MiB'
export const rounds = 1
export const warmUps = 0

export async function floor() {
  return 150
}

export async function subject() {
  return (await manyCalls(1000)).peakMiB
}
