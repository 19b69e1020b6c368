/** Milliseconds a call: of 10,000 calls that wait at width 8 against 1,000. None may fail, and the supervisor holds at most 200 MiB. */
import { manyCalls } from '../lib/many-calls.mjs'

const allowedMiB = 200

export const name = 'queue-10000'
export const goal = 1.1
export const rounds = 1
export const warmUps = 0

export async function floor() {
  return (await manyCalls(1_000)).ms / 1_000
}

export async function subject() {
  const { ms, peakMiB } = await manyCalls(10_000)
  process.stderr.write(`queue-10000: the supervisor held ${Math.round(peakMiB)} MiB at most\n`)
  if (peakMiB > allowedMiB) throw new Error(`The supervisor held ${Math.round(peakMiB)} MiB; ${allowedMiB} MiB are allowed.`)
  return ms / 10_000
}
